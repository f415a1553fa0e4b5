// Carries the requests of the chain's machines to the store and brings the replies back. The only
// place where seqs become names in the store.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "log/deadline.h"
#include "object_store/request_tally.h"
#include "protocol/request.h"
#include "protocol/retry.h"
#include "varve/store.h"

namespace varve::log {

/// Thread-safe. Copies share the store, and count together.
class LogStore {
 public:
  explicit LogStore(LogAddress log, protocol::RetryOptions retry = {})
      : log_(std::move(log)), retry_(retry) {}

  using Done = std::function<void(protocol::Reply)>;
  /// Carries out one request, once. `done` comes as `Store` says.
  void send(protocol::Request request, const Done& done) const;

  /// Creates object `seq` with `body`, if absent.
  void put_object(Seq seq, Bytes body, Store::Done<void> done) const;
  /// What exists of `range` in object `seq`.
  void get_part(Seq seq, ByteRange range, Store::Done<Bytes> done) const;
  /// All of object `seq`.
  void get_object(Seq seq, Store::Done<Bytes> done) const;

  /// What lies at a place, and who sealed it ("host:pid") if it is a seal that says so.
  struct Seen {
    format::Header header;
    std::string sealed_by;
  };
  void look(Seq seq, const Store::Done<Seen>& done) const;

  [[nodiscard]] Store& store() const { return *log_.store; }
  [[nodiscard]] const LogAddress& address() const { return log_; }
  /// All that was asked of the store through this one and its copies.
  [[nodiscard]] StoreRequests requests() const { return tally_->snapshot(); }
  [[nodiscard]] std::string key_of(Seq seq) const;
  /// "<store>/<log>", for messages.
  [[nodiscard]] std::string name_of_log() const { return log_.store->describe() + "/" + log_.path; }
  /// "<store>/<key>", for messages.
  [[nodiscard]] std::string name_of(Seq seq) const;

  using Deadline = log::Deadline;
  static constexpr Deadline never = Deadline::max();
  static Deadline after(std::uint32_t timeout_ms);  ///< 0: never

  /// What a machine asks for and is told: `on` is given each reply, and returns what else it wants.
  using On = std::function<protocol::Requests(const protocol::Reply&)>;
  /// Drives a machine from `first` until it wants nothing more. Blocks. Requests that fail in a way
  /// that may pass are repeated, with backoff, until `deadline`; an unknown outcome of a put is
  /// repeated until it is known. At most `protocol::most_at_once` requests are in flight. Errors:
  /// `timed_out`, with the store's last complaint; `closed`, when `stop` was requested.
  Result<void> drive(protocol::Requests first, const On& on, Deadline deadline = never,
                     const std::stop_token& stop = {}) const;

 private:
  void send_about_promotions(const protocol::Request& request, const Done& done) const;
  void send_about_claims(const protocol::Request& request, const Done& done) const;
  void list_promotions(const Done& done) const;
  void create(std::string key, Store::Done<void> done) const;  ///< an object without a byte
  void list_claims(const protocol::Request& request, const Done& done) const;
  void remove_claim(const protocol::Request& request, const Done& done) const;
  void get(std::string key, ByteRange range, Store::Done<Bytes> done) const;

  LogAddress log_;
  protocol::RetryOptions retry_;
  std::shared_ptr<object_store::RequestTally> tally_ = std::make_shared<object_store::RequestTally>();
};

/// Runs one of the chain's machines with `start()`, `on(reply)` and `result()`.
template <class Machine>
auto run(const LogStore& log_store, Machine& machine, LogStore::Deadline deadline = LogStore::never,
         const std::stop_token& stop = {}) -> std::remove_cvref_t<decltype(machine.result())> {
  const Result<void> driven = log_store.drive(
      machine.start(), [&machine](const protocol::Reply& reply) { return machine.on(reply); }, deadline,
      stop);
  if (!driven) return driven.error();
  return machine.result();
}

}  // namespace varve::log
