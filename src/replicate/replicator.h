// The doing half of a mirror: fetches the source's chain in order, verifies it, and carries out what
// `protocol::Mirroring` decides.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>

#include "base/clock.h"
#include "base/thread.h"
#include "log/log_store.h"
#include "protocol/mirroring.h"
#include "protocol/polling.h"
#include "protocol/sweep.h"
#include "read/read_ahead.h"
#include "replicate/hand_off_queue.h"
#include "replicate/resume_point.h"
#include "varve/mirror.h"

namespace varve::replicate {

/// How far the copies are, for a writer of the source that waits for them.
struct CopyProgress {
  Seq below = 0;      ///< the lowest place of the chain that is not known to be stored
  Offset offset = 0;  ///< of the next record there
  std::optional<Seq> said = {};
  std::optional<Error> complaint = {};
};

/// The writer of the source, if it is at work in this process and waits for the copies.
struct TailingWriter {
  std::shared_ptr<HandOffQueue> feed;
  std::function<void(const CopyProgress&)> tell;  ///< by the thread of `run`; must be quick
};

/// Thread-safety: `run` on one thread at a time; `stop`, `abandon` and `status` from any.
class Replicator {
 public:
  enum class Until : std::uint8_t { source_end, stopped };

  Replicator(log::LogStore source, log::LogStore destination, const MirrorOptions& options,
             protocol::ResumePoint beginning, TailingWriter tailing_writer = {});
  ~Replicator();
  Replicator(const Replicator&) = delete;
  Replicator& operator=(const Replicator&) = delete;

  Result<void> run(Until until);
  void stop() noexcept;
  /// As `stop`, and waits for neither store any more.
  void abandon() noexcept;
  /// Has the destination's checkpoint name all that is stored, now. From any thread.
  void want_checkpoint() noexcept;
  [[nodiscard]] MirrorStatus status() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Letter {
    protocol::CopyCommand command;
    std::optional<Error> error;
    std::optional<Result<format::Header>> found;
    std::optional<std::uint64_t> swept;  // a sweep has ended, which deleted so many objects
  };
  /// With answers under way, which may outlive us.
  struct EventQueue {
    std::mutex mutex;
    std::deque<Letter> events;
    std::stop_source wake;  // replaced when it has woken
    bool stopped = false;
    bool checkpoint_wanted = false;

    void post(Letter event);
    void wake_up();
  };

  [[nodiscard]] std::uint64_t now_ms() const;
  [[nodiscard]] read::WaitLimit patience() const;
  std::stop_token take_letters();
  void deliver(Letter event);
  void carry_out(const std::vector<protocol::CopyCommand>& commands);
  void send(const protocol::CopyCommand& command);
  void sweep();
  void swept(std::uint64_t objects);
  [[nodiscard]] std::uint64_t delete_below(const protocol::SweepPlan& plan) const;

  Result<void> fetch(const std::stop_token& wake);
  Result<void> take_handed(log::Deadline until, const std::stop_token& wake);
  Result<void> take(const Bytes& object);
  Result<std::optional<Error>> verify(const Bytes& object, const format::Header& header);
  Result<void> found_nothing();
  Result<void> doubt(const Error& what);
  void source_is_well();
  Result<void> complain_of_source(const Error& error);
  Result<protocol::LogState> look();
  [[nodiscard]] std::size_t held_bytes_max() const;
  [[nodiscard]] bool has_room() const;
  bool take_stop();
  void say_if_wanted();
  Result<void> expect_nothing_more();
  void rest(const std::stop_token& wake, Clock::time_point until);
  void publish();

  const log::LogStore source_;
  const log::LogStore destination_;
  const MirrorOptions options_;
  const TailingWriter tailing_writer_;
  std::stop_source abandoned_;
  protocol::Mirroring mirroring_;
  read::ReadAhead read_ahead_;
  protocol::Polling polling_;
  const Clock::time_point began_ = base::now();
  const std::shared_ptr<EventQueue> event_queue_ = std::make_shared<EventQueue>();

  protocol::LogState view_;      // of the source, as it was seen last
  Clock::time_point looked_at_;  // when
  std::map<Seq, Bytes> copies_;  // offered and not known to be stored
  std::size_t held_bytes_ = 0;
  bool at_tail_ = false;
  Seq target_ = 0;  // of `Until::source_end`: the source's tail when that was called
  std::uint32_t doubts_ = 0;
  Clock::time_point next_fetch_{};
  std::optional<Clock::time_point> source_fails_since_;
  std::optional<Error> source_complaint_;
  std::int64_t last_created_unix_ms_ = 0;

  Seq sweeping_below_ = 0;
  base::Thread sweeping_;  // on a thread of its own

  mutable std::mutex status_mutex_;
  MirrorStatus status_;
};

}  // namespace varve::replicate
