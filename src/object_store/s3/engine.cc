#include "object_store/s3/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/invariant.h"
#include "object_store/s3/retry.h"

namespace varve::object_store::s3 {
namespace {

using std::chrono::milliseconds;

/// A second for each MiB: slow lines are not failures.
milliseconds moving(std::uint64_t bytes) {
  return milliseconds(static_cast<std::int64_t>(bytes * 1000 / (std::uint64_t{1} << 20)));
}

/// Sooner than this a duplicate costs more than the wait.
constexpr milliseconds patience_min{10};
/// When to look again at a request that is overdue when no duplicate can be afforded.
constexpr milliseconds hedge_again{50};

}  // namespace

Engine::Engine(const Settings& settings, Wire& wire, std::uint64_t seed)
    : settings_(settings),
      wire_(wire),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      pacing_(settings.max_in_flight) {}

void Engine::submit(std::unique_ptr<Operation> operation, Moment now) {
  if (pursuits_.size() >= operations_max) {
    operation->fail(
        Error(Code::over_capacity, fmt::format("{}: {} requests wait for s3://{} already; slow down",
                                               operation->describe(), operations_max, settings_.bucket)));
    return;
  }
  const OperationId id = next_operation_++;
  Pursuit& pursuit = pursuits_[id];
  pursuit.submitted = now;
  pursuit.deadline = now + settings_.deadline + moving(operation->bytes());
  pursuit.operation = std::move(operation);
  enqueue(id, pursuit, false);
  pump(now);
}

void Engine::enqueue(OperationId id, Pursuit& pursuit, bool first) {
  pursuit.state = State::queued;
  set_alarm(id, pursuit, pursuit.deadline);
  auto& queue = pursuit.operation->background() ? background_queue_ : queue_;
  if (first) {
    queue.push_front(id);
  } else {
    queue.push_back(id);
  }
}

void Engine::pump(Moment now) {
  if (held_) return;
  pump(queue_, pacing_.limit(), in_flight_, now);
  if (queue_.empty()) pump(background_queue_, pacing_.background_limit(), background_in_flight_, now);
}

void Engine::pump(std::deque<OperationId>& queue, std::uint32_t limit, const std::uint32_t& in_flight,
                  Moment now) {
  while (!queue.empty() && in_flight < limit && in_flight_ < pacing_.limit()) {
    const OperationId id = queue.front();
    queue.pop_front();
    const auto found = pursuits_.find(id);
    if (found != pursuits_.end() && found->second.state == State::queued) start(id, found->second, now);
  }
}

void Engine::start(OperationId id, Pursuit& pursuit, Moment now) {
  pursuit.state = State::under_way;
  pursuit.first_sent = now;
  pursuit.hedged.reset();
  if (const auto kind = pursuit.operation->hedged_as()) hedging_.earn(*kind, pursuit.operation->bytes());
  send(id, pursuit, false, now);
  // The attempt's own time limit is the wire's: no alarm for that.
  const auto patience = patience_for(*pursuit.operation);
  set_alarm(id, pursuit, patience ? std::optional(now + *patience) : std::nullopt);
}

/// How long this may take before it is worth a duplicate. Nothing: it gets none, or not yet.
std::optional<Span> Engine::patience_for(const Operation& operation) const {
  const auto kind = operation.hedged_as();
  const auto usual = settings_.hedge && kind ? hedging_.patience(*kind, operation.bytes()) : std::nullopt;
  return usual ? std::optional(std::max<Span>(*usual, patience_min)) : std::nullopt;
}

void Engine::send(OperationId id, Pursuit& pursuit, bool duplicate, Moment now) {
  const AttemptId attempt = next_attempt_++;
  const bool background = pursuit.operation->background();
  effort_.sent(pursuit.operation->kind());
  if (duplicate) effort_.hedges.add();
  const auto left = std::chrono::ceil<milliseconds>(pursuit.deadline - now);
  const auto limit = settings_.attempt_timeout + moving(pursuit.operation->bytes());
  attempts_.emplace(attempt, Attempt{.operation = id,
                                     .sent = now,
                                     .background = background,
                                     .duplicate = duplicate,
                                     .cut_short = left < limit});
  pursuit.outstanding.push_back(attempt);
  ++pursuit.sent;
  ++in_flight_;
  if (background) ++background_in_flight_;
  wire_.send(attempt, pursuit.operation->request(), std::clamp(left, milliseconds(1), limit));
}

void Engine::tick(Moment now) {
  while (!alarms_.empty() && alarms_.begin()->first <= now) alarm_rang(alarms_.begin()->second, now);
  pump(now);
}

void Engine::alarm_rang(OperationId id, Moment now) {
  Pursuit& pursuit = pursuits_.at(id);
  set_alarm(id, pursuit, std::nullopt);
  if (pursuit.taken) {
    fail(id, *pursuit.taken);
  } else if (pursuit.state == State::under_way) {
    hedge(id, pursuit, now);
  } else if (now >= pursuit.deadline) {
    fail(id, expired(pursuit));
  } else {
    enqueue(id, pursuit, true);
  }
}

void Engine::hedge(OperationId id, Pursuit& pursuit, Moment now) {
  if (now >= pursuit.deadline) return;
  // What waits goes first, and a store that throttles is not asked twice.
  const bool may = !held_ && queue_.empty() && in_flight_ < pacing_.limit();
  const Moment overdue = pursuit.first_sent + 2 * patience_for(*pursuit.operation).value_or(patience_min);
  const auto lateness = now >= overdue ? Hedging::Lateness::overdue : Hedging::Lateness::early;
  const auto kind = pursuit.operation->hedged_as();
  if (may && kind && hedging_.spend(*kind, pursuit.operation->bytes(), lateness)) {
    pursuit.hedged = lateness;
    return send(id, pursuit, true, now);
  }
  set_alarm(id, pursuit, now < overdue ? overdue : now + hedge_again);
}

void Engine::answered(AttemptId attempt_id, HttpAnswer&& answer, Moment now, std::int64_t now_unix_s) {
  const auto found = attempts_.find(attempt_id);
  if (found == attempts_.end()) return;  // cancelled while its answer was on the way to us
  const Attempt attempt = found->second;
  attempts_.erase(found);
  --in_flight_;
  if (attempt.background) --background_in_flight_;
  Pursuit& pursuit = pursuits_.at(attempt.operation);
  std::erase(pursuit.outstanding, attempt_id);
  const bool told_nothing = attempt.cut_short && answer.failure == Failure::timed_out;
  Verdict verdict = pursuit.operation->judge(std::move(answer), now_unix_s);
  if (verdict.error && !(told_nothing && pursuit.last_error)) pursuit.last_error = verdict.error;
  settle(attempt, std::move(verdict), now);
  pump(now);
}

void Engine::settle(const Attempt& attempt, Verdict verdict, Moment now) {
  const OperationId id = attempt.operation;
  Pursuit& pursuit = pursuits_.at(id);
  pursuit.may_have_landed = pursuit.may_have_landed || verdict.may_have_landed;
  switch (verdict.next) {
    case Next::done:
      pacing_.succeeded();
      if (const auto kind = pursuit.operation->hedged_as(); kind && pursuit.hedged)
        hedging_.settled(*kind, pursuit.operation->bytes(), *pursuit.hedged, attempt.duplicate);
      if (attempt.duplicate) effort_.hedges_won.add();
      return succeed(id, now);
    case Next::more:
      pacing_.succeeded();
      pursuit.failures = 0;
      if (now >= pursuit.deadline) return fail(id, expired(pursuit));
      return enqueue(id, pursuit, true);
    case Next::give_up:
      return maybe_taken(id, pursuit, *std::move(verdict.error), now);
    case Next::throttled:
      pacing_.throttled(attempt.sent, now);
      return try_again(id, pursuit, verdict, now);
    case Next::retry:
      return try_again(id, pursuit, verdict, now);
    case Next::credentials: {
      constexpr std::uint32_t credential_failures_max = 2;
      if (++pursuit.credential_failures > credential_failures_max) return fail(id, *verdict.error);
      wire_.credentials_refused();
      return try_again(id, pursuit, verdict, now);
    }
    case Next::clock: {
      constexpr std::uint32_t clock_failures_max = 2;
      if (++pursuit.clock_failures > clock_failures_max) return fail(id, *verdict.error);
      wire_.clock_refused(*verdict.clock_ahead_s);
      return try_again(id, pursuit, verdict, now);
    }
  }
}

/// A duplicate that finds the name taken has probably met its twin, whose answer settles it. Not
/// waited for without end: `already_exists` makes the log look, and is never wrong.
void Engine::maybe_taken(OperationId id, Pursuit& pursuit, Error error, Moment now) {
  if (error.code() != Code::already_exists || pursuit.outstanding.empty()) {
    return fail(id, pursuit.taken ? *pursuit.taken : std::move(error));
  }
  constexpr std::chrono::seconds twin_patience{1};
  pursuit.taken = std::move(error);
  set_alarm(id, pursuit, now + twin_patience);
}

void Engine::try_again(OperationId id, Pursuit& pursuit, const Verdict& verdict, Moment now) {
  if (!pursuit.outstanding.empty()) return;  // its duplicate may still make it
  if (pursuit.taken) return fail(id, *pursuit.taken);
  ++pursuit.failures;
  const double random = std::uniform_real_distribution<double>(0, 1)(random_);
  Span wait = backoff(pursuit.failures, verdict.next == Next::throttled, random);
  if (verdict.retry_after_s) wait = std::max<Span>(wait, std::chrono::seconds(*verdict.retry_after_s));
  if (now + wait >= pursuit.deadline) return fail(id, expired(pursuit));
  pursuit.state = State::backing_off;
  count_retry(verdict.next);
  set_alarm(id, pursuit, now + wait);
}

void Engine::count_retry(Next why) {
  switch (why) {
    case Next::throttled:
      return effort_.throttled.add();
    case Next::credentials:
      return effort_.credentials.add();
    case Next::clock:
      return effort_.clock.add();
    default:
      return effort_.failed.add();
  }
}

void Engine::succeed(OperationId id, Moment now) {
  const Pursuit& pursuit = pursuits_.at(id);
  if (const auto kind = pursuit.operation->hedged_as(); kind && pursuit.failures == 0) {
    hedging_.observe(*kind, pursuit.operation->bytes(), now - pursuit.first_sent);
  }
  forget(id)->succeed();
}

void Engine::fail(OperationId id, Error error) {
  const Pursuit& pursuit = pursuits_.at(id);
  if (pursuit.operation->writes()) {
    const bool unknown = pursuit.may_have_landed || !pursuit.outstanding.empty();
    error = error.with_outcome(unknown ? WriteOutcome::unknown : WriteOutcome::not_written);
  }
  forget(id)->fail(error);
}

/// Stops what is left of it, so that nobody reads the body any more.
std::unique_ptr<Operation> Engine::forget(OperationId id) {
  Pursuit& pursuit = pursuits_.at(id);
  for (const AttemptId attempt : pursuit.outstanding) {
    wire_.cancel(attempt);
    if (attempts_.at(attempt).background) --background_in_flight_;
    attempts_.erase(attempt);
    --in_flight_;
  }
  set_alarm(id, pursuit, std::nullopt);
  std::unique_ptr<Operation> operation = std::move(pursuit.operation);
  pursuits_.erase(id);
  return operation;
}

Error Engine::expired(const Pursuit& pursuit) const {
  const auto patience = std::chrono::duration_cast<milliseconds>(pursuit.deadline - pursuit.submitted);
  if (pursuit.last_error) {
    return pursuit.last_error->with_context(
        fmt::format("gave up after {} attempts in up to {} ms", pursuit.sent, patience.count()));
  }
  return Error(Code::timed_out,
               fmt::format("{} in s3://{} was not sent within {} ms: {}", pursuit.operation->describe(),
                           settings_.bucket, patience.count(),
                           held_ ? "there were no credentials yet" : "too many requests were before it"));
}

void Engine::set_alarm(OperationId id, Pursuit& pursuit, std::optional<Moment> at) {
  if (pursuit.alarm) alarms_.erase({*pursuit.alarm, id});
  pursuit.alarm = at;
  if (at) alarms_.insert({*at, id});
}

std::optional<Moment> Engine::next_wakeup() const {
  return alarms_.empty() ? std::nullopt : std::optional(alarms_.begin()->first);
}

void Engine::release(Moment now) {
  held_ = false;
  pump(now);
}

void Engine::fail_waiting(const Error& error) {
  std::vector<OperationId> waiting;
  for (const auto& [id, pursuit] : pursuits_) {
    if (pursuit.state != State::under_way) waiting.push_back(id);
  }
  std::sort(waiting.begin(), waiting.end());  // in the order they came
  for (const OperationId id : waiting) fail(id, error);
}

void Engine::close() {
  std::vector<OperationId> all;
  for (const auto& [id, pursuit] : pursuits_) all.push_back(id);
  std::sort(all.begin(), all.end());
  for (const OperationId id : all) {
    fail(id, Error(Code::closed, fmt::format("{} in s3://{}: the store was closed first",
                                             pursuits_.at(id).operation->describe(), settings_.bucket)));
  }
}

}  // namespace varve::object_store::s3
