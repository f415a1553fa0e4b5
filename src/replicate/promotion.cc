// Runs `protocol::Promotion` on the two stores, and copies what it wants copied.
#include "protocol/promotion.h"

#include "base/clock.h"
#include "base/no_memory.h"
#include "log/front_door.h"
#include "log/system.h"
#include "replicate/drive.h"
#include "replicate/replicator.h"
#include "varve/mirror.h"

namespace varve {

using log::LogStore;

namespace {

class Promoting {
 public:
  Promoting(const LogAddress& mirror, const PromoteOptions& options)
      : mirror_(mirror),
        source_(options.source.value_or(mirror)),
        options_(options),
        patience_{.deadline = LogStore::after(options.timeout_ms), .stop = {}} {}

  Result<Promotion> run(bool plan_only) const;

 private:
  Result<void> copy_all() const;

  const LogStore mirror_;
  const LogStore source_;
  const PromoteOptions& options_;
  const read::WaitLimit patience_;
};

Result<void> Promoting::copy_all() const {
  const MirrorOptions options{.give_up_ms = options_.timeout_ms};
  auto resume = replicate::begin(source_, mirror_, options, patience_, replicate::Look::whole);
  if (!resume) return resume.error();
  replicate::Replicator copying(source_, mirror_, options, *std::move(resume));
  return copying.run(replicate::Replicator::Until::source_end);
}

Result<Promotion> Promoting::run(bool plan_only) const {
  protocol::Promotion machine({.source = source_.name_of_log(),
                               .mirror = mirror_.name_of_log(),
                               .source_at_hand = options_.source.has_value(),
                               .plan_only = plan_only,
                               .accept_loss_after = options_.accept_loss_after,
                               .accept_missing_at = options_.accept_missing_at,
                               .retiring_writer = log::random_id(),
                               .promoting_writer = log::random_id(),
                               .host = log::host_name(),
                               .pid = log::process_id()});
  const auto on = [&machine](const protocol::Reply& reply) { return machine.on(reply, base::unix_ms()); };
  protocol::SidedRequests next = machine.start(base::unix_ms());
  while (!machine.done()) {
    if (machine.wants_copies()) next = machine.copied(copy_all(), base::unix_ms());
    if (const auto driven = replicate::drive(source_, mirror_, std::move(next), on, patience_); !driven)
      return driven.error();
    next.clear();
  }
  if (!machine.result()) return machine.result().error();
  const protocol::PromotionFacts& facts = *machine.result();
  return Promotion{.source = facts.source,
                   .end_offset = facts.end_offset,
                   .source_end = facts.source_end,
                   .source_seen_unix_ms = facts.source_seen_unix_ms,
                   .demoted = facts.retired,
                   .source_sealed = facts.source_sealed,
                   .done = facts.done};
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
  return with_both(mirror, options, [&] { return in_time(Promoting(mirror, options).run(true)); });
}

Result<Promotion> promote(const LogAddress& mirror, const PromoteOptions& options) {
  return with_both(mirror, options, [&] { return in_time(Promoting(mirror, options).run(false)); });
}

}  // namespace varve
