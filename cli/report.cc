#include "cli/report.h"

#include <fmt/format.h>

#include <cstdio>

namespace varve::cli {

void complain(std::string_view message) { fmt::print(stderr, "varve: {}\n", message); }

ExitCode report(const Error& error) {
  complain(error.message());
  return exit_code_of(error.code());
}

}  // namespace varve::cli
