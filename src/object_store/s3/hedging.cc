#include "object_store/s3/hedging.h"

#include <algorithm>
#include <bit>

namespace varve::object_store::s3 {

namespace {
constexpr std::size_t remembered = 256;
constexpr std::uint32_t sort_every = 16;
constexpr std::size_t enough = 32;
constexpr double share_max = 0.05;
constexpr double share_min = 0.005;        // to notice when they are of use again
constexpr double early_share_min = 0.003;  // they take from the slowest requests of a store that is busy
constexpr double allowance_max = 10;       // a quiet hour must not pay for a storm
}  // namespace

void Hedging::Recent::add(Span taken) {
  if (ring_.size() < remembered) {
    ring_.push_back(taken);
  } else {
    ring_[next_] = taken;
    next_ = (next_ + 1) % remembered;
  }
  if (++since_sorted_ < sort_every || ring_.size() < enough) return;
  since_sorted_ = 0;
  std::vector<Span> sorted = ring_;
  const auto rank = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 95 / 100);
  std::nth_element(sorted.begin(), rank, sorted.end());
  p95_ = *rank;
}

/// Up to 16 KiB, and then by powers of four: 64 KiB, 256 KiB, ... 64 MiB and more.
std::size_t Hedging::index_of(Kind kind, std::uint64_t bytes) noexcept {
  const auto blocks = static_cast<std::uint64_t>((bytes + 16383) / 16384);
  const std::size_t size_class =
      blocks <= 1 ? 0 : std::min<std::size_t>(size_classes - 1, (std::bit_width(blocks - 1) + 1) / 2);
  return static_cast<std::size_t>(kind) * size_classes + size_class;
}

std::optional<Span> Hedging::patience(Kind kind, std::uint64_t bytes) const {
  return classes_[index_of(kind, bytes)].recent.p95();
}

void Hedging::observe(Kind kind, std::uint64_t bytes, Span taken) {
  classes_[index_of(kind, bytes)].recent.add(taken);
}

void Hedging::earn(Kind kind, std::uint64_t bytes) noexcept {
  Class& its = classes_[index_of(kind, bytes)];
  // With half of them of use the budget is whole: a straggler and its duplicate are two draws.
  const auto share = [&its](Lateness lateness, double least) {
    return std::clamp(2 * its.use[static_cast<std::size_t>(lateness)] * share_max, least, share_max);
  };
  its.allowance = std::min(its.allowance + share(Lateness::overdue, share_min), allowance_max);
  its.early_allowance =
      std::min(its.early_allowance + share(Lateness::early, early_share_min), allowance_max);
}

bool Hedging::spend(Kind kind, std::uint64_t bytes, Lateness lateness) noexcept {
  Class& its = classes_[index_of(kind, bytes)];
  const bool early = lateness == Lateness::early;
  if (its.allowance < 1 + (early ? kept_for_overdue : 0) || (early && its.early_allowance < 1)) return false;
  its.allowance -= 1;
  if (early) its.early_allowance -= 1;
  return true;
}

void Hedging::settled(Kind kind, std::uint64_t bytes, Lateness lateness, bool by_duplicate) noexcept {
  constexpr double weight = 0.125;
  double& use = classes_[index_of(kind, bytes)].use[static_cast<std::size_t>(lateness)];
  use += weight * ((by_duplicate ? 1.0 : 0.0) - use);
}

}  // namespace varve::object_store::s3
