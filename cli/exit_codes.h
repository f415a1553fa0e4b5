// What the command's exit status says; the same numbers stand in `varve --help`.
#pragma once

#include "varve/result.h"

namespace varve::cli {

enum class ExitCode : int {
  fine = 0,
  failure = 1,       ///< none of the others
  usage = 2,         ///< the command line can never work as it stands
  fenced = 3,        ///< another writer took the log over
  corruption = 4,    ///< the log is damaged
  unavailable = 5,   ///< the store cannot be reached, refuses, or is full
  out_of_range = 6,  ///< an offset that the log does not have
};

[[nodiscard]] constexpr ExitCode exit_code_of(Code code) noexcept {
  switch (code) {
    case Code::invalid_argument:
      return ExitCode::usage;
    case Code::fenced:
      return ExitCode::fenced;
    case Code::corruption:
    case Code::foreign:
      return ExitCode::corruption;
    case Code::denied:
    case Code::no_space:
    case Code::unavailable:
    case Code::timed_out:
      return ExitCode::unavailable;
    case Code::out_of_range:
      return ExitCode::out_of_range;
    case Code::not_found:
    case Code::already_exists:
    case Code::over_capacity:
    case Code::no_memory:
    case Code::unsupported:
    case Code::closed:
    case Code::internal:
      break;
  }
  return ExitCode::failure;
}

}  // namespace varve::cli
