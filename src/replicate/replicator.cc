#include "replicate/replicator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/condition.h"
#include "base/mutant.h"
#include "format/object_check.h"
#include "log/system.h"
#include "protocol/reader_status.h"
#include "replicate/drive.h"

namespace varve::replicate {

using format::Header;
using format::Kind;
using protocol::CopyCommand;
using protocol::ReaderStatus;

namespace {

// While it is behind, or waits at the tail, the source is looked at so often: how far does it go?
constexpr auto time_between_looks = std::chrono::seconds(10);
// So often an object that does not fit, or is missing where one should be, is asked for.
constexpr std::uint32_t doubts_max = 3;
// What a stop waits for at most: that what was sent has been answered.
constexpr auto time_to_stop = std::chrono::seconds(2);
// For so long nothing has been handed over before the checkpoint is written.
constexpr auto time_to_idle = std::chrono::seconds(1);
// After how long a source that fails is asked again.
constexpr auto rest_of_source = std::chrono::milliseconds(500);
// Of the memory, what may be fetched ahead; the rest is for copies on their way: a GET takes less time than a
// PUT, and waits for nothing.
constexpr std::size_t ahead_share = 4;
// Deletions are for another time if the destination does not answer in this.
constexpr auto time_to_sweep = std::chrono::seconds(30);

}  // namespace

void Replicator::EventQueue::post(Letter event) {
  {
    const std::lock_guard lock(mutex);
    events.push_back(std::move(event));
  }
  wake_up();
}

void Replicator::EventQueue::wake_up() {
  std::stop_source woken(std::nostopstate);
  {
    const std::lock_guard lock(mutex);
    woken = wake;
  }
  woken.request_stop();
}

Replicator::Replicator(log::LogStore source, log::LogStore destination, const MirrorOptions& options,
                       protocol::ResumePoint beginning, TailingWriter tailing_writer)
    : source_(std::move(source)),
      destination_(std::move(destination)),
      options_(options),
      tailing_writer_(std::move(tailing_writer)),
      mirroring_(std::move(beginning.start),
                 {.give_up_ms = options.give_up_ms,
                  .checkpoint_every_objects = options.checkpoint_every_objects,
                  .retry = {},
                  .jitter_seed = static_cast<std::uint64_t>(base::now().time_since_epoch().count())}),
      read_ahead_(source_, {.bytes = options.bytes_max / ahead_share,
                            .objects = options.fetch_objects,
                            .give_up_ms = options.give_up_ms}),
      polling_(options.poll_ms, options.poll_max_ms),
      view_(std::move(beginning.source)),
      looked_at_(base::now()) {
  mirroring_.source_seen(view_.tail.offset, base::unix_ms());
  publish();
}

Replicator::~Replicator() {
  abandon();
  if (sweeping_.joinable()) sweeping_.join();
}

std::uint64_t Replicator::now_ms() const {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(base::now() - began_).count());
}

read::WaitLimit Replicator::patience() const {
  constexpr std::uint32_t one_look_ms = 60'000;
  return {.deadline = log::LogStore::after(options_.give_up_ms == 0 ? one_look_ms : options_.give_up_ms),
          .stop = abandoned_.get_token()};
}

void Replicator::stop() noexcept {
  {
    const std::lock_guard lock(event_queue_->mutex);
    event_queue_->stopped = true;
  }
  event_queue_->wake_up();
}

void Replicator::abandon() noexcept {
  abandoned_.request_stop();
  stop();
}

void Replicator::want_checkpoint() noexcept {
  {
    const std::lock_guard lock(event_queue_->mutex);
    event_queue_->checkpoint_wanted = true;
  }
  event_queue_->wake_up();
}

// Until it is said: a checkpoint may be under way that was made before.
void Replicator::say_if_wanted() {
  const std::lock_guard lock(event_queue_->mutex);
  if (!event_queue_->checkpoint_wanted) return;
  mirroring_.want_checkpoint();
  event_queue_->checkpoint_wanted = mirroring_.said_anchor() != mirroring_.anchor();
}

MirrorStatus Replicator::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

Result<void> Replicator::run(Until until) {
  if (until == Until::source_end) {
    const auto view = look();
    if (!view) return view.error();
    target_ = view->tail.seq;
  }
  std::optional<Clock::time_point> stop_by;
  Clock::time_point compare_at{};
  while (true) {
    const std::stop_token wake = take_letters();
    mirroring_.tick(now_ms());
    say_if_wanted();
    carry_out(mirroring_.take_commands());
    if (mirroring_.ending()) return *mirroring_.ending();
    sweep();
    publish();
    if (abandoned_.stop_requested()) return Error(Code::closed, "the mirror was abandoned");
    if (!stop_by && take_stop()) stop_by = base::now() + time_to_stop;
    const bool at_end = until == Until::source_end ? mirroring_.next().seq >= target_ : at_tail_;
    if (!stop_by && at_end && base::now() >= compare_at) {
      if (const auto nothing = expect_nothing_more(); !nothing) return nothing;
      compare_at = base::now() + time_between_looks;
    }
    if (stop_by || (at_end && until == Until::source_end)) {
      mirroring_.want_checkpoint();
      carry_out(mirroring_.take_commands());
      const bool settled = mirroring_.settled() && !sweeping_.joinable();
      if (settled || (stop_by && base::now() >= *stop_by)) return {};
      rest(wake, stop_by.value_or(Clock::time_point::max()));
    } else if (!has_room()) {
      rest(wake, Clock::time_point::max());
    } else if (base::now() < next_fetch_) {
      rest(wake, next_fetch_);
    } else if (const auto fetched = fetch(wake); !fetched) {
      return fetched;
    }
  }
}

bool Replicator::take_stop() {
  const std::lock_guard lock(event_queue_->mutex);
  return std::exchange(event_queue_->stopped, false);
}

// What lies at the destination beyond all that the source has was put there by somebody else. (Another mirror
// may be ahead of us, but not of the source.)
Result<void> Replicator::expect_nothing_more() {
  const auto page =
      ask(destination_, protocol::Request::make(protocol::Request::Kind::list, mirroring_.next().seq, 1),
          patience());
  if (!page) return page.error();
  if (page->error || page->listed.empty()) return {};
  const Seq seq = page->listed.front().seq;
  const auto original = header_at(source_, seq, patience());
  if (!original) return original.error();
  if (*original) return {};
  const auto view = look();
  if (!view) return view.error();
  if (seq < view->lowest_live()) return {};
  return Error(Code::foreign,
               fmt::format("{} is there, and {} ends before it: the destination was written to by "
                           "somebody else, or is the longer of the two; nothing is merged",
                           destination_.name_of(seq), source_.name_of_log()));
}

std::size_t Replicator::held_bytes_max() const {
  return options_.bytes_max - options_.bytes_max / ahead_share;
}

bool Replicator::has_room() const {
  return mirroring_.can_offer() && (held_bytes_ <= held_bytes_max() || copies_.empty());
}

// Answers that have come; the token tells when more have.
std::stop_token Replicator::take_letters() {
  std::deque<Letter> events;
  std::stop_token wake;
  {
    const std::lock_guard lock(event_queue_->mutex);
    events.swap(event_queue_->events);
    if (event_queue_->wake.stop_requested()) event_queue_->wake = std::stop_source();
    wake = event_queue_->wake.get_token();
  }
  for (Letter& event : events) deliver(std::move(event));
  return wake;
}

void Replicator::deliver(Letter event) {
  if (event.swept) return swept(*event.swept);
  const auto& [kind, seq] = event.command;
  if (kind == CopyCommand::Kind::checkpoint) return mirroring_.on_checkpoint(event.error, now_ms());
  if (kind == CopyCommand::Kind::look) return mirroring_.on_look(seq, *event.found, now_ms());
  mirroring_.on_put(seq, event.error, now_ms());
}

void Replicator::carry_out(const std::vector<CopyCommand>& commands) {
  for (const CopyCommand& command : commands) {
    if (command.kind != CopyCommand::Kind::copied) {
      send(command);
      continue;
    }
    const auto copy = copies_.find(command.seq);
    held_bytes_ -= copy->second.data.size();
    const Result<Header> header = format::decode_header(copy->second.data);
    {
      const std::lock_guard lock(status_mutex_);
      ++status_.objects;
      status_.object_bytes += copy->second.data.size();
      status_.records += header->record_count;
    }
    last_created_unix_ms_ = header->created_unix_ms;
    copies_.erase(copy);
  }
}

void Replicator::send(const CopyCommand& command) {
  const auto wrote = [event_queue = event_queue_, command](const Result<void>& result) {
    event_queue->post({command, result ? std::nullopt : std::optional(result.error()), {}, {}});
  };
  switch (command.kind) {
    case CopyCommand::Kind::put:
      return destination_.put_object(command.seq, copies_.at(command.seq), wrote);
    case CopyCommand::Kind::look:
      return destination_.look(
          command.seq, [event_queue = event_queue_, command](const Result<log::LogStore::Seen>& seen) {
            if (seen) return event_queue->post({command, {}, Result<Header>(seen->header), {}});
            event_queue->post({command, {}, Result<Header>(seen.error()), {}});
          });
    case CopyCommand::Kind::checkpoint: {
      protocol::Request request = protocol::Request::make(protocol::Request::Kind::put_checkpoint);
      request.body = format::encode_checkpoint(mirroring_.checkpoint());
      return destination_.send(std::move(request),
                               [event_queue = event_queue_, command](const protocol::Reply& reply) {
                                 event_queue->post({command, reply.error, {}, {}});
                               });
    }
    case CopyCommand::Kind::copied:
      break;
  }
}

// What the source has trimmed away; beside the copying, for which somebody may wait. What cannot be deleted
// now is left to the next trim, or to `varve repair`.
void Replicator::sweep() {
  const Seq below = mirroring_.sweep_below();
  if (sweeping_.joinable() || below <= mirroring_.swept_below()) return;
  sweeping_below_ = below;
  const protocol::SweepPlan plan{
      .from = mirroring_.swept_below(), .below = below, .history = mirroring_.history(), .clocks = {}};
  sweeping_ = base::Thread([this, plan] {
    Letter event{.command = {}, .error = {}, .found = {}, .swept = 0};
    try {
      event.swept = delete_below(plan);
    } catch (const std::bad_alloc&) {
      event.swept = 0;
    }
    event_queue_->post(std::move(event));
  });
}

void Replicator::swept(std::uint64_t objects) {
  sweeping_.join();
  mirroring_.swept(sweeping_below_);
  const std::lock_guard lock(status_mutex_);
  status_.swept_objects += objects;
}

std::uint64_t Replicator::delete_below(const protocol::SweepPlan& plan) const {
  protocol::Sweep machine(plan);
  const read::WaitLimit limit = patience();
  const auto deadline = std::min(base::now() + time_to_sweep, limit.deadline);
  const auto swept = destination_.drive(
      machine.start(), [&](const protocol::Reply& reply) { return machine.on(reply); }, deadline, limit.stop);
  static_cast<void>(swept);  // space, no data
  return machine.removed();
}

void Replicator::rest(const std::stop_token& wake, Clock::time_point until) {
  if (const auto tick = mirroring_.next_tick_ms()) {
    until = std::min(until, began_ + std::chrono::milliseconds(*tick));
  }
  std::mutex mutex;
  base::StoppableCondition woken;
  std::unique_lock lock(mutex);
  if (until == Clock::time_point::max()) {
    woken.wait(lock, wake, [] { return false; });
  } else {
    woken.wait_until(lock, wake, until, [] { return false; });
  }
}

Result<void> Replicator::fetch(const std::stop_token& wake) {
  Clock::time_point until = base::now() + time_between_looks;
  if (const auto tick = mirroring_.next_tick_ms())
    until = std::min(until, began_ + std::chrono::milliseconds(*tick));
  if (tailing_writer_.feed && tailing_writer_.feed->reaches(mirroring_.next().seq))
    return take_handed(until, wake);
  const Result<std::optional<Bytes>> object = read_ahead_.take(mirroring_.next().seq, until, wake);
  if (object) return *object ? take(**object) : Result<void>();
  if (object.error().code() == Code::not_found) return found_nothing();
  return complain_of_source(object.error());
}

// The writer knows what is on the chain, and where it ends.
Result<void> Replicator::take_handed(log::Deadline until, const std::stop_token& wake) {
  if (tailing_writer_.feed->empty()) mirroring_.source_seen(mirroring_.next().offset, base::unix_ms());
  const bool unsaid = mirroring_.in_flight() == 0 && !mirroring_.settled();
  if (unsaid) until = std::min(until, base::now() + time_to_idle);
  looked_at_ = base::now();
  at_tail_ = false;
  if (const auto object = tailing_writer_.feed->take(mirroring_.next().seq, until, wake))
    return take(*object);
  if (unsaid && base::now() >= until) mirroring_.want_checkpoint();
  return {};
}

void Replicator::source_is_well() {
  doubts_ = 0;
  source_fails_since_.reset();
  source_complaint_.reset();
}

Result<void> Replicator::complain_of_source(const Error& error) {
  if (!protocol::worth_retrying(error) || error.code() == Code::not_found) return error;
  if (!source_fails_since_) source_fails_since_ = base::now();
  const auto patience_ends = *source_fails_since_ + std::chrono::milliseconds(options_.give_up_ms);
  if (options_.give_up_ms != 0 && base::now() >= patience_ends) return error;
  source_complaint_ = error;
  next_fetch_ = base::now() + rest_of_source;
  return {};
}

// The source's object at the next place: is it whole, sound, and on the chain for good?
Result<void> Replicator::take(const Bytes& object) {
  const Result<Header> header = format::decode_header(object.data);
  if (!header) return doubt(header.error());
  const auto wrong = verify(object, *header);
  if (!wrong) return complain_of_source(wrong.error());
  if (*wrong) return doubt(**wrong);
  copies_.emplace(header->seq, object);
  held_bytes_ += object.data.size();
  if (const auto offered = mirroring_.offer(*header, now_ms()); !offered) {
    copies_.erase(header->seq);
    held_bytes_ -= object.data.size();
    return doubt(offered.error());
  }
  source_is_well();
  at_tail_ = false;
  next_fetch_ = {};
  polling_.found_something();
  carry_out(mirroring_.take_commands());
  if (base::now() - looked_at_ < time_between_looks) return {};
  if (auto view = look(); !view) return complain_of_source(view.error());
  return {};
}

// What is wrong with it, if anything. A seal that continues the chain may yet be none of it: a claimant that
// slept has put it where the log was trimmed away. It is none where the log still lives.
Result<std::optional<Error>> Replicator::verify(const Bytes& object, const Header& header) {
  if (mutated(Mutant::mirror_unverified)) return std::optional<Error>();
  if (const auto next = step(mirroring_.next(), header); !next) return std::optional(next.error());
  const maintain::ObjectCheck check = maintain::check_object(object.data, header);
  if (!check.damage.empty()) return std::optional(Error(Code::corruption, check.damage.front()));
  if (header.kind != Kind::seal || mutated(Mutant::mirror_stray_seal)) return std::optional<Error>();
  const auto view = look();
  if (!view) return view.error();
  if (view->lowest_live() <= header.seq) return std::optional<Error>();
  return std::optional(trimmed_past(source_, mirroring_.next(), *view));
}

Result<protocol::LogState> Replicator::look() {
  auto view = read::read_log_state(source_, patience());
  if (!view) return view;
  if (view->tail.log_id != mirroring_.next().log_id) {
    return Error(Code::foreign, source_.name_of_log() + " has become another log");
  }
  view_ = *view;
  looked_at_ = base::now();
  mirroring_.source_seen(view_.tail.offset, base::unix_ms());
  return view;
}

// The tail, if it was found to be that a short while ago; else the log is looked at.
Result<void> Replicator::found_nothing() {
  const protocol::Position& next = mirroring_.next();
  if (at_tail_ && base::now() - looked_at_ < time_between_looks) {
    mirroring_.source_seen(next.offset, base::unix_ms());
    next_fetch_ = base::now() + std::chrono::milliseconds(polling_.found_nothing());
    return {};
  }
  const auto view = look();
  if (!view) return complain_of_source(view.error());
  if (protocol::reader_status(next, *view) == ReaderStatus::at_tail) {
    source_is_well();
    at_tail_ = true;
    mirroring_.want_checkpoint();
    next_fetch_ = base::now() + std::chrono::milliseconds(polling_.found_nothing());
    return {};
  }
  return doubt(
      Error(Code::corruption, fmt::format("object {} (offset {}) is missing", next.seq, next.offset)));
}

// What is there, or is not, cannot be copied. Was the source trimmed past it, is it a passing fault, or
// damage?
Result<void> Replicator::doubt(const Error& what) {
  const auto view = look();
  if (!view) return complain_of_source(view.error());
  if (view->lowest_live() > mirroring_.next().seq) return trimmed_past(source_, mirroring_.next(), *view);
  if (++doubts_ >= doubts_max || what.code() == Code::foreign) {
    return what.with_context(source_.name_of(mirroring_.next().seq) +
                             ", which was not copied, nor what follows");
  }
  read_ahead_.forget();
  return {};
}

void Replicator::publish() {
  const format::MirrorState& state = mirroring_.state();
  const std::lock_guard lock(status_mutex_);
  status_.copied_offset = state.copied_offset;
  status_.source_end = std::max(state.source_end, state.copied_offset);
  status_.source_seen_unix_ms = state.source_seen_unix_ms;
  status_.records_behind = status_.source_end - status_.copied_offset;
  status_.bytes_behind = status_.records == 0
                             ? 0
                             : static_cast<std::uint64_t>(static_cast<double>(status_.records_behind) *
                                                          static_cast<double>(status_.object_bytes) /
                                                          static_cast<double>(status_.records));
  const std::int64_t age_ms = last_created_unix_ms_ == 0 ? 0 : base::unix_ms() - last_created_unix_ms_;
  status_.seconds_behind =
      status_.records_behind == 0 || age_ms < 0 ? 0 : static_cast<std::uint64_t>(age_ms) / 1000;
  status_.held_bytes = held_bytes_;
  status_.retries = mirroring_.retries();
  status_.waiting_for = mirroring_.complaint();
  if (!status_.waiting_for) status_.waiting_for = source_complaint_;
  if (tailing_writer_.tell) {
    const bool taken = mutated(Mutant::standby_taken_counts);
    tailing_writer_.tell({.below = taken ? mirroring_.next().seq : mirroring_.stored_below(),
                          .offset = taken ? mirroring_.next().offset : state.copied_offset,
                          .said = mirroring_.said_anchor(),
                          .complaint = status_.waiting_for});
  }
}

}  // namespace varve::replicate
