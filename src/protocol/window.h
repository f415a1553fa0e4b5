// Which objects are in flight, and how far the acknowledged prefix reaches: a ring of W places,
// filled in any order, left in order.
#pragma once

#include <cstdint>
#include <vector>

#include "base/invariant.h"
#include "format/header.h"

namespace varve::protocol {

/// `Slot` is what is kept for each object in flight.
template <class Slot>
class Window {
 public:
  Window(Seq first, std::uint32_t size) : slots_(size), begin_(first), end_(first) {}

  [[nodiscard]] bool full() const { return end_ - begin_ == slots_.size(); }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::uint32_t in_flight() const { return static_cast<std::uint32_t>(end_ - begin_); }
  /// The lowest seq in flight; everything below has left.
  [[nodiscard]] Seq begin() const { return begin_; }
  /// The next seq to enter.
  [[nodiscard]] Seq end() const { return end_; }
  [[nodiscard]] bool contains(Seq seq) const { return begin_ <= seq && seq < end_; }

  Slot& enter(Slot slot) {
    VARVE_INVARIANT(!full());
    Slot& place = slots_[end_ % slots_.size()];
    place = std::move(slot);
    ++end_;
    return place;
  }

  [[nodiscard]] Slot& at(Seq seq) {
    VARVE_INVARIANT(contains(seq));
    return slots_[seq % slots_.size()];
  }
  [[nodiscard]] const Slot& at(Seq seq) const {
    VARVE_INVARIANT(contains(seq));
    return slots_[seq % slots_.size()];
  }

  /// The lowest one leaves.
  void leave() {
    VARVE_INVARIANT(!empty());
    ++begin_;
  }

 private:
  std::vector<Slot> slots_;
  Seq begin_;
  Seq end_;
};

}  // namespace varve::protocol
