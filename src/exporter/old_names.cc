#include "exporter/old_names.h"

#include <array>
#include <initializer_list>

namespace varve::exporter {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array renamed_ones{
    Renamed{.now = "varve_writer_standby_durable_offset", .before = "varve_writer_second_durable_offset"},
    Renamed{.now = "varve_writer_degraded", .before = "varve_writer_first_alone"},
    Renamed{.now = "varve_writer_unreplicated_records", .before = "varve_writer_first_alone_records"},
    Renamed{.now = "varve_writer_degradations_total", .before = "varve_writer_times_alone_total"},
    Renamed{.now = "varve_writer_standby_wait_seconds", .before = "varve_writer_second_wait_seconds"},
    Renamed{.now = "varve_writer_truncated_tail_objects_total", .before = "varve_writer_cut_objects_total"},
    Renamed{.now = "varve_reader_refreshes_total", .before = "varve_reader_looks_total"},
    Renamed{.now = "varve_point_reader_refreshes_total", .before = "varve_point_reader_looks_total"},
    Renamed{.now = "varve_inspections_total", .before = "varve_looks_total"},
    Renamed{.now = "varve_inspections_failed_total", .before = "varve_looks_failed_total"},
    Renamed{.now = "varve_log_truncated_objects", .before = "varve_log_cut_objects"},
    Renamed{.now = "varve_log_garbage_objects", .before = "varve_log_leftover_objects"},
};

void copy_members(Json& state, std::initializer_list<Renamed> names) {
  for (const auto& [now, before] : names) {
    const Json value = state.at(now);
    state[before] = value;
  }
}

}  // namespace

std::span<const Renamed> renamed_families() noexcept { return renamed_ones; }

void add_old_names_of_writer(Json& state) {
  copy_members(state, {{.now = "standby", .before = "second"},
                       {.now = "truncated_tail_objects", .before = "cut_objects"}});
  if (!state.at("second").is_object()) return;
  copy_members(state.at("second"), {{.now = "degraded", .before = "first_alone"},
                                    {.now = "degraded_since_unix_ms", .before = "first_alone_since_unix_ms"},
                                    {.now = "unreplicated_records", .before = "records_in_first_alone"},
                                    {.now = "degradations", .before = "times_alone"}});
}

void add_old_names_of_point_reader(Json& state) {
  copy_members(state, {{.now = "refreshes", .before = "looks"}});
}

void add_old_names_of_log(Json& state) {
  copy_members(state, {{.now = "inspections", .before = "looks"},
                       {.now = "inspections_failed", .before = "looks_failed"}});
}

}  // namespace varve::exporter
