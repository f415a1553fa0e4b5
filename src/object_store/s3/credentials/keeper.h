// Keeps credentials fresh: fetches them in a thread of its own, before they expire.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/condition.h"
#include "base/thread.h"
#include "object_store/s3/credentials/credentials.h"
#include "varve/result.h"

namespace varve::object_store::s3 {

/// When to fetch next after a success at `now`: well before the end, so that a few failures do not
/// matter. Nothing for keys that do not expire.
std::optional<std::chrono::system_clock::time_point> refresh_time(const Credentials& credentials,
                                                                  std::chrono::system_clock::time_point now);

/// Thread-safe.
class CredentialsKeeper {
 public:
  /// Blocks; must return soon once the flag is true.
  using Source = std::function<Result<Credentials>(const std::atomic<bool>& stop)>;

  /// `changed` is called from the keeper's thread after every fetch.
  CredentialsKeeper(Source source, std::function<void()> changed);
  ~CredentialsKeeper();
  CredentialsKeeper(const CredentialsKeeper&) = delete;
  CredentialsKeeper& operator=(const CredentialsKeeper&) = delete;

  struct State {
    std::shared_ptr<const Credentials> credentials;  ///< null: there are none, or they have expired
    std::optional<Error> error;                      ///< why the last fetch failed
    std::uint64_t fetches = 0;                       ///< that have ended
  };
  [[nodiscard]] State state() const;

  /// The store refused them, or they are wanted again after an error: fetch now (but at most once
  /// a second).
  void refetch();

 private:
  void run();
  void fetch();

  const Source source_;
  const std::function<void()> changed_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  base::Condition wanted_;
  State state_;
  std::chrono::system_clock::time_point next_ = std::chrono::system_clock::time_point::min();
  std::chrono::steady_clock::time_point last_fetch_{};
  base::Thread thread_;
};

}  // namespace varve::object_store::s3
