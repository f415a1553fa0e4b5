// Telling people what went wrong: one line on standard error, "varve: what; what to do next".
#pragma once

#include <string_view>

#include "cli/exit_codes.h"

namespace varve::cli {

/// Prints "varve: " and the message.
void complain(std::string_view message);

/// Prints what happened and returns the exit code for it.
ExitCode report(const Error& error);

}  // namespace varve::cli
