#include "bindings/c/failure.h"

namespace varve::bindings {

namespace {

// Nobody writes to it.
constinit varve_error no_memory_left{};

}  // namespace

varve_error* out_of_memory() noexcept { return &no_memory_left; }

varve_error* make_error(const Error& error) noexcept {
  auto* made = new (std::nothrow) varve_error{error};
  return made != nullptr ? made : out_of_memory();
}

// No default: the compiler names the code that is new.
varve_code code_of(Code code) noexcept {
  switch (code) {
    case Code::invalid_argument:
      return VARVE_INVALID_ARGUMENT;
    case Code::out_of_range:
      return VARVE_OUT_OF_RANGE;
    case Code::not_found:
      return VARVE_NOT_FOUND;
    case Code::already_exists:
      return VARVE_ALREADY_EXISTS;
    case Code::over_capacity:
      return VARVE_OVER_CAPACITY;
    case Code::fenced:
      return VARVE_FENCED;
    case Code::corruption:
      return VARVE_CORRUPTION;
    case Code::foreign:
      return VARVE_FOREIGN;
    case Code::unsupported:
      return VARVE_UNSUPPORTED;
    case Code::denied:
      return VARVE_DENIED;
    case Code::no_space:
      return VARVE_NO_SPACE;
    case Code::no_memory:
      return VARVE_OUT_OF_MEMORY;
    case Code::unavailable:
      return VARVE_UNAVAILABLE;
    case Code::timed_out:
      return VARVE_TIMED_OUT;
    case Code::closed:
      return VARVE_CLOSED;
    case Code::internal:
      return VARVE_INTERNAL;
  }
  return VARVE_INTERNAL;
}

namespace {

varve_outcome outcome_of(WriteOutcome outcome) noexcept {
  switch (outcome) {
    case WriteOutcome::not_written:
      return VARVE_NOT_WRITTEN;
    case WriteOutcome::unknown:
      return VARVE_OUTCOME_UNKNOWN;
    case WriteOutcome::fenced:
      return VARVE_OUTCOME_FENCED;
  }
  return VARVE_OUTCOME_UNKNOWN;
}

}  // namespace

}  // namespace varve::bindings

using varve::bindings::code_of;
using varve::bindings::out_of_memory;

uint32_t varve_interface_version(void) { return VARVE_INTERFACE_VERSION; }

const char* varve_code_name(int code) {
  if (code == VARVE_OK) return "ok";
  if (code == VARVE_OUT_OF_MEMORY) return "out_of_memory";
  for (int i = 0; i <= static_cast<int>(varve::Code::internal); ++i) {
    const auto known = static_cast<varve::Code>(i);
    if (code_of(known) == code) return varve::to_string(known).data();  // of a literal: it ends in a zero
  }
  return "unknown";
}

varve_code varve_error_code(const varve_error* error) {
  if (error == nullptr) return VARVE_OK;
  return error->error ? code_of(error->error->code()) : VARVE_OUT_OF_MEMORY;
}

const char* varve_error_message(const varve_error* error) {
  if (error == nullptr) return "";
  return error->error ? error->error->message().c_str() : "memory is exhausted";
}

varve_outcome varve_error_outcome(const varve_error* error) {
  if (error == nullptr || !error->error) return VARVE_NOT_WRITTEN;
  return varve::bindings::outcome_of(error->error->outcome());
}

bool varve_error_valid_range(const varve_error* error, uint64_t* begin, uint64_t* end) {
  if (error == nullptr || !error->error || !error->error->valid_range()) return false;
  if (begin != nullptr) *begin = error->error->valid_range()->begin;
  if (end != nullptr) *end = error->error->valid_range()->end;
  return true;
}

varve_error* varve_error_copy(const varve_error* error) {
  if (error == nullptr || !error->error) return out_of_memory();
  return varve::bindings::make_error(*error->error);
}

void varve_error_free(varve_error* error) {
  if (error != out_of_memory()) delete error;
}
