// The marks of what a consumer has been handed out and has not committed: what its cursor is bound by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "varve/reader.h"

namespace varve::consume {

class ReadMarks {
 public:
  /// The record before `mark.offset` has been handed out; offsets only grow.
  void add(const ReadMark& mark) {
    if (!objects_.empty() && objects_.back().history == mark.history &&
        objects_.back().end + 1 == mark.offset) {
      objects_.back().end = mark.offset;
      return;
    }
    // Beyond the bound the newer ones are not kept: what is committed there is looked up.
    if (objects_.size() < objects_max) objects_.push_back({mark.offset, mark.offset, mark.history});
  }

  /// The mark of `offset`, if the record before it was one of those.
  [[nodiscard]] std::optional<ReadMark> at(Offset offset) const {
    for (const Object& object : objects_) {
      if (object.first <= offset && offset <= object.end) return ReadMark{offset, object.history};
    }
    return std::nullopt;
  }

  /// All below is committed.
  void forget_below(Offset offset) {
    while (!objects_.empty() && objects_.front().end <= offset) objects_.pop_front();
  }

  [[nodiscard]] std::size_t size() const { return objects_.size(); }

  static constexpr std::size_t objects_max = 4096;

 private:
  /// Of one object, the offsets behind records that were handed out.
  struct Object {
    Offset first = 0;
    Offset end = 0;
    std::uint64_t history = 0;
  };
  std::deque<Object> objects_;
};

}  // namespace varve::consume
