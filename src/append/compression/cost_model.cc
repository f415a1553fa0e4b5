#include "append/compression/cost_model.h"

#include <algorithm>
#include <limits>

#include "append/compression/ewma.h"

namespace varve::append {

namespace {

// A batch smaller than this is not worth anybody's time.
constexpr std::uint64_t batch_bytes_min = 1024;
// What is sampled, as much as a block, for less shrinks less.
constexpr std::size_t sample_bytes = std::size_t{256} << 10;
// How often: so that samples take no more than a hundredth of one core, whatever they and the batches are.
constexpr int sample_share = 100;
constexpr auto sample_every = std::chrono::milliseconds(200);
// From the middle; and where that hardly shrinks, which is found quickly, from elsewhere as well: what is
// compressed already is not all alike.
constexpr std::array<std::size_t, 4> sampled_eighths{4, 1, 7, 2};
constexpr double clear_ratio = 0.9;
// What does not shrink by this much is not worth a reader's time.
constexpr double ratio_max = 0.98;
constexpr double newest_look_weight = 0.5;
// Batches are not all alike.
constexpr double newest_batch_weight = 0.1;
constexpr double newest_sample_weight = 0.25;
constexpr auto line_look_every = std::chrono::milliseconds(10);
constexpr std::uint64_t look_objects_min = 4;
// A line that is kept full is the limit only if the CPU is not: busier than this, objects wait for that.
constexpr double busy = 0.8;
// What the line carried so long ago is what it carries.
constexpr CostModel::Clock::duration line_trusted = std::chrono::seconds(10);
// Full and busy, it is not clear which of the two limits: the line for so long, for whoever begins appends as
// fast as memory takes it; then the CPU.
constexpr CostModel::Clock::duration unclear_max = std::chrono::milliseconds(200);
// Estimates are of what is possible at best.
constexpr double hope = 1.25;
// Where the line limits, there may be some use where samples saw none: one way is tried, which is quick where
// it is in vain.
constexpr std::size_t hoped_way = 2;
constexpr double hoped_ratio = 0.9;

double in_ns(std::chrono::nanoseconds time) { return static_cast<double>(time.count()); }

std::size_t way_of(const format::Packing& packing) {
  return static_cast<std::size_t>(std::ranges::find(packings, packing) - packings.begin());
}

}  // namespace

Sample take_sample(std::span<const std::byte> body, format::Packer& packer) {
  const std::size_t bytes = std::min(body.size(), sample_bytes);
  Sample sum{};
  for (Sample::Of& of : sum.of) of.ratio = 0;
  double pieces = 0;
  for (const std::size_t eighth : sampled_eighths) {
    const auto piece = body.subspan((body.size() - bytes) / 8 * eighth, bytes);
    ++pieces;
    double least_ratio = 1;
    for (std::size_t way = as_it_is + 1; way < ways; ++way) {
      const auto began = thread_cpu();
      const std::size_t packed = packer.packed_bytes(piece, packings[way]);
      const double ratio = static_cast<double>(packed) / static_cast<double>(bytes);
      sum.of[way].ratio += ratio;
      sum.of[way].ns_per_byte += in_ns(thread_cpu() - began) / static_cast<double>(bytes);
      least_ratio = std::min(least_ratio, ratio);
    }
    if (least_ratio < clear_ratio || body.size() == bytes) break;
  }
  for (Sample::Of& of : sum.of) of = {of.ratio / pieces, of.ns_per_byte / pieces};
  sum.of[as_it_is] = {};
  return sum;
}

bool Sample::shrinks(const format::Packing& packing) const { return of[way_of(packing)].ratio <= ratio_max; }

CompressionJob CostModel::choose(std::uint64_t bytes, const Load& load, Clock::time_point now) {
  progress_.at = now;
  look(load, now);
  batch_bytes_ = batch_bytes_ == 0 ? static_cast<double>(bytes)
                                   : blend(batch_bytes_, static_cast<double>(bytes), newest_look_weight);
  CompressionJob job{.packing = {}, .at = now};
  if (bytes >= batch_bytes_min) {
    job.sample = !sample_ || now >= next_sample_;
    if (job.sample) {
      next_sample_ = now + sample_every;  // until it is known what this one took
      sampled_at_ = now;
    }
    trials_.see(progress_, load.others_wait);
    job.packing = packings[sample_ ? trials_.next(estimates(now)) : trials_.present()];
  }
  progress_.handed_bytes += bytes;
  return job;
}

void CostModel::done(const Outcome& outcome) {
  look_.compressing += outcome.cpu;
  if (outcome.sample) {
    if (!sample_) sample_ = outcome.sample;
    for (std::size_t way = 0; way < ways; ++way) {
      Sample::Of& known = sample_->of[way];
      const Sample::Of& now = outcome.sample->of[way];
      known = {blend(known.ratio, now.ratio, newest_sample_weight),
               blend(known.ns_per_byte, now.ns_per_byte, newest_sample_weight)};
    }
    next_sample_ = sampled_at_ + std::max<Clock::duration>(sample_every, outcome.sample_cpu * sample_share);
  }
  const std::size_t way = way_of(outcome.packing);
  if (!sample_ || way == as_it_is || way == ways || outcome.bytes == 0) return;
  const auto bytes = static_cast<double>(outcome.bytes);
  const Sample::Of sampled = sample_->of[way];
  const double ratio = static_cast<double>(outcome.packed_bytes) / bytes;
  const double ns_per_byte = in_ns(outcome.cpu - outcome.sample_cpu) / bytes;
  const double time_scale = std::clamp(ns_per_byte / std::max(0.01, sampled.ns_per_byte), 0.2, 5.0);
  ratio_scale_ = blend(ratio_scale_, std::clamp(ratio / sampled.ratio, 0.2, 5.0), newest_batch_weight);
  time_scale_ = blend(time_scale_, time_scale, newest_batch_weight);
}

void CostModel::acknowledged(const CompressionJob& job, std::uint64_t bytes, std::uint64_t object_bytes,
                             Clock::time_point now) {
  progress_.stored_bytes += bytes;
  ++progress_.stored_batches;
  if (!job.sample) {  // which takes long
    CodecTuner::Stored& stored = progress_.stored[way_of(job.packing)];
    stored.bytes += bytes;
    stored.waited_byte_ns += static_cast<double>(bytes) * in_ns(now - job.at);
  }
  if (look_.objects++ == 0) {
    look_.first = now;
    look_.always_full = true;  // before, it had to be filled
  } else {
    look_.object_bytes += object_bytes;
  }
  look_.last = now;
}

void CostModel::look(const Load& load, Clock::time_point now) {
  cpu_.look(now);
  look_.always_full = look_.always_full && load.line_full;
  if (look_.objects < look_objects_min || now - look_.began < line_look_every) return;
  const std::chrono::nanoseconds cpu = process_cpu();
  const double used = in_ns(cpu - look_.cpu);
  if (progress_.handed_bytes > look_.handed_bytes) {
    const auto appended = static_cast<double>(progress_.handed_bytes - look_.handed_bytes);
    const double others = std::max(0.0, used - in_ns(look_.compressing)) / appended;
    other_ns_per_byte_ =
        other_ns_per_byte_ == 0 ? others : blend(other_ns_per_byte_, others, newest_look_weight);
  }
  learn_line(used < busy * cpu_.cores() * in_ns(now - look_.began), now);
  look_ = {.handed_bytes = progress_.handed_bytes, .cpu = cpu, .began = now};
}

void CostModel::learn_line(bool cpu_is_idle, Clock::time_point now) {
  if (!look_.always_full || look_.last == look_.first) {
    unclear_since_.reset();
    return;
  }
  if (!cpu_is_idle && !unclear_since_) unclear_since_ = now;
  if (cpu_is_idle) unclear_since_.reset();
  if (unclear_since_ && now - *unclear_since_ > unclear_max) return;
  line_bytes_per_ns_ = static_cast<double>(look_.object_bytes) / in_ns(look_.last - look_.first);
  line_trusted_until_ = now + (cpu_is_idle ? line_trusted : unclear_max);
}

// The sample, as whole batches turn out against it.
Sample::Of CostModel::expected(std::size_t way) const {
  const Sample::Of& sampled = sample_->of[way];
  if (way == as_it_is) return sampled;
  return {std::min(1.0, sampled.ratio * ratio_scale_), sampled.ns_per_byte * time_scale_};
}

Estimates CostModel::estimates(Clock::time_point now) const {
  const bool line_is_known = line_bytes_per_ns_ > 0 && now < line_trusted_until_;
  const double line = line_is_known ? line_bytes_per_ns_ : std::numeric_limits<double>::infinity();
  const double cores = cpu_.cores() * hope;
  Estimates estimates;
  for (std::size_t way = 0; way < ways; ++way) {
    const auto [ratio, ns_per_byte] = expected(way);
    const double by_cpu = std::min(cores / std::max(0.01, other_ns_per_byte_ + ns_per_byte),
                                   threads_ * hope / std::max(0.01, ns_per_byte));
    estimates[way] = {
        .shrinks = way == as_it_is || ratio <= ratio_max,
        .shrinks_well = ratio < clear_ratio,
        .bytes_per_ns = std::min(by_cpu, line / (way == hoped_way ? hoped_ratio * ratio : ratio)),
        .latency_ns = batch_bytes_ * ns_per_byte};
  }
  return estimates;
}

}  // namespace varve::append
