// Fetches objects before their reader asks for them, several at once, within bounds.
//
// Listings say what exists and how large it is. They decide only what is fetched ahead, never what
// the log holds: an object that no listing shows is asked for when its turn comes, and one that lies
// in a void is let go unread when the reader passes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "log/log_store.h"

namespace varve::read {

/// Thread-safety: one thread at a time.
class ReadAhead {
 public:
  struct Options {
    std::size_t bytes = 0;         ///< in flight or fetched and not taken, but one object always may be
    std::uint32_t objects = 1;     ///< GETs in flight
    std::uint32_t give_up_ms = 0;  ///< how long one object is tried; 0: for ever
  };
  ReadAhead(log::LogStore log_store, Options options);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  /// The object `seq`; seqs never go back but after `forget`. Nothing when `deadline` or `stop` came
  /// first: it is fetched on. Errors: `not_found`, or what else the store says and will not get over.
  Result<std::optional<Bytes>> take(Seq seq, log::LogStore::Deadline deadline, const std::stop_token& stop);

  /// Asks for more if there is room for more. Cheap when nothing has happened.
  void keep_going() {
    if (news_->load(std::memory_order_relaxed)) fill();
  }

  /// Lets go of all that was listed and fetched: the reader goes elsewhere, or doubts what it got.
  void forget();

 private:
  struct Slot;
  struct Shared;

  void fill();
  void ask_for(const std::shared_ptr<Slot>& slot);
  void ask_for_names(protocol::Request request, std::uint64_t generation);
  void make_front(Seq seq);
  std::optional<Result<Bytes>> settle_front();

  log::LogStore log_store_;
  Options options_;
  protocol::Backoff backoff_;
  std::shared_ptr<Shared> shared_;  // with the answers under way, which may outlive us
  const std::atomic<bool>* news_;   // in `shared_`: an answer came since the last `fill`
};

}  // namespace varve::read
