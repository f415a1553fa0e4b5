// An exporter as commands run it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "varve/exporter.h"

namespace varve::cli {

/// Starts one, and says on standard error where it is; aloud if others than this machine can look.
Result<std::unique_ptr<Exporter>> serve_metrics(const std::string& address, std::uint16_t port);

/// How often to look at a log from outside, unless told otherwise: less often where each request costs money.
[[nodiscard]] std::uint32_t look_every_ms(const LogAddress& log);

}  // namespace varve::cli
