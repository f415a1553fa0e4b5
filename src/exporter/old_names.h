// Names that metrics had in the version before. They are told beside the new ones for one version, and are
// listed nowhere else.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace varve::exporter {

struct Renamed {
  const char* now;
  const char* before;
};

/// Of Prometheus families.
[[nodiscard]] std::span<const Renamed> renamed_families() noexcept;

// Of /state.
void add_old_names_of_writer(nlohmann::ordered_json& state);
void add_old_names_of_point_reader(nlohmann::ordered_json& state);
void add_old_names_of_log(nlohmann::ordered_json& state);

}  // namespace varve::exporter
