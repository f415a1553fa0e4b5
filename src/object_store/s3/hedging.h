// When to send a slow request a second time.
//
// Object stores answer one request in a few hundred many times slower than the rest, while the same
// request sent again is fast: "The Tail at Scale", Dean and Barroso, CACM 56(2), 2013. A duplicate
// PUT is harmless here: create-if-absent lets one of them in, and the log checks whose it is.
//
// Each kind and size of request has latencies and a budget of its own: many small ones would pay for
// duplicates of the few large ones, which cost most.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "object_store/s3/moment.h"

namespace varve::object_store::s3 {

class Hedging {
 public:
  enum class Kind : std::uint8_t { put, get };

  /// After how long a request of this kind and size is slower than 95 % of its recent peers.
  /// Nothing until enough of them were seen.
  [[nodiscard]] std::optional<Span> patience(Kind kind, std::uint64_t bytes) const;

  /// A request was answered properly after `taken`, counted from its first sending.
  void observe(Kind kind, std::uint64_t bytes, Span taken);

  /// Which requests get one. `early`: slower than their peers; `overdue`: twice the patience and more.
  enum class Lateness : std::uint8_t { early, overdue };

  /// A request was sent: its class earns up to a twentieth of a duplicate, less where duplicates are of no
  /// use.
  void earn(Kind kind, std::uint64_t bytes) noexcept;

  /// Takes a duplicate from what was earned. False if there is none. The last few are kept for requests that
  /// are overdue: one request in twenty is merely slow and would use everything up; then one that stalls
  /// found nothing left. And early ones must have shown that they are of use themselves.
  [[nodiscard]] bool spend(Kind kind, std::uint64_t bytes, Lateness lateness) noexcept;

  /// A request that had a duplicate was answered properly, by that or by the first sending. A store
  /// that is slow because it is busy answers in order, and duplicates only make it busier.
  void settled(Kind kind, std::uint64_t bytes, Lateness lateness, bool by_duplicate) noexcept;

 private:
  /// The latest latencies of one kind and size class, and their 95th percentile now and then.
  class Recent {
   public:
    void add(Span taken);
    [[nodiscard]] std::optional<Span> p95() const noexcept { return p95_; }

   private:
    std::vector<Span> ring_;
    std::size_t next_ = 0;
    std::uint32_t since_sorted_ = 0;
    std::optional<Span> p95_;
  };

  static constexpr double kept_for_overdue = 3;

  struct Class {
    Recent recent;
    double allowance = kept_for_overdue + 1;
    double early_allowance = 1;
    // How many of the latest duplicates, of each lateness, were answered first.
    std::array<double, 2> use = {1, 1};
  };

  static constexpr std::size_t size_classes = 8;
  static std::size_t index_of(Kind kind, std::uint64_t bytes) noexcept;

  std::array<Class, 2 * size_classes> classes_;
};

}  // namespace varve::object_store::s3
