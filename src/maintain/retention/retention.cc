#include "varve/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "base/mutant.h"
#include "base/no_memory.h"
#include "log/front_door.h"
#include "log/read_position.h"
#include "log/system.h"
#include "maintain/retention/decision.h"
#include "maintain/retention/sizes.h"

namespace varve {

using log::LogStore;
using maintain::EpochMap;
using maintain::Facts;
using maintain::Sizes;
using protocol::LogState;

namespace {

// Somebody else may trim what is being looked at, or move a cursor that was idle; who is outrun so often
// has a reason.
constexpr int tries_max = 4;

class Planning {
 public:
  Planning(LogAddress log, const RetentionPolicy& policy, const RetentionOptions& options)
      : log_store_(std::move(log)),
        policy_(policy),
        options_(options),
        now_unix_ms_(options.now_unix_ms.value_or(base::unix_ms())) {}

  /// `not_found`: an object went while it was looked at.
  Result<RetentionPlan> plan() const;

 private:
  [[nodiscard]] read::WaitLimit patience() const {
    return {.deadline = LogStore::after(options_.give_up_ms), .stop = {}};
  }
  Result<Facts> look(const LogState& view, const Sizes& sizes) const;
  Result<Offset> first_young() const;
  Result<Offset> first_with_room(const LogState& view, const Sizes& sizes) const;
  Result<void> round_to_objects(RetentionPlan& plan, const Sizes& sizes) const;

  LogStore log_store_;
  const RetentionPolicy& policy_;
  const RetentionOptions& options_;
  std::int64_t now_unix_ms_;
};

/// `age_ms` before `unix_ms`, or the beginning of time where the difference would overflow.
std::int64_t earlier(std::int64_t unix_ms, std::uint64_t age_ms) {
  constexpr std::int64_t beginning = std::numeric_limits<std::int64_t>::min();
  const std::uint64_t most = static_cast<std::uint64_t>(unix_ms) - static_cast<std::uint64_t>(beginning);
  return age_ms >= most ? beginning : unix_ms - static_cast<std::int64_t>(age_ms);
}

Result<Offset> Planning::first_young() const {
  const std::int64_t since = earlier(now_unix_ms_, *policy_.max_age_ms);
  const auto place = read::find_read_position(log_store_, {.since_unix_ms = since}, patience());
  if (!place) return place.error();
  return place->offset;
}

Result<Offset> Planning::first_with_room(const LogState& view, const Sizes& sizes) const {
  const auto first = sizes.first_within(*policy_.max_bytes);
  if (!first) return first.error();
  if (!*first) return view.tail.offset;
  Result<Offset> offset = view.start_offset();
  const auto on = [&](const protocol::Reply& reply) {
    const auto header = protocol::header_in(reply);
    if (header) {
      offset = std::max(header->first_offset, view.start_offset());
    } else {
      offset = header.error();
    }
    return protocol::Requests();
  };
  const auto request = protocol::Request::make(protocol::Request::Kind::get_header, **first);
  const auto driven = log_store_.drive({request}, on, LogStore::after(options_.give_up_ms));
  if (!driven) return driven.error();
  return offset;
}

Result<Facts> Planning::look(const LogState& view, const Sizes& sizes) const {
  Facts facts{.records = {view.start_offset(), view.tail.offset}, .cursors = {}, .now_unix_ms = now_unix_ms_};
  // The cursors first: what is found by then moves forward only.
  const auto cursors = Cursors::open(log_store_.address(), {.give_up_ms = options_.give_up_ms});
  if (!cursors) return cursors.error();
  auto all = cursors->list();
  if (!all) return all.error();
  facts.cursors = *std::move(all);
  if (policy_.max_age_ms) {
    const auto young = first_young();
    if (!young) return young.error();
    facts.by_age = *young;
  }
  if (policy_.max_bytes) {
    const auto room = first_with_room(view, sizes);
    if (!room) return room.error();
    facts.by_size = *room;
  }
  return facts;
}

// A trim within an object would cost a write and free nothing.
Result<void> Planning::round_to_objects(RetentionPlan& plan, const Sizes& sizes) const {
  if (plan.let_go_below <= plan.records.begin) return {};
  const auto place = read::find_read_position(log_store_, {.offset = plan.let_go_below}, patience());
  if (!place) return place.error();
  plan.trim_before = std::max(place->at.offset, plan.records.begin);
  if (plan.trim_before == plan.records.begin) return {};
  const auto amount = sizes.below(place->at.seq);
  if (!amount) return amount.error();
  plan.objects = amount->objects;
  plan.bytes = amount->bytes;
  return {};
}

Result<RetentionPlan> Planning::plan() const {
  const auto view = read::read_log_state(log_store_, patience());
  if (!view) return view.error();
  const auto epochs = EpochMap::load(log_store_, *view, patience());
  if (!epochs) return epochs.error();
  const Sizes sizes(log_store_, *view, *epochs, options_.give_up_ms);
  const auto facts = look(*view, sizes);
  if (!facts) return facts.error();
  RetentionPlan plan = maintain::decide(policy_, *facts);
  if (const auto rounded = round_to_objects(plan, sizes); !rounded) return rounded.error();
  plan.writer_has_closed = view->newest.has(format::flag::closing);
  return plan;
}

/// Removes the cursors that the plan counts as idle. False: one was moved meanwhile, so the plan is void.
Result<bool> remove_idle(const LogAddress& log, const RetentionPlan& plan, const RetentionOptions& options,
                         std::vector<std::string>& removed) {
  if (!plan.remove_idle || plan.idle.empty()) return true;
  const auto cursors = Cursors::open(log, {.give_up_ms = options.give_up_ms});
  if (!cursors) return cursors.error();
  for (const Cursor& idle : plan.idle) {
    const auto gone = cursors->remove(idle);
    if (!gone && gone.error().code() == Code::fenced) return mutated(Mutant::moved_idle_ignored);
    if (!gone) return gone.error();
    removed.push_back(idle.name);
  }
  return true;
}

Error writer_at_work(const LogAddress& log) {
  return {
      Code::invalid_argument,
      fmt::format(
          "the last writer of {} has not closed it, and trimming would fence it if it is at work: retain in "
          "that program (varve/retention.h), stop it, or allow the log to be taken over (--take-over)",
          read::name_of(log))};
}

/// How a plan's trim is done; `fences`: it would end a writer that has not closed the log.
struct Trimmer {
  bool fences = false;
  std::function<Result<TrimReport>(Offset before)> trim;
};

Result<RetentionReport> retain_by(const LogAddress& log, const RetentionPolicy& policy,
                                  const RetentionOptions& options, const Trimmer& trimmer) {
  RetentionReport report;
  for (int tries = 0; tries < tries_max; ++tries) {
    auto plan = plan_retention(log, policy, options);
    if (!plan) return plan.error();
    report.plan = *std::move(plan);
    const bool trims = report.plan.trim_before > report.plan.records.begin;
    const bool fences = trimmer.fences && !mutated(Mutant::retain_fences);
    if (trims && fences && !report.plan.writer_has_closed) return writer_at_work(log);
    const auto valid = remove_idle(log, report.plan, options, report.cursors_removed);
    if (!valid) return valid.error();
    if (!*valid) continue;
    report.trim.start_offset = report.plan.records.begin;
    if (!trims) return report;
    const auto trimmed = trimmer.trim(report.plan.trim_before);
    if (!trimmed) return trimmed.error();
    report.trim = *trimmed;
    return report;
  }
  return Error(Code::unavailable, "cursors that seemed idle move all the time; try again");
}

}  // namespace

Result<RetentionPlan> plan_retention(const LogAddress& log, const RetentionPolicy& policy,
                                     const RetentionOptions& options) {
  return log::with_store(log, [&]() -> Result<RetentionPlan> {
    if (const auto sane = maintain::check(policy); !sane) return sane.error();
    const Planning planning(log, policy, options);
    for (int tries = 1;; ++tries) {
      auto plan = planning.plan();
      if (plan) return plan;
      const Code code = plan.error().code();
      if (code == Code::timed_out) return Error(Code::unavailable, plan.error().message());
      // That the log itself is not there is found again, and said then.
      if (code != Code::not_found || tries == tries_max) return plan;
    }
  });
}

Result<RetentionReport> retain(Writer& writer, const LogAddress& log, const RetentionPolicy& policy,
                               const RetentionOptions& options) {
  const auto trim = [&](Offset before) {
    // What is stored and not acknowledged yet is for the next time.
    return writer.trim(std::min(before, writer.status().durable_offset), options.trim);
  };
  return log::with_store(log,
                         [&] { return retain_by(log, policy, options, {.fences = false, .trim = trim}); });
}

Result<RetentionReport> retain(const LogAddress& log, const RetentionPolicy& policy,
                               const RetentionOptions& options) {
  const auto trim = [&](Offset before) -> Result<TrimReport> {
    WriterOptions open_options;
    open_options.must_exist = true;
    auto writer = Writer::open(log, open_options);
    if (!writer) return writer.error();
    auto trimmed = (*writer)->trim(before, options.trim);
    if (!trimmed) return trimmed;
    if (const auto closed = (*writer)->close(); !closed) return closed.error();
    return trimmed;
  };
  return log::with_store(
      log, [&] { return retain_by(log, policy, options, {.fences = !options.take_over, .trim = trim}); });
}

}  // namespace varve
