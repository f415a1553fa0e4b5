#include "cli/event_log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace varve::cli {
namespace {

spdlog::level::level_enum level_of(EventKind kind) {
  switch (kind) {
    case EventKind::sealed:
    case EventKind::opened:
    case EventKind::closed:
      return spdlog::level::debug;
    case EventKind::trimmed:
    case EventKind::recovered:
    case EventKind::standby_caught_up:
      return spdlog::level::info;
    case EventKind::truncated_tail:
    case EventKind::slowed_down:
    case EventKind::standby_lost:
      return spdlog::level::warn;
    case EventKind::fenced:
    case EventKind::gave_up:
    case EventKind::failed:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

EventCallback event_log(Verbosity verbosity) {
  if (verbosity == Verbosity::quiet) return {};
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("varve", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v", spdlog::pattern_time_type::utc);
  logger->set_level(verbosity == Verbosity::all ? spdlog::level::debug : spdlog::level::info);
  return [logger, verbosity](const Event& event) {
    const spdlog::level::level_enum level = level_of(event.kind);
    if (level == spdlog::level::err && verbosity != Verbosity::all) return;
    logger->log(level, "{} {}: {}", event.log, to_string(event.kind), event.message);
  };
}

}  // namespace varve::cli
