#include "cli/metrics_server.h"

#include <fmt/format.h>

#include <cstdio>

namespace varve::cli {

Result<std::unique_ptr<Exporter>> serve_metrics(const std::string& address, std::uint16_t port) {
  auto exporter = Exporter::start({.address = address, .port = port});
  if (!exporter) return exporter.error();
  const bool open_to_others = (*exporter)->is_public();
  fmt::print(stderr, "metrics at {}metrics, a page at {}{}\n", (*exporter)->url(), (*exporter)->url(),
             open_to_others ? "" : " (for this machine only)");
  if (open_to_others) {
    fmt::print(stderr, "note: whoever can reach {} may look; there is no password\n", address);
  }
  return exporter;
}

std::uint32_t look_every_ms(const LogAddress& log) {
  return log.store->requests_are_priced() ? 60'000 : 5'000;
}

}  // namespace varve::cli
