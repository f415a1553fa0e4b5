// The thread on which a store's requests live: takes operations in, signs and sends what the engine
// decides, and brings it the answers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/thread.h"
#include "object_store/s3/credentials/keeper.h"
#include "object_store/s3/engine.h"
#include "object_store/s3/operation.h"
#include "object_store/s3/signature.h"
#include "object_store/s3/transport.h"

namespace varve::object_store::s3 {

class Loop final : private Wire {
 public:
  /// `source` may be null: nothing is signed then.
  static Result<std::shared_ptr<Loop>> start(Settings settings, CredentialsKeeper::Source source);
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] const Dialect& dialect() const noexcept { return dialect_; }

  /// From any thread, also from within a `done`.
  void submit(std::unique_ptr<Operation> operation);

  /// As `Store::clock_ahead`. From any thread.
  [[nodiscard]] std::optional<std::chrono::seconds> clock_ahead() const noexcept;

  /// As `Store::metrics`. From any thread.
  [[nodiscard]] StoreMetrics metrics() const { return engine_.metrics(); }

  /// Ends everything with `Code::closed` and waits for the thread (unless called on it). Once.
  void stop();

 private:
  Loop(Settings settings, std::unique_ptr<Transport> transport, CredentialsKeeper::Source source);

  void run();
  [[nodiscard]] bool take_in();
  void follow_credentials(Moment now);
  void ask_for_credentials();
  [[nodiscard]] std::chrono::milliseconds patience(Moment now) const;
  [[nodiscard]] Signer& signer();
  void note_clock(const HttpAnswer& answer, std::int64_t now_unix_s) noexcept;
  [[nodiscard]] Error closed(const Operation& operation) const;

  void send(AttemptId attempt, HttpRequest request, std::chrono::milliseconds timeout) override;
  void cancel(AttemptId attempt) override;
  void credentials_refused() override;
  void clock_refused(std::int64_t ahead_s) override;

  const Settings settings_;
  const std::string host_;
  const Dialect dialect_;
  std::unique_ptr<Transport> transport_;

  std::mutex mutex_;  // guards the next two
  std::vector<std::unique_ptr<Operation>> inbox_;
  bool stopping_ = false;

  // The thread's own:
  Engine engine_;
  std::vector<std::unique_ptr<Operation>> taken_in_;
  CredentialsKeeper::State keys_;
  std::optional<Signer> signer_;
  std::shared_ptr<const Credentials> signer_keys_;  // whose signer that is
  std::chrono::seconds clock_correction_{0};        // for signatures
  std::uint64_t keys_refused_ = 0;    // credentials of this fetch and those before it are no good
  std::uint64_t error_reported_ = 0;  // the fetch whose error ended what waited
  std::uint64_t refetch_asked_ = 0;

  static constexpr std::int64_t never_told = INT64_MAX;
  std::atomic<std::int64_t> clock_ahead_s_{never_told};

  base::Thread thread_;
  std::unique_ptr<CredentialsKeeper> keeper_;  // goes first: it wakes the transport
};

}  // namespace varve::object_store::s3
