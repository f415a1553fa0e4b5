// The doctor's own corner of a store, and its cleaning.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "object_store/probe/timed_store.h"

namespace varve::object_store {

/// Names for scratch objects, none of which outlives it. Not thread-safe.
class Scratch {
 public:
  /// Under `prefix + ".varve-doctor/<random>/"`.
  Scratch(TimedStore& patient, const std::string& prefix);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// A key, to be removed in the end.
  [[nodiscard]] std::string key(std::string_view name);

  /// Removes these now. Errors are no matter: they are tried again in the end.
  void drop(const std::vector<std::string>& keys);

  /// Removes what is left, and returns how many scratch objects are there yet.
  std::uint64_t clean();

  [[nodiscard]] const std::string& place() const { return place_; }

 private:
  void remove_all(const std::vector<std::string>& keys);

  TimedStore& patient_;
  std::string place_;
  std::set<std::string> keys_;  // by name, because a listing may be what is broken
};

}  // namespace varve::object_store
