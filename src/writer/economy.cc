#include "writer/economy.h"

#include <algorithm>
#include <array>

namespace varve::writer {

namespace {

// A batch smaller than this is not worth anybody's time.
constexpr std::uint64_t batch_bytes_min = 4096;
// What is sampled, as much as a block, for less shrinks less.
constexpr std::size_t sample_bytes = std::size_t{256} << 10;
// How often: so that samples take no more than a hundredth of one core, whatever they and the batches are.
constexpr int sample_share = 100;
constexpr auto sample_every = std::chrono::milliseconds(200);
// From the middle; and where that hardly shrinks, which is found quickly, from elsewhere as well: what is
// compressed already is not all alike.
constexpr std::array<std::size_t, 4> sampled_eighths{4, 1, 7, 2};
constexpr double clear_ratio = 0.9;
// A line that nobody has seen yet is taken for one of 300 MB/s: then the first batches are compressed
// quickly, if they shrink, which is a small mistake on any line.
constexpr double unseen_line_ns_per_byte = 3.3;
constexpr double newest_weight = 0.5;
constexpr double more_step = 1.1;
constexpr double more_max = 20;

double blend(double before, double now) { return before * (1 - newest_weight) + now * newest_weight; }

std::size_t index_of(const Candidates& candidates, const format::Packing& packing) {
  const auto at =
      std::ranges::find_if(candidates, [&](const Candidate& each) { return each.packing == packing; });
  return static_cast<std::size_t>(at - candidates.begin());
}

}  // namespace

void take_sample(std::span<const std::byte> body, format::Packer& packer, Candidates& candidates) {
  const std::size_t bytes = std::min(body.size(), sample_bytes);
  Candidates sums = candidates;
  for (Candidate& sum : sums) sum.ratio = sum.ns_per_byte = 0;
  double pieces = 0;
  for (const std::size_t eighth : sampled_eighths) {
    const auto piece = body.subspan((body.size() - bytes) / 8 * eighth, bytes);
    ++pieces;
    double least_ratio = 1;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      const auto began = thread_cpu();
      const std::size_t packed = packer.packed_bytes(piece, candidates[i].packing);
      const double ratio = static_cast<double>(packed) / static_cast<double>(bytes);
      sums[i].ratio += ratio;
      sums[i].ns_per_byte += static_cast<double>((thread_cpu() - began).count()) / static_cast<double>(bytes);
      least_ratio = std::min(least_ratio, ratio);
    }
    if (least_ratio < clear_ratio || body.size() == bytes) break;
  }
  for (std::size_t i = as_it_is + 1; i < candidates.size(); ++i) {
    candidates[i].ratio = sums[i].ratio / pieces;
    candidates[i].ns_per_byte = sums[i].ns_per_byte / pieces;
  }
}

Order Economy::order(std::uint64_t bytes, const Sight& sight, Clock::time_point now) {
  look(sight.appended_bytes, now);
  if (bytes < batch_bytes_min) return {};
  // Where others compete for the CPU, what is idle says little of what would be had: whether compressing
  // keeps up with the line says more.
  if (sight.done_waits) more_cores_ = std::min(more_cores_ * more_step, more_max);
  if (sight.line_waits) more_cores_ = std::max(more_cores_ / more_step, 1.0);
  Order order;
  order.candidates = scaled();
  order.present = present_;
  const CompressionFacts now_facts = facts(bytes, sight);
  if (!is_sampled_ || now >= next_sample_) {
    next_sample_ = now + sample_every;  // until it is known what this one took
    sampled_at_ = now;
    order.sample = now_facts;
    order.candidates = sampled_;
    return order;
  }
  present_ = choose(order.candidates, now_facts, present_);
  order.packing = order.candidates[present_].packing;
  return order;
}

void Economy::done(const Outcome& outcome) {
  own_cpu_ += outcome.cpu;
  if (outcome.sampled) {
    sampled_ = *outcome.sampled;
    is_sampled_ = true;
    next_sample_ = sampled_at_ + std::max<Clock::duration>(sample_every, outcome.sample_cpu * sample_share);
    present_ = std::min(index_of(sampled_, outcome.packing), sampled_.size() - 1);
  }
  const std::size_t used = index_of(sampled_, outcome.packing);
  if (used == as_it_is || used >= sampled_.size() || outcome.bytes == 0) return;
  const double ratio = static_cast<double>(outcome.packed_bytes) / static_cast<double>(outcome.bytes);
  const double ns =
      static_cast<double>((outcome.cpu - outcome.sample_cpu).count()) / static_cast<double>(outcome.bytes);
  ratio_scale_ = blend(ratio_scale_, std::clamp(ratio / sampled_[used].ratio, 0.2, 5.0));
  time_scale_ = blend(time_scale_, std::clamp(ns / std::max(0.01, sampled_[used].ns_per_byte), 0.2, 5.0));
}

CompressionFacts Economy::facts(std::uint64_t bytes, const Sight& sight) const {
  const double line = line_.ns_per_byte();
  const double alone = line_.alone_ns_per_byte();
  return {
      .batch_bytes = static_cast<double>(bytes),
      .cores = std::min(cpu_.cores() * more_cores_, std::max(cpu_.cores(), static_cast<double>(threads_))),
      .threads = static_cast<double>(threads_),
      .other_ns_per_byte = other_ns_per_byte_,
      .line_ns_per_byte = line == 0 ? unseen_line_ns_per_byte : line,
      .alone_ns_per_byte = alone == 0 ? unseen_line_ns_per_byte : alone,
      .demand_ns_per_byte = sight.others_wait ? 0 : demand_ns_per_byte_};
}

// The sample, as whole batches turn out against it.
Candidates Economy::scaled() const {
  Candidates candidates = sampled_;
  for (std::size_t i = as_it_is + 1; i < candidates.size(); ++i) {
    candidates[i].ratio = std::min(1.0, candidates[i].ratio * ratio_scale_);
    candidates[i].ns_per_byte *= time_scale_;
  }
  return candidates;
}

void Economy::look(std::uint64_t appended_bytes, Clock::time_point now) {
  if (!cpu_.look(now)) return;
  const double passed_ns = std::chrono::duration<double, std::nano>(now - looked_at_).count();
  if (appended_bytes > appended_bytes_) {
    const auto appended = static_cast<double>(appended_bytes - appended_bytes_);
    const auto others = std::max(std::chrono::nanoseconds(0), cpu_.used() - own_cpu_);
    other_ns_per_byte_ = blend(other_ns_per_byte_, static_cast<double>(others.count()) / appended);
    demand_ns_per_byte_ = passed_ns / appended;
  }
  own_cpu_ = {};
  appended_bytes_ = std::max(appended_bytes_, appended_bytes);
  looked_at_ = now;
}

}  // namespace varve::writer
