// A writer's second store: a mirror of its log, on a thread of its own, fed out of the writer's memory.
#include "append/standby.h"
#include "base/clock.h"
#include "base/condition.h"
#include "base/thread.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/no_memory.h"
#include "replicate/drive.h"
#include "replicate/replicator.h"
#include "replicate/resume_point.h"

namespace varve::replicate {

using log::Deadline;
using log::LogStore;
using protocol::ReplicaProgress;

namespace {

// So long it is tried to find out where to go on, before it is said what is in the way.
constexpr std::uint32_t one_beginning_ms = 5'000;
// After how long that is tried again.
constexpr auto rest_between_beginnings = std::chrono::milliseconds(500);

MirrorOptions mirror_options(const WriterOptions& options) {
  const MirrorOptions usual;
  return {.bytes_max = std::clamp(options.buffered_bytes_max, std::size_t{1} << 20, usual.bytes_max),
          .poll_ms = 20,
          .poll_max_ms = 200,
          .checkpoint_every_objects = 64};
}

/// Time may mend it, and nobody else has written there.
bool is_away(const Error& error) {
  switch (error.code()) {
    case Code::unavailable:
    case Code::timed_out:
    case Code::denied:
    case Code::no_space:
    case Code::no_memory:
    case Code::over_capacity:
      return true;
    default:
      return false;
  }
}

class StandbyPlace final : public append::Standby {
 public:
  StandbyPlace(const LogStore& first, const WriterOptions& options)
      : first_(first),
        second_(*options.standby),
        goes_on_(options.on_standby_loss == OnStandbyLoss::degrade),
        options_(mirror_options(options)),
        feed_(std::make_shared<HandOffQueue>(goes_on_)) {}
  ~StandbyPlace() override;
  StandbyPlace(const StandbyPlace&) = delete;
  StandbyPlace& operator=(const StandbyPlace&) = delete;

  Result<void> prepare(Deadline deadline);

  [[nodiscard]] bool caught_up() const override { return caught_up_; }
  void attend(std::function<void()> tell) override;
  void hand_from(Seq from) override { feed_->hand_from(from); }
  void hand(Seq seq, Bytes object) override { feed_->hand(seq, std::move(object)); }
  void let_go() override { feed_->let_go(); }
  [[nodiscard]] ReplicaProgress progress() const override {
    const std::lock_guard lock(mutex_);
    return progress_;
  }
  void want_checkpoint() override {
    const std::lock_guard lock(mutex_);
    if (replicator_) replicator_->want_checkpoint();
  }
  void stop() override;
  [[nodiscard]] bool stopped() const override {
    const std::lock_guard lock(mutex_);
    return ended_ || !thread_.joinable();
  }
  [[nodiscard]] std::string name() const override { return second_.name_of_log(); }

 private:
  Result<void> try_to_prepare(Deadline deadline);
  Result<void> expect_nothing(const read::WaitLimit& patience) const;
  Result<void> catch_up(const protocol::ResumePoint& beginning, Deadline deadline);
  void start(std::optional<protocol::ResumePoint> beginning);
  void run(std::optional<protocol::ResumePoint> beginning);
  Result<void> copy(std::optional<protocol::ResumePoint> beginning);
  void report(const CopyProgress& progress);
  void complain(const Error& error);
  void end(const Error& error);
  void changed_locked();

  const LogStore first_;
  const LogStore second_;
  const bool goes_on_;
  const MirrorOptions options_;
  const std::shared_ptr<HandOffQueue> feed_;
  bool caught_up_ = false;

  mutable std::mutex mutex_;
  base::StoppableCondition changed_;
  ReplicaProgress progress_;
  std::function<void()> tell_;
  std::shared_ptr<Replicator> replicator_;  // while it runs
  bool stopping_ = false;
  bool ended_ = false;  // the thread has nothing more to do
  std::stop_source stop_;
  base::Thread thread_;
};

// Before anybody is fenced: is it a mirror of this log, or an empty place, and has it all?
Result<void> StandbyPlace::prepare(Deadline deadline) {
  auto prepared = try_to_prepare(deadline);
  caught_up_ = prepared.has_value();
  if (prepared) return prepared;
  const Error& error = prepared.error();
  const std::string where = fmt::format("the standby, {}", name());
  if (!is_away(error)) return error.with_context(where);
  if (goes_on_) {
    complain(error);
    return {};
  }
  return Error(error.code() == Code::timed_out && thread_.joinable() ? Code::timed_out : Code::unavailable,
               fmt::format("{}: {}; nobody was fenced. Open again when it does its work, or with "
                           "on_standby_loss = degrade (--on-standby-loss degrade)",
                           where, error.message()));
}

Result<void> StandbyPlace::try_to_prepare(Deadline deadline) {
  const read::WaitLimit patience{.deadline = deadline, .stop = {}};
  auto beginning = begin(first_, second_, options_, patience, Look::whole);
  if (beginning) return catch_up(*beginning, deadline);
  if (beginning.error().code() != Code::not_found) return beginning.error();
  return expect_nothing(patience);
}

// There is no log at the first yet.
Result<void> StandbyPlace::expect_nothing(const read::WaitLimit& patience) const {
  using protocol::Request;
  for (Request request :
       {Request::make(Request::Kind::list, 0, 1), Request::make(Request::Kind::get_checkpoint)}) {
    const auto reply = ask(second_, std::move(request), patience);
    if (!reply) return reply.error();
    if (reply->is(Code::not_found)) continue;
    if (reply->error) return *reply->error;
    if (reply->listed.empty() && reply->bytes.empty()) continue;
    return Error(Code::foreign,
                 fmt::format("it holds something, and {} has no log: promote it if it is the mirror of what "
                             "was there, or choose an empty place",
                             first_.name_of_log()));
  }
  return {};
}

Result<void> StandbyPlace::catch_up(const protocol::ResumePoint& beginning, Deadline deadline) {
  const Seq target = beginning.source.tail.seq;
  start(beginning);
  std::unique_lock lock(mutex_);
  const auto settled = [&] {
    return progress_.ending || (progress_.resumes_at && progress_.below >= target);
  };
  if (deadline == LogStore::never) {
    changed_.wait(lock, settled);
  } else {
    changed_.wait_until(lock, deadline, settled);
  }
  if (progress_.ending) return *progress_.ending;
  if (progress_.below >= target) return {};
  if (progress_.complaint) return *progress_.complaint;
  return Error(
      Code::timed_out,
      fmt::format("it has what is below offset {}, and {} is at offset {}: what was copied stays, so "
                  "open again, or run `varve mirror` first",
                  progress_.offset, first_.name_of_log(), beginning.source.tail.offset));
}

void StandbyPlace::attend(std::function<void()> tell) {
  {
    const std::lock_guard lock(mutex_);
    tell_ = std::move(tell);
    changed_locked();
  }
  if (!thread_.joinable()) start(std::nullopt);
}

void StandbyPlace::start(std::optional<protocol::ResumePoint> beginning) {
  thread_ = base::Thread([this, beginning = std::move(beginning)]() mutable {
    run_or_end_process("a writer's second store", [&] { run(std::move(beginning)); });
  });
}

void StandbyPlace::run(std::optional<protocol::ResumePoint> beginning) {
  while (true) {
    const auto copied = with_memory([&] { return copy(std::exchange(beginning, std::nullopt)); });
    std::unique_lock lock(mutex_);
    replicator_.reset();
    if (copied || stopping_) break;
    lock.unlock();
    if (!is_away(copied.error())) {
      end(copied.error());
      break;
    }
    complain(copied.error());
    lock.lock();
    if (changed_.wait_until(lock, stop_.get_token(), base::now() + rest_between_beginnings,
                            [this] { return stopping_; }))
      break;
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_locked();
}

Result<void> StandbyPlace::copy(std::optional<protocol::ResumePoint> beginning) {
  if (!beginning) {
    auto found = begin(first_, second_, options_,
                       {.deadline = LogStore::after(one_beginning_ms), .stop = stop_.get_token()});
    if (!found) return found.error();
    beginning = *std::move(found);
  }
  const auto replicator =
      std::make_shared<Replicator>(first_, second_, options_, *std::move(beginning),
                                   TailingWriter{feed_, [this](const CopyProgress& now) { report(now); }});
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return {};
    replicator_ = replicator;
  }
  return replicator->run(Replicator::Until::stopped);
}

void StandbyPlace::report(const CopyProgress& progress) {
  const std::lock_guard lock(mutex_);
  const bool news = progress.below != progress_.below || progress.said != progress_.resumes_at ||
                    progress.complaint.has_value() != progress_.complaint.has_value();
  if (!news) return;
  progress_.below = std::max(progress_.below, progress.below);
  progress_.offset = std::max(progress_.offset, progress.offset);
  if (progress.said) progress_.resumes_at = progress.said;
  progress_.complaint = progress.complaint;
  changed_locked();
}

void StandbyPlace::complain(const Error& error) {
  const std::lock_guard lock(mutex_);
  progress_.complaint = error;
  changed_locked();
}

void StandbyPlace::end(const Error& error) {
  const std::lock_guard lock(mutex_);
  progress_.ending = error.with_context(fmt::format("the standby, {}", name()));
  changed_locked();
}

void StandbyPlace::changed_locked() {
  changed_.notify_all();
  if (tell_) tell_();
}

void StandbyPlace::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (replicator_) {
    replicator_->stop();
  } else {
    stop_.request_stop();  // it has nothing to end in order
  }
  changed_.notify_all();
}

StandbyPlace::~StandbyPlace() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (replicator_) replicator_->abandon();
    stop_.request_stop();
    changed_.notify_all();
  }
  feed_->let_go();
  thread_.join();
}

}  // namespace
}  // namespace varve::replicate

namespace varve::append {

Result<std::unique_ptr<Standby>> open_standby(const log::LogStore& first, const WriterOptions& options,
                                              log::Deadline deadline) {
  const log::LogStore second(*options.standby);
  if (second.name_of_log() == first.name_of_log()) {
    return Error(Code::invalid_argument,
                 second.name_of_log() + " cannot be the standby of a log that is there already");
  }
  auto place = std::make_unique<replicate::StandbyPlace>(first, options);
  if (options.on_standby_loss == OnStandbyLoss::degrade) {
    deadline = std::min(deadline, log::LogStore::after(options.standby_patience_ms));
  }
  if (const auto prepared = place->prepare(deadline); !prepared) return prepared.error();
  return std::unique_ptr<Standby>(std::move(place));
}

}  // namespace varve::append
