#include "cli/metrics_server.h"

#include <fmt/format.h>

#include <cstdio>

namespace varve::cli {

Result<std::unique_ptr<Exporter>> serve_metrics(const std::string& address, std::uint16_t port) {
  auto exporter = Exporter::start({.address = address, .port = port});
  if (!exporter) return exporter.error();
  fmt::print(stderr, "metrics at {}metrics, a page at {}\n", (*exporter)->url(), (*exporter)->url());
  if ((*exporter)->is_public()) {
    fmt::print(stderr, "note: whoever can reach {} may look; there is no password\n", address);
  }
  return exporter;
}

}  // namespace varve::cli
