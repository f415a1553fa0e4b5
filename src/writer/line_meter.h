// How fast the line to the store is, from what uploads tell. Pure: times come in.
//
// While something is under way, so many bytes arrive in so much time: that is what the line carries at least,
// and the most of the last seconds is what it carries. A stretch of such time is some 50 ms, for arrivals are
// heard of late and together where processors are busy: the time of a single object, as BBR takes a packet's,
// would make the line as fast as two that were heard of in one instant.
//
// How many objects at once it takes to get the most out of it is tried: twice as many, and where the line
// then carries no more, half of them again. More would only wait, and would have been compressed, or not, by
// facts that are old when they go.
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
    bool alone = false;  ///< nothing else was under way
  };

  Departure depart(std::uint64_t bytes, Clock::time_point now) {
    const Departure departure{.at = now, .bytes = bytes, .alone = objects_ == 0};
    if (objects_ == 0) busy_since_ = now;
    ++objects_;
    under_way_bytes_ += bytes;
    return departure;
  }

  void arrive(const Departure& departure, Clock::time_point now) {
    --objects_;
    under_way_bytes_ -= departure.bytes;
    arrived_bytes_ += departure.bytes;
    end_stretch(departure.bytes, now);
    if (departure.alone && objects_ == 0)
      learn_alone(static_cast<double>(departure.bytes), in_ns(now - departure.at));
    if (++round_arrivals_ >= std::max(limit_, round_arrivals_min)) end_round(now);
  }

  /// For a byte, when there are enough of them. 0: not known yet.
  [[nodiscard]] double ns_per_byte() const {
    const double rate = std::max(present_, before_);
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

  /// Enough is under way to get the most out of the line.
  [[nodiscard]] bool full() {
    const bool is_full = objects_ >= limit_ && under_way_bytes_ >= full_bytes_min;
    kept_full_ = kept_full_ || is_full;
    return is_full;
  }

 private:
  static constexpr auto period = std::chrono::seconds(1);
  static constexpr std::size_t limit_min = 4;
  static constexpr std::size_t limit_max = 1024;                           // as a window
  static constexpr std::uint64_t full_bytes_min = std::uint64_t{1} << 20;  // little is never too much
  static constexpr std::size_t round_arrivals_min = 8;
  static constexpr auto try_every = std::chrono::seconds(2);
  static constexpr double clearly_more = 1.15;
  static constexpr double fading = 0.95;

  static constexpr double stretch_ns = 50e6;
  static constexpr double first_stretch_ns = 5e6;  // until anything is known
  static constexpr std::size_t stretch_arrivals_min = 4;

  static double in_ns(Clock::duration time) {
    return std::max(1.0, std::chrono::duration<double, std::nano>(time).count());
  }

  // Time in which nothing is under way is not the line's.
  void end_stretch(std::uint64_t bytes, Clock::time_point now) {
    busy_ns_ += in_ns(now - busy_since_);
    busy_since_ = now;
    stretch_bytes_ += bytes;
    ++stretch_arrivals_;
    const bool known = present_ > 0 || before_ > 0;
    if (busy_ns_ < (known ? stretch_ns : first_stretch_ns) || stretch_arrivals_ < stretch_arrivals_min)
      return;
    const double rate = static_cast<double>(stretch_bytes_) / busy_ns_;
    if (now - period_began_ > period) {
      before_ = now - period_began_ > 2 * period ? rate : present_;
      present_ = 0;
      period_began_ = now;
    }
    present_ = std::max(present_, rate);
    busy_ns_ = 0;
    stretch_bytes_ = 0;
    stretch_arrivals_ = 0;
  }

  // So many objects came that their rate tells something: was it worth having more of them under way?
  void end_round(Clock::time_point now) {
    const double rate = static_cast<double>(arrived_bytes_ - round_bytes_) / in_ns(now - round_began_);
    const bool tells = kept_full_ && round_bytes_ > 0;
    if (tells && settling_) {
      settling_ = false;
    } else if (tells && trying_) {
      const bool more = rate > clearly_more * rate_before_;
      trying_ = more && limit_ < limit_max;
      if (!more) limit_ /= 2;
      if (trying_) raise_from(rate);
      if (!trying_) next_try_ = now + try_every;
    } else if (tells && now >= next_try_ && limit_ < limit_max) {
      raise_from(rate);
    }
    round_began_ = now;
    round_bytes_ = arrived_bytes_;
    round_arrivals_ = 0;
    kept_full_ = false;
  }

  void raise_from(double rate) {
    rate_before_ = rate;
    limit_ *= 2;
    trying_ = true;
    settling_ = true;
  }

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
  double present_ = 0;              // bytes in a nanosecond, the most of this period
  double before_ = 0;               // and of the one before
  Clock::time_point busy_since_{};  // while something is under way: from when on its time is not counted yet
  double busy_ns_ = 0;              // of this stretch
  std::uint64_t stretch_bytes_ = 0;
  std::size_t stretch_arrivals_ = 0;
  std::size_t limit_ = limit_min;
  std::size_t round_arrivals_ = 0;
  Clock::time_point round_began_{};
  std::uint64_t round_bytes_ = 0;  // arrived before it
  bool kept_full_ = false;
  bool trying_ = false;
  bool settling_ = false;  // the first round after a change has objects of both
  double rate_before_ = 0;
  Clock::time_point next_try_{};
  double weight_ = 0;
  double bytes_ = 0;
  double ns_ = 0;
  double bytes_bytes_ = 0;
  double bytes_ns_ = 0;
};

}  // namespace varve::writer
