// Arguments that several commands share.
#pragma once

#include <cstdint>
#include <string>

#include "cli/framing.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
class Option;
}  // namespace CLI

namespace varve::cli {

/// Adds a command. The first line of `about` is its summary; `examples` are shown at the end of its
/// help, one a line.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& about,
                      const std::string& examples);

/// Adds LOG.
void add_log(CLI::App& app, std::string& log);

/// Adds --framing.
void add_framing(CLI::App& app, Framing& framing);

/// Adds --json.
void add_json(CLI::App& app, bool& json);

/// Makes `option` take bytes with a unit: "8MiB", "500KB", "4096".
void in_bytes(CLI::Option& option, std::uint64_t least, std::uint64_t most);

/// Makes `option` take a time with a unit: "2s", "5min"; without one it is milliseconds.
void in_milliseconds(CLI::Option& option, std::uint64_t most);

}  // namespace varve::cli
