// Trials of what a log needs: each uses the store as a log would, and says what it saw.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "object_store/probe/scratch.h"
#include "object_store/probe/timed_store.h"
#include "object_store/probe/verdicts.h"
#include "varve/result.h"

namespace varve::object_store {

/// What a trial works with.
struct Trial {
  TimedStore& patient;
  Scratch& scratch;
  /// Told which part of the trial is done; an error (`closed`) ends it.
  std::function<Result<void>(double part)> go_on = [](double) { return Result<void>(); };
};

// An error is what kept the trial from seeing anything.

Result<Seen> check_create_if_absent(const Trial& trial);
Result<Seen> check_atomic_create(const Trial& trial, std::size_t races, std::size_t racers);
Result<Seen> check_replace(const Trial& trial, std::size_t rounds);
Result<Seen> check_remove(const Trial& trial, std::size_t objects);
Result<Seen> check_read_after_write(const Trial& trial, std::size_t rounds);
Result<Seen> check_list_after_write(const Trial& trial, std::size_t rounds);
Result<Seen> check_list_order(const Trial& trial, std::size_t objects);
Result<Seen> check_ranges(const Trial& trial);

/// Creates an object of a name that was never used. "Exists" is fine then: the store's own retry met
/// the first try.
Result<void> create_fresh(TimedStore& patient, const std::string& key, std::string_view text);

/// The text of what is not there.
inline constexpr std::string_view nothing = "nothing";
/// What is stored there: its text, or `nothing`.
Result<std::string> text_of(TimedStore& patient, const std::string& key, ByteRange range = {});

}  // namespace varve::object_store
