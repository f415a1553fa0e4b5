#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/mutant.h"
#include "base/no_memory.h"
#include "log/front_door.h"
#include "log/system.h"
#include "protocol/takeover.h"
#include "replicate/divergence.h"
#include "replicate/resume_point.h"
#include "varve/mirror.h"

namespace varve {

using log::LogStore;
using protocol::LogState;
using protocol::Purpose;

namespace {

class Promoting {
 public:
  Promoting(const LogAddress& mirror, const PromoteOptions& options)
      : mirror_(mirror),
        options_(options),
        patience_{.deadline = LogStore::after(options.timeout_ms), .stop = {}} {}

  Result<Promotion> plan();
  Result<Promotion> run();

 private:
  Result<protocol::Ownership> take_over(const LogStore& log, Purpose purpose) const;
  Result<void> take_the_rest();
  [[nodiscard]] Error loss() const;
  [[nodiscard]] Error retired_before(const LogStore& source, const LogState& there) const;
  Result<void> put_checkpoint(const format::Checkpoint& checkpoint) const;
  Result<Promotion> finish();

  const LogStore mirror_;
  const PromoteOptions& options_;
  const read::WaitLimit patience_;
  std::optional<LogState> view_;
  Promotion known_;
};

Result<Promotion> Promoting::plan() {
  auto view = read::read_log_state(mirror_, patience_);
  if (!view) return view.error();
  view_ = *std::move(view);
  known_.end_offset = view_->tail.offset;
  known_.retired = view_->retired() && !view_->mirror;
  if (view_->mirror) {
    known_.source = view_->mirror->source;
    known_.source_end = std::max(view_->mirror->source_end, view_->tail.offset);
    known_.source_seen_unix_ms = view_->mirror->source_seen_unix_ms;
  } else if (!known_.retired) {
    if (const auto promoted = view_->newest_promotion()) {
      const auto here = replicate::promoted_by(mirror_, *promoted, mirror_, patience_);
      if (!here) return here.error();
      known_.done = *here;
    }
    if (!known_.done) {
      return Error(Code::invalid_argument,
                   mirror_.name_of_log() +
                       " does not say of itself that it is a mirror: there is nothing to promote; if "
                       "it is one, run `varve mirror` again first");
    }
  }
  return known_;
}

Result<Promotion> Promoting::run() {
  auto planned = plan();
  if (!planned) return planned;
  // One that was cut off before its last step: the checkpoint that still calls this a mirror.
  if (known_.done) return finish();
  if (options_.source) {
    if (known_.retired) {
      return Error(Code::invalid_argument,
                   mirror_.name_of_log() + " is no mirror, but retired: it has no source");
    }
    if (const auto rest = take_the_rest(); !rest) return rest.error();
  } else if (options_.accept_loss_after != view_->tail.offset) {
    return loss();
  }
  const auto owned = take_over(mirror_, Purpose::promote);
  if (!owned) return owned.error();
  known_.end_offset = owned->next.offset;
  known_.done = true;
  if (const auto put = put_checkpoint({.log_id = owned->seal.log_id,
                                       .anchor = owned->seal.seq,
                                       .window = owned->seal.window,
                                       .swept_below = owned->swept_below,
                                       .history = owned->history});
      !put) {
    return put.error();
  }
  return known_;
}

Result<Promotion> Promoting::finish() {
  if (!view_->checkpoint || !view_->checkpoint->mirror) return known_;
  format::Checkpoint checkpoint{.log_id = view_->tail.log_id,
                                .anchor = view_->newest_owned.seq,
                                .window = view_->tail.window,
                                .history = view_->history};
  std::erase_if(checkpoint.history, [&](const auto& entry) { return entry.seal > checkpoint.anchor; });
  if (const auto put = put_checkpoint(checkpoint); !put) return put.error();
  return known_;
}

// Seals the source, so that nothing can be acknowledged there any more, and copies all that it has, that seal
// included: so the source stays a beginning of what the mirror becomes.
Result<void> Promoting::take_the_rest() {
  const LogStore source(*options_.source);
  const auto there = read::read_log_state(source, patience_);
  if (!there) return there.error();
  if (there->tail.log_id != view_->tail.log_id) {
    return Error(Code::foreign,
                 fmt::format("{} has log {}, and {} has log {}: it is not its mirror", source.name_of_log(),
                             to_hex(there->tail.log_id), mirror_.name_of_log(), to_hex(view_->tail.log_id)));
  }
  if (there->mirror) {
    return Error(Code::invalid_argument, source.name_of_log() + " is itself a mirror, of " +
                                             there->mirror->source + ": that one has to be sealed");
  }
  if (!there->retired()) {
    if (const auto taken = take_over(source, Purpose::retire); !taken) return taken.error();
  } else if (options_.accept_loss_after != there->tail.offset && !mutated(Mutant::retired_for_anybody)) {
    // For this mirror, by a promotion that was cut off, or for another, in which the log goes on.
    const auto ours = replicate::promoted_by(source, there->newest_owned.epoch, mirror_, patience_);
    if (!ours) return ours.error();
    if (!*ours) return retired_before(source, *there);
  }
  if (!mutated(Mutant::promoted_without_rest)) {
    auto mirror = Mirror::open(source.address(), mirror_.address(), {.give_up_ms = options_.timeout_ms});
    if (!mirror) return mirror.error();
    if (const auto copied = (*mirror)->catch_up(); !copied) return copied;
  }
  known_.source_sealed = true;
  return {};
}

Error Promoting::retired_before(const LogStore& source, const LogState& there) const {
  return Error(Code::out_of_range,
               fmt::format(
                   "{} was sealed at offset {} for a promotion of another mirror than {}. The log goes on "
                   "there, and this would make two logs of it; nothing was done. If that mirror is lost and "
                   "was never written to: --accept-loss-after {}",
                   source.name_of_log(), there.tail.offset, mirror_.name_of_log(), there.tail.offset))
      .with_valid_range({there.tail.offset, there.tail.offset});
}

Error Promoting::loss() const {
  const Offset end = view_->tail.offset;
  const std::string what =
      known_.retired
          ? fmt::format(
                "{} is retired: the log goes on in a mirror of it. To write here again as well makes two "
                "logs of it, which part at offset {}",
                mirror_.name_of_log(), end)
          : fmt::format(
                "{} has the records below offset {}. Its source, {}, ended at offset {} when it was last "
                "seen "
                "({} s ago): {} records that are known are lost with it, and all that it has acknowledged "
                "since. If it can be reached, seal it first (--seal SRC)",
                mirror_.name_of_log(), end, known_.source, known_.source_end,
                std::max<std::int64_t>(0, base::unix_ms() - known_.source_seen_unix_ms) / 1000,
                known_.source_end - end);
  return Error(Code::out_of_range,
               fmt::format("{}. To do it, say --accept-loss-after {}; nothing was done", what, end))
      .with_valid_range({end, end});
}

// Whoever reads a seal of ours, there or in a copy, finds out by its writer's id whether it was put for this
// place. So that is noted here first, and where no mirror copies it.
Result<protocol::Ownership> Promoting::take_over(const LogStore& log, Purpose purpose) const {
  const format::Id writer = log::random_id();
  const auto noted = replicate::ask(
      mirror_, protocol::Request::make(protocol::Request::Kind::put_promotion, writer), patience_);
  if (!noted) return noted.error();
  if (noted->error && !noted->is(Code::already_exists)) return *noted->error;
  protocol::Takeover takeover({.writer_id = writer,
                               .new_log_id = {},
                               .host = log::host_name(),
                               .pid = log::process_id(),
                               .must_exist = true,
                               .purpose = purpose});
  const auto driven = log.drive(
      takeover.start(base::unix_ms()),
      [&](const protocol::Reply& reply) { return takeover.on(reply, base::unix_ms()); }, patience_.deadline);
  if (!driven) return driven.error();
  if (!takeover.result()) return takeover.result().error().with_context(log.name_of_log());
  return takeover.result();
}

Result<void> Promoting::put_checkpoint(const format::Checkpoint& checkpoint) const {
  protocol::Request request = protocol::Request::make(protocol::Request::Kind::put_checkpoint);
  request.body = format::encode_checkpoint(checkpoint);
  const auto put = replicate::ask(mirror_, std::move(request), patience_);
  if (!put) return put.error();
  return put->error ? Result<void>(*put->error) : Result<void>();
}

Result<Promotion> in_time(Result<Promotion> result) {
  if (result || result.error().code() != Code::timed_out) return result;
  return Error(Code::unavailable, result.error().message());
}

template <class Call>
Result<Promotion> with_both(const LogAddress& mirror, const PromoteOptions& options, const Call& call) {
  return log::with_store(mirror, [&]() -> Result<Promotion> {
    if (options.source) {
      if (const auto there = log::check_store(*options.source); !there) return there.error();
    }
    return call();
  });
}

}  // namespace

Result<Promotion> plan_promotion(const LogAddress& mirror, const PromoteOptions& options) {
  return with_both(mirror, options, [&] { return in_time(Promoting(mirror, options).plan()); });
}

Result<Promotion> promote(const LogAddress& mirror, const PromoteOptions& options) {
  return with_both(mirror, options, [&] { return in_time(Promoting(mirror, options).run()); });
}

}  // namespace varve
