// What is watched, as the page wants it: JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "exporter/log_watch.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace varve::exporter {

[[nodiscard]] nlohmann::ordered_json writer_state(const WriterStatus& status, const WriterMetrics& metrics);
[[nodiscard]] nlohmann::ordered_json reader_state(const ReaderMetrics& metrics);
[[nodiscard]] nlohmann::ordered_json point_reader_state(const PointReaderMetrics& metrics);
[[nodiscard]] nlohmann::ordered_json log_state(const LogView& view);

}  // namespace varve::exporter
