// The commands. Each adds its arguments, help and examples to the parser; once they are parsed, the
// chosen one does its work and leaves its exit code.
#pragma once

#include "cli/exit_codes.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
}

namespace varve::cli {

void add_append(CLI::App& app, ExitCode& exit_code);
void add_cat(CLI::App& app, ExitCode& exit_code);
void add_info(CLI::App& app, ExitCode& exit_code);
void add_trim(CLI::App& app, ExitCode& exit_code);
void add_verify(CLI::App& app, ExitCode& exit_code);
void add_dump(CLI::App& app, ExitCode& exit_code);
void add_doctor(CLI::App& app, ExitCode& exit_code);
void add_bench(CLI::App& app, ExitCode& exit_code);

}  // namespace varve::cli
