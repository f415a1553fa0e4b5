// What is watched, as Prometheus families. The names are documented in docs/operations.md.
#pragma once

#include "exporter/families.h"
#include "exporter/log_watch.h"
#include "varve/mirror.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace varve::exporter {

void add_writer(Families& families, const std::string& log, const WriterStatus& status,
                const WriterMetrics& metrics);
void add_reader(Families& families, const std::string& log, const ReaderMetrics& metrics);
void add_point_reader(Families& families, const std::string& log, const PointReaderMetrics& metrics);
void add_mirror(Families& families, const std::string& log, const MirrorStatus& status);
void add_log(Families& families, const std::string& log, const LogView& view);

}  // namespace varve::exporter
