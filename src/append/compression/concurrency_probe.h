// How many objects at once it takes to get the most out of the line to the store. Pure: times come in.
//
// It is tried: twice as many, and where the line then carries no more, half of them again. More would only
// wait, and would have been compressed, or not, by what was known long before they go.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace varve::append {

class ConcurrencyProbe {
 public:
  using Clock = std::chrono::steady_clock;

  void depart(std::uint64_t bytes) {
    ++objects_;
    under_way_bytes_ += bytes;
  }

  void arrive(std::uint64_t bytes, Clock::time_point now) {
    --objects_;
    under_way_bytes_ -= bytes;
    arrived_bytes_ += bytes;
    if (++round_arrivals_ >= std::max(limit_, round_arrivals_min)) end_round(now);
  }

  /// Enough is under way to get the most out of the line.
  [[nodiscard]] bool full() {
    const bool is_full = objects_ >= limit_ && under_way_bytes_ >= full_bytes_min;
    kept_full_ = kept_full_ || is_full;
    return is_full;
  }

 private:
  static constexpr std::size_t limit_min = 4;
  static constexpr std::size_t limit_max = 1024;                           // as a window
  static constexpr std::uint64_t full_bytes_min = std::uint64_t{1} << 20;  // little is never too much
  static constexpr std::size_t round_arrivals_min = 8;
  static constexpr auto try_every = std::chrono::seconds(2);
  static constexpr double clearly_more = 1.15;

  // So many objects came that their rate tells something: was it worth having more of them under way?
  void end_round(Clock::time_point now) {
    const double passed_ns =
        std::max(1.0, std::chrono::duration<double, std::nano>(now - round_began_).count());
    const double rate = static_cast<double>(arrived_bytes_ - round_bytes_) / passed_ns;
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

  std::size_t objects_ = 0;
  std::uint64_t under_way_bytes_ = 0;
  std::uint64_t arrived_bytes_ = 0;
  std::size_t limit_ = limit_min;
  std::size_t round_arrivals_ = 0;
  Clock::time_point round_began_{};
  std::uint64_t round_bytes_ = 0;  // arrived before it
  bool kept_full_ = false;
  bool trying_ = false;
  bool settling_ = false;  // the first round after a change has objects of both
  double rate_before_ = 0;
  Clock::time_point next_try_{};
};

}  // namespace varve::append
