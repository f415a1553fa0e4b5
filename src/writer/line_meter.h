// How fast the line to the store is, from what uploads tell. Pure: times come in.
//
// While an object is under way, so many bytes arrive, its own included: that many in its time is what the
// line carries at least (as BBR measures it, which is where this comes from). The most of the last seconds
// is what it carries. More under way than it carries in the time that an object takes at its quickest would
// only wait, and be compressed, or not, by facts that are old by then.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace varve::writer {

class LineMeter {
 public:
  using Clock = std::chrono::steady_clock;

  /// An object on its way.
  struct Departure {
    Clock::time_point at{};
    std::uint64_t bytes = 0;
    std::uint64_t arrived_before = 0;
    bool alone = false;  ///< nothing else was under way
  };

  Departure depart(std::uint64_t bytes, Clock::time_point now) {
    const Departure departure{
        .at = now, .bytes = bytes, .arrived_before = arrived_bytes_, .alone = objects_ == 0};
    ++objects_;
    under_way_bytes_ += bytes;
    return departure;
  }

  void arrive(const Departure& departure, Clock::time_point now) {
    --objects_;
    under_way_bytes_ -= departure.bytes;
    arrived_bytes_ += departure.bytes;
    const double ns = std::max(1.0, std::chrono::duration<double, std::nano>(now - departure.at).count());
    if (now - period_began_ > period) {
      before_ = now - period_began_ > 2 * period ? Best() : present_;
      present_ = {};
      period_began_ = now;
      if (before_.bytes_per_ns == 0) before_ = last_;
    }
    const double rate = static_cast<double>(arrived_bytes_ - departure.arrived_before) / ns;
    present_.bytes_per_ns = std::max(present_.bytes_per_ns, rate);
    present_.object_ns = present_.object_ns == 0 ? ns : std::min(present_.object_ns, ns);
    last_ = present_;
    if (departure.alone && objects_ == 0) learn_alone(static_cast<double>(departure.bytes), ns);
  }

  /// For a byte, when there are enough of them. 0: not known yet.
  [[nodiscard]] double ns_per_byte() const {
    const double rate = std::max(present_.bytes_per_ns, before_.bytes_per_ns);
    return rate == 0 ? 0 : 1 / rate;
  }

  /// For a byte more of an object that has the line for itself. 0: not known yet.
  [[nodiscard]] double alone_ns_per_byte() const {
    if (weight_ == 0) return ns_per_byte();
    const double mean_bytes = bytes_ / weight_;
    const double mean_ns = ns_ / weight_;
    const double variance = bytes_bytes_ / weight_ - mean_bytes * mean_bytes;
    // Objects all alike do not tell what a byte costs and what a request: then it may be the bytes.
    if (variance < mean_bytes * mean_bytes / 100) return mean_ns / std::max(1.0, mean_bytes);
    return std::max(0.0, (bytes_ns_ / weight_ - mean_bytes * mean_ns) / variance);
  }

  /// What is under way keeps the line busy for a while: more would only wait.
  [[nodiscard]] bool full() const {
    if (objects_ < objects_min) return false;
    const double rate = std::max(present_.bytes_per_ns, before_.bytes_per_ns);
    const double quickest_ns = before_.object_ns == 0    ? present_.object_ns
                               : present_.object_ns == 0 ? before_.object_ns
                                                         : std::min(present_.object_ns, before_.object_ns);
    return static_cast<double>(under_way_bytes_) >= under_way_factor * rate * quickest_ns;
  }

 private:
  static constexpr auto period = std::chrono::seconds(1);
  static constexpr std::size_t objects_min = 4;
  // Latencies vary: what is slow now must not keep what is quick from being seen. At 1 nothing would ever
  // wait, and nothing would ever be found to be faster.
  static constexpr double under_way_factor = 4;
  static constexpr double fading = 0.95;

  struct Best {
    double bytes_per_ns = 0;
    double object_ns = 0;
  };

  // The straight line through what lone objects took, the latest counting most.
  void learn_alone(double bytes, double ns) {
    for (double* const sum : {&weight_, &bytes_, &ns_, &bytes_bytes_, &bytes_ns_}) *sum *= fading;
    weight_ += 1;
    bytes_ += bytes;
    ns_ += ns;
    bytes_bytes_ += bytes * bytes;
    bytes_ns_ += bytes * ns;
  }

  std::size_t objects_ = 0;
  std::uint64_t under_way_bytes_ = 0;
  std::uint64_t arrived_bytes_ = 0;
  Clock::time_point period_began_{};
  Best present_;
  Best before_;
  Best last_;
  double weight_ = 0;
  double bytes_ = 0;
  double ns_ = 0;
  double bytes_bytes_ = 0;
  double bytes_ns_ = 0;
};

}  // namespace varve::writer
