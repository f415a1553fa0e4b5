// The commands. Each adds its arguments, help and examples to the parser; once they are parsed, the
// chosen one does its work and leaves its exit code.
#pragma once

#include "cli/exit_codes.h"

namespace varve::cli {

class Command;

void add_append(Command& commands, ExitCode& exit_code);
void add_cat(Command& commands, ExitCode& exit_code);
void add_cursor(Command& commands, ExitCode& exit_code);
void add_get(Command& commands, ExitCode& exit_code);
void add_info(Command& commands, ExitCode& exit_code);
void add_mirror(Command& commands, ExitCode& exit_code);
void add_promote(Command& commands, ExitCode& exit_code);
void add_repair(Command& commands, ExitCode& exit_code);
void add_retain(Command& commands, ExitCode& exit_code);
void add_trim(Command& commands, ExitCode& exit_code);
void add_verify(Command& commands, ExitCode& exit_code);
void add_dump(Command& commands, ExitCode& exit_code);
void add_top(Command& commands, ExitCode& exit_code);
void add_serve_metrics(Command& commands, ExitCode& exit_code);
void add_doctor(Command& commands, ExitCode& exit_code);
void add_bench(Command& commands, ExitCode& exit_code);

}  // namespace varve::cli
