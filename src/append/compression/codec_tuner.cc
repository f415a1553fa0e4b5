#include "append/compression/codec_tuner.h"

#include <algorithm>

#include "append/compression/ewma.h"

namespace varve::append {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How much a stretch holds: enough for its score to be good to some percent.
constexpr std::uint64_t waiting_batches_min = 16;
constexpr auto waiting_time_min = milliseconds(50);
constexpr std::uint64_t idle_batches_min = 80;
constexpr auto idle_time_min = milliseconds(30);
// Where batches are rare: what it has by then must do.
constexpr auto time_max = seconds(2);
// Whoever begins appends as fast as memory takes it, whatever the store does.
constexpr auto beginning = milliseconds(50);
// Enough to see what is much better or much worse; a bit more to begin with, when nothing is known.
constexpr std::uint64_t few_batches = 5;
constexpr std::uint64_t few_in_turn = 4 * few_batches;
constexpr std::uint64_t first_batches = 6;
constexpr auto short_time = milliseconds(10);
constexpr double much = 1.3;
// Less than this is noise.
constexpr double clearly = 1.03;
constexpr double clearly_sooner = 1.06;
// Of a stretch's batches, so many had others behind them.
constexpr double mostly = 0.8;
// A trial costs time, and the next of its kind comes so many times that later, at least.
constexpr int trial_share = 20;
constexpr CodecTuner::Clock::duration retry_first = seconds(2);
constexpr CodecTuner::Clock::duration retry_max = seconds(32);
// Other bytes, or another line: what was tried before is past.
constexpr double other_times = 1.5;
constexpr double newest_stretch_weight = 0.5;

double passed_ns(CodecTuner::Clock::duration time) {
  return std::max(1.0, std::chrono::duration<double, std::nano>(time).count());
}

}  // namespace

void CodecTuner::see(const Progress& progress, bool others_wait) {
  now_ = progress;
  ended_ = false;
  if (!begun_) {
    if (changed_.handed_bytes == 0 && changed_.at == Clock::time_point{}) changed_.at = progress.at;
    begun_ = progress.stored_bytes > changed_.handed_bytes &&
             (is_known_ || progress.at - changed_.at >= beginning);
    if (begun_) begin_stretch();
    return;
  }
  ++given_;
  if (others_wait) ++waiting_;
  ended_ = is_trial() ? verdict() != Verdict::open : tells();
}

std::size_t CodecTuner::next(const Estimates& estimates) {
  notice_other_bytes(estimates);
  if (!is_trial() && !estimates[settled_].shrinks) {
    give_up();
  } else if (ended_ && is_trial()) {
    conclude(verdict());
  } else if (ended_) {
    learn(score());
    try_another(estimates);
    if (!is_trial()) begin_stretch();
  }
  ended_ = false;
  if (!is_trial() || settled_score_.waits) return present_;
  // Between batches that wait for nothing: each way with every other batch, so that whatever else changes
  // meanwhile changes both.
  settleds_turn_ = !settleds_turn_;
  return settleds_turn_ ? settled_ : present_;
}

// What shrinks well now, and didn't shrink, is worth a trial whatever came of the last.
void CodecTuner::notice_other_bytes(const Estimates& estimates) {
  for (std::size_t way = 0; way < ways; ++way) {
    if (estimates[way].shrinks_well && !shrank_[way])
      for (auto& retries : retries_) retries[way] = {};
    if (estimates[way].shrinks_well || !estimates[way].shrinks) shrank_[way] = estimates[way].shrinks_well;
  }
}

void CodecTuner::begin_stretch() {
  begin_ = now_;
  given_ = 0;
  waiting_ = 0;
}

CodecTuner::Score CodecTuner::score() const {
  const std::uint64_t bytes = now_.stored_bytes - begin_.stored_bytes;
  return {.waits = static_cast<double>(waiting_) >= mostly * static_cast<double>(given_),
          .bytes_per_ns = static_cast<double>(bytes) / passed_ns(now_.at - begin_.at),
          .latency_ns = latency_ns(present_)};
}

double CodecTuner::latency_ns(std::size_t way) const {
  const Stored& before = begin_.stored[way];
  const Stored& now = now_.stored[way];
  return (now.waited_byte_ns - before.waited_byte_ns) /
         std::max(1.0, static_cast<double>(now.bytes - before.bytes));
}

bool CodecTuner::tells() const {
  if (is_known_) return is_whole();
  return now_.stored_batches - begin_.stored_batches >= first_batches && now_.at - begin_.at >= short_time;
}

bool CodecTuner::is_whole() const {
  const std::uint64_t batches = now_.stored_batches - begin_.stored_batches;
  const Clock::duration time = now_.at - begin_.at;
  if (time >= time_max) return batches >= few_batches;
  // A line that is long holds much of what was sent before.
  return score().waits ? batches >= waiting_batches_min &&
                             time >= std::max<Clock::duration>(waiting_time_min, begin_.at - changed_.at)
                       : batches >= idle_batches_min && time >= idle_time_min;
}

CodecTuner::Verdict CodecTuner::verdict() const {
  const std::uint64_t batches = now_.stored_batches - begin_.stored_batches;
  const std::uint64_t few = settled_score_.waits ? few_batches : few_in_turn;
  if (batches < few || now_.at - begin_.at < short_time) return Verdict::open;
  const Score now = score();
  if (now.waits != settled_score_.waits) return now.waits ? Verdict::worse : Verdict::better;
  const double gain = settled_score_.waits ? now.bytes_per_ns / settled_score_.bytes_per_ns
                                           : latency_ns(settled_) / std::max(1.0, now.latency_ns);
  if (gain > much) return Verdict::better;
  if (gain < 1 / much || is_guess_) return Verdict::worse;
  if (!is_whole()) return Verdict::open;
  return gain > (settled_score_.waits ? clearly : clearly_sooner) ? Verdict::better : Verdict::worse;
}

void CodecTuner::conclude(Verdict verdict) {
  const std::size_t loser = verdict == Verdict::better ? settled_ : present_;
  if (!is_guess_ || verdict == Verdict::better) put_off(loser, now_.at - changed_.at);
  if (verdict == Verdict::better) {
    settled_ = present_;
    settled_score_ = score();
    begin_stretch();
  } else {
    change_to(settled_);
  }
}

// The bytes are others now, which hardly shrink.
void CodecTuner::give_up() {
  put_off(settled_, now_.at - changed_.at);
  settled_ = as_it_is;
  is_known_ = false;
  change_to(as_it_is);
}

void CodecTuner::put_off(std::size_t way, Clock::duration trial_took) {
  Retry& retry = retry_of(way);
  const Clock::duration dear = trial_took * trial_share;
  retry.after = std::clamp(2 * retry.after, std::max(retry_first, dear), std::max(retry_max, dear));
  retry.at = now_.at + retry.after;
}

void CodecTuner::learn(const Score& score) {
  const bool like_before = is_known_ && score.waits == settled_score_.waits;
  const double change = like_before ? score.bytes_per_ns / settled_score_.bytes_per_ns : 1;
  if (score.waits && (change > other_times || change < 1 / other_times)) retries_ = {};
  if (!like_before) settled_score_ = score;
  settled_score_.bytes_per_ns = blend(settled_score_.bytes_per_ns, score.bytes_per_ns, newest_stretch_weight);
  settled_score_.latency_ns = blend(settled_score_.latency_ns, score.latency_ns, newest_stretch_weight);
  is_guess_ = !is_known_;
  is_known_ = true;
}

bool CodecTuner::is_hopeful(const Estimate& estimate) const {
  if (settled_score_.waits) return estimate.bytes_per_ns > clearly * settled_score_.bytes_per_ns;
  // Who does not wait now is not to wait then.
  return estimate.shrinks && estimate.latency_ns * clearly_sooner < settled_score_.latency_ns &&
         estimate.bytes_per_ns > much * settled_score_.bytes_per_ns;
}

void CodecTuner::try_another(const Estimates& estimates) {
  std::size_t best = settled_;
  for (std::size_t way = 0; way < ways; ++way) {
    if (way == settled_ || now_.at < retry_of(way).at || !is_hopeful(estimates[way])) continue;
    const bool more = settled_score_.waits
                          ? estimates[way].bytes_per_ns > clearly * estimates[best].bytes_per_ns
                          : estimates[way].latency_ns < estimates[best].latency_ns;
    if (best == settled_ || more) best = way;
  }
  if (best != settled_) change_to(best);
}

void CodecTuner::change_to(std::size_t way) {
  present_ = way;
  begun_ = false;
  changed_ = now_;
}

}  // namespace varve::append
