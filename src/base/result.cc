#include "varve/result.h"

#include <utility>

namespace varve {

struct Error::Details {
  Code code;
  WriteOutcome outcome = WriteOutcome::not_written;
  std::optional<OffsetRange> valid_range = {};
  std::string message = {};
};

Error::Error(Code code, std::string message)
    : Error(std::make_shared<const Details>(Details{.code = code, .message = std::move(message)})) {}

Error::Error(std::shared_ptr<const Details> details) noexcept : details_(std::move(details)) {}

Error Error::with_outcome(WriteOutcome outcome) const {
  Details changed = *details_;
  changed.outcome = outcome;
  return Error(std::make_shared<const Details>(std::move(changed)));
}

Error Error::with_valid_range(OffsetRange range) const {
  Details changed = *details_;
  changed.valid_range = range;
  return Error(std::make_shared<const Details>(std::move(changed)));
}

Error Error::with_context(std::string_view prefix) const {
  Details changed = *details_;
  changed.message = std::string(prefix) + ": " + changed.message;
  return Error(std::make_shared<const Details>(std::move(changed)));
}

Code Error::code() const noexcept { return details_->code; }
const std::string& Error::message() const noexcept { return details_->message; }
WriteOutcome Error::outcome() const noexcept { return details_->outcome; }
const std::optional<OffsetRange>& Error::valid_range() const noexcept { return details_->valid_range; }

std::string_view to_string(Code code) noexcept {
  switch (code) {
    case Code::invalid_argument:
      return "invalid_argument";
    case Code::out_of_range:
      return "out_of_range";
    case Code::not_found:
      return "not_found";
    case Code::already_exists:
      return "already_exists";
    case Code::over_capacity:
      return "over_capacity";
    case Code::fenced:
      return "fenced";
    case Code::corruption:
      return "corruption";
    case Code::foreign:
      return "foreign";
    case Code::unsupported:
      return "unsupported";
    case Code::denied:
      return "denied";
    case Code::no_space:
      return "no_space";
    case Code::no_memory:
      return "no_memory";
    case Code::unavailable:
      return "unavailable";
    case Code::timed_out:
      return "timed_out";
    case Code::closed:
      return "closed";
    case Code::internal:
      return "internal";
  }
  return "unknown_code";
}

std::string_view to_string(WriteOutcome outcome) noexcept {
  switch (outcome) {
    case WriteOutcome::not_written:
      return "not_written";
    case WriteOutcome::unknown:
      return "unknown";
    case WriteOutcome::fenced:
      return "fenced";
  }
  return "unknown_outcome";
}

}  // namespace varve
