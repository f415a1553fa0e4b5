// An exporter as commands run it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "varve/exporter.h"

namespace varve::cli {

/// Starts one, and says on standard error where it is; aloud if others than this machine can look.
Result<std::unique_ptr<Exporter>> serve_metrics(const std::string& address, std::uint16_t port);

}  // namespace varve::cli
