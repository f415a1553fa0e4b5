#include "protocol/promotion.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutant.h"

namespace varve::protocol {

using format::Checkpoint;

namespace {

// So often a mirror may be swept between a survey and a listing of its places.
constexpr std::uint32_t looks_max = 8;

Checkpoint checkpoint_of(const Ownership& owned) {
  return {.log_id = owned.seal.log_id,
          .anchor = owned.seal.seq,
          .window = owned.seal.window,
          .swept_below = owned.swept_below,
          .history = owned.history};
}

Checkpoint checkpoint_of(const LogState& view) {
  Checkpoint checkpoint{.log_id = view.tail.log_id,
                        .anchor = view.newest_owned.seq,
                        .window = view.tail.window,
                        .history = view.history};
  std::erase_if(checkpoint.history, [&](const auto& entry) { return entry.seal > checkpoint.anchor; });
  return checkpoint;
}

}  // namespace

struct Promotion::Copied {
  Promotion* machine;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept {
    machine->wants_copies_ = true;
    machine->waiting_for_copies_ = waiting;
  }
  [[nodiscard]] Result<void> await_resume() const { return machine->copied_; }
};

Promotion::Promotion(PromotionOptions options)
    : options_(std::move(options)), logs_(options_.source, options_.mirror), task_(run()) {}

SidedRequests Promotion::start(std::int64_t now_unix_ms) {
  now_unix_ms_ = now_unix_ms;
  task_.begin();
  return logs_.talk.take_requests();
}

SidedRequests Promotion::on(const Reply& reply, std::int64_t now_unix_ms) {
  now_unix_ms_ = now_unix_ms;
  logs_.talk.on(reply);
  task_.rethrow();
  return logs_.talk.take_requests();
}

SidedRequests Promotion::copied(const Result<void>& result, std::int64_t now_unix_ms) {
  now_unix_ms_ = now_unix_ms;
  copied_ = result;
  wants_copies_ = false;
  std::exchange(waiting_for_copies_, {}).resume();
  task_.rethrow();
  return logs_.talk.take_requests();
}

Task<Result<PromotionFacts>> Promotion::run() {
  const Result<void> planned = co_await plan();
  if (!planned) co_return planned.error();
  if (options_.plan_only) co_return facts_;
  // One that was cut off before its last step: the checkpoint that still calls this a mirror.
  if (facts_.done) co_return co_await finish();
  if (options_.source_at_hand) {
    if (facts_.retired) {
      co_return Error(Code::invalid_argument,
                      options_.mirror + " is no mirror, but demoted: it has no source");
    }
    const Result<void> rest = co_await take_the_rest();
    if (!rest) co_return rest.error();
  } else if (options_.accept_loss_after != view_.tail.offset) {
    co_return loss();
  }
  const Result<Ownership> owned = co_await take_over_whole();
  if (!owned) co_return owned.error();
  owned_ = *owned;
  facts_.end_offset = owned->next.offset;
  facts_.done = true;
  const Result<void> put = co_await logs_.put_checkpoint(Side::destination, checkpoint_of(*owned));
  if (!put) co_return put.error();
  co_return facts_;
}

Task<Result<void>> Promotion::plan() {
  Result<LogState> view = co_await logs_.scan(Side::destination);
  const bool late = !view && view.error().code() == Code::corruption;
  if (late && options_.source_at_hand && !options_.plan_only) {
    // A checkpoint of the mirror that came late lets its copies mislead: a mirror that goes on puts that
    // right.
    const Result<void> copied = co_await Copied{this};
    if (!copied) co_return copied.error();
    view = co_await logs_.scan(Side::destination);
  }
  if (!view) co_return view.error();
  view_ = *std::move(view);
  facts_.end_offset = view_.tail.offset;
  facts_.retired = view_.retired() && !view_.mirror;
  if (view_.mirror) {
    facts_.source = view_.mirror->source;
    facts_.source_end = std::max(view_.mirror->source_end, view_.tail.offset);
    facts_.source_seen_unix_ms = view_.mirror->source_seen_unix_ms;
    co_return Result<void>();
  }
  if (facts_.retired) co_return Result<void>();
  if (const std::optional<Seq> promoted = view_.newest_promotion()) {
    const Result<bool> here = co_await logs_.promoted_here(Side::destination, *promoted);
    if (!here) co_return here.error();
    facts_.done = *here;
  }
  if (facts_.done) co_return Result<void>();
  co_return Error(Code::invalid_argument,
                  options_.mirror +
                      " does not say of itself that it is a mirror: there is nothing to promote; if "
                      "it is one, run `varve mirror` again first");
}

Task<Result<PromotionFacts>> Promotion::finish() {
  if (!view_.checkpoint || !view_.checkpoint->mirror) co_return facts_;
  const Result<void> put = co_await logs_.put_checkpoint(Side::destination, checkpoint_of(view_));
  if (!put) co_return put.error();
  co_return facts_;
}

// Copies all that the source has, seals it, so that nothing can be acknowledged there any more, and copies
// the rest, that seal included: so the source stays a beginning of what the mirror becomes.
Task<Result<void>> Promotion::take_the_rest() {
  const Result<LogState> there = co_await logs_.scan(Side::source);
  if (!there) co_return there.error();
  if (there->tail.log_id != view_.tail.log_id) {
    co_return Error(Code::foreign,
                    fmt::format("{} has log {}, and {} has log {}: it is not its mirror", options_.source,
                                to_hex(there->tail.log_id), options_.mirror, to_hex(view_.tail.log_id)));
  }
  if (there->mirror) {
    co_return Error(Code::invalid_argument, options_.source + " is itself a mirror, of " +
                                                there->mirror->source + ": that one has to be sealed");
  }
  if (there->retired() && options_.accept_loss_after != there->tail.offset &&
      !mutated(Mutant::retired_for_anybody)) {
    // For this mirror, by a promotion that was cut off, or for another, in which the log goes on.
    const Result<bool> ours = co_await logs_.promoted_here(Side::source, there->newest_owned.epoch);
    if (!ours) co_return ours.error();
    if (!*ours) co_return retired_before(*there);
  }
  // What can't be copied shows before anybody is sealed.
  if (!mutated(Mutant::promoted_without_rest)) {
    const Result<void> most = co_await Copied{this};
    if (!most) co_return most.error();
  }
  if (!there->retired()) {
    const Result<Ownership> taken = co_await take_over(Side::source, Purpose::retire);
    if (!taken) co_return taken.error();
    if (!mutated(Mutant::promoted_without_rest)) {
      const Result<void> rest = co_await Copied{this};
      if (!rest) co_return rest.error();
    }
  }
  facts_.source_sealed = true;
  Result<LogState> now = co_await logs_.scan(Side::destination);
  if (!now) co_return now.error();
  view_ = *std::move(now);
  co_return Result<void>();
}

// What was found whole is what is sealed: where a mirror has gone on meanwhile, that is looked at anew.
Task<Result<Ownership>> Promotion::take_over_whole() {
  for (std::uint32_t looks = 1;; ++looks) {
    const Result<void> whole = co_await expect_whole();
    if (!whole) co_return whole.error();
    const Result<Ownership> owned = co_await take_over(Side::destination, Purpose::promote);
    if (owned || owned.error().code() != Code::unavailable || looks == looks_max) co_return owned;
    Result<LogState> now = co_await logs_.scan(Side::destination);
    if (!now) co_return now.error();
    view_ = *std::move(now);
    if (!options_.source_at_hand && options_.accept_loss_after != view_.tail.offset) co_return loss();
  }
}

// A seal behind a gap would give up what lies behind it, and one in the gap what was acknowledged beyond. So
// each place is looked for by its name. What a survey walks is only the end.
Task<Result<void>> Promotion::expect_whole() {
  if (!view_.mirror || mutated(Mutant::promoted_unverified)) co_return Result<void>();
  std::optional<Seq> doubted;
  for (std::uint32_t looks = 0; looks < looks_max; ++looks) {
    const Result<Occupied> stored = co_await logs_.occupied(Side::destination, places(), view_.tail.seq);
    if (!stored) co_return stored.error();
    if (stored->below >= view_.tail.seq) co_return Result<void>();
    if (doubted == stored->below) co_return co_await missing(*stored);
    // A mirror that is at work may have swept it since the survey. What two looks find missing, is so.
    doubted = stored->below;
    Result<LogState> now = co_await logs_.scan(Side::destination);
    if (!now) co_return now.error();
    view_ = *std::move(now);
    if (!options_.source_at_hand && options_.accept_loss_after != view_.tail.offset) co_return loss();
  }
  co_return Error(
      Code::unavailable,
      options_.mirror + " is swept faster than it can be looked at; stop its mirror, or try again");
}

Task<Result<void>> Promotion::missing(Occupied stored) {
  Offset offset = view_.start_offset();
  if (!stored.newest.empty()) {
    const auto before = co_await logs_.header_at(Side::destination, stored.newest.back());
    if (!before) co_return before.error();
    if (*before) offset = (*before)->end_offset();
  }
  if (options_.accept_missing_at == offset) co_return Result<void>();
  co_return Error(
      Code::corruption,
      fmt::format(
          "{} is missing, and the mirror goes on behind it, up to offset {}: what it held from offset "
          "{} on is not here. If the source can be reached, `varve mirror` copies it again; if not, "
          "--accept-missing-at {} promotes what is here; nothing was done",
          logs_.name_of(Side::destination, stored.below), view_.tail.offset, offset, offset))
      .with_valid_range({offset, offset});
}

ChainPlaces Promotion::places() const {
  Seq begins = view_.lowest_live();
  if (!view_.history.empty()) begins = std::max(begins, view_.history.front().seal);
  return {.seals = view_.history, .window = view_.tail.window, .at = begins};
}

Error Promotion::retired_before(const LogState& there) const {
  return Error(Code::out_of_range,
               fmt::format(
                   "{} was sealed at offset {} for a promotion of another mirror than {}. The log goes on "
                   "there, and this would make two logs of it; nothing was done. If that mirror is lost and "
                   "was never written to: --accept-loss-after {}",
                   options_.source, there.tail.offset, options_.mirror, there.tail.offset))
      .with_valid_range({there.tail.offset, there.tail.offset});
}

Error Promotion::loss() const {
  const Offset end = view_.tail.offset;
  const std::string what =
      facts_.retired
          ? fmt::format(
                "{} is demoted: the log goes on in a mirror of it. To write here again as well makes two "
                "logs of it, which part at offset {}",
                options_.mirror, end)
          : fmt::format(
                "{} has the records below offset {}. Its source, {}, ended at offset {} when it was last "
                "seen "
                "({} s ago): {} records that are known are lost with it, and all that it has acknowledged "
                "since. If it can be reached, seal it first (--seal SRC)",
                options_.mirror, end, facts_.source, facts_.source_end,
                std::max<std::int64_t>(0, now_unix_ms_ - facts_.source_seen_unix_ms) / 1000,
                facts_.source_end - end);
  return Error(Code::out_of_range,
               fmt::format("{}. To do it, say --accept-loss-after {}; nothing was done", what, end))
      .with_valid_range({end, end});
}

Claimant Promotion::claimant(const format::Id& writer, Purpose purpose) const {
  Claimant claimant{.writer_id = writer,
                    .new_log_id = {},
                    .host = options_.host,
                    .pid = options_.pid,
                    .must_exist = true,
                    .purpose = purpose};
  if (purpose != Purpose::promote) return claimant;
  claimant.expected_tail = view_.tail.seq;
  // Who names the end gives up what the checkpoint alone knows of, too.
  claimant.accepted_end = options_.accept_loss_after;
  return claimant;
}

Conversation::Listener Promotion::listener_of(Takeover& takeover) {
  return [this, &takeover](const Reply& reply) { return takeover.on(reply, now_unix_ms_); };
}

// Whoever reads a seal of ours, there or in a copy, finds out by its writer's id whether it was put for this
// place. So that is noted here first, and where no mirror copies it.
Task<Result<Ownership>> Promotion::take_over(Side side, Purpose purpose) {
  const format::Id writer = purpose == Purpose::retire ? options_.retiring_writer : options_.promoting_writer;
  const Reply noted =
      co_await logs_.talk.ask(Side::destination, Request::make(Request::Kind::put_promotion, writer));
  if (noted.error && !noted.is(Code::already_exists)) co_return *noted.error;
  Takeover takeover(claimant(writer, purpose));
  Requests first = takeover.start(now_unix_ms_);
  co_await logs_.talk.run(side, std::move(first), listener_of(takeover));
  if (!takeover.result()) co_return takeover.result().error().with_context(logs_.name(side));
  co_return takeover.result();
}

}  // namespace varve::protocol
