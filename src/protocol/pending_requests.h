// The requests of one machine: at most `most_at_once` are in flight, and each is repeated, after a pause,
// until the store has answered it. No I/O, threads or clock: whoever drives it sends what it is given.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "protocol/request.h"
#include "protocol/retry.h"

namespace varve::protocol {

class PendingRequests {
 public:
  /// Tickets count from `first_ticket`: no two requests of one driver may have the same.
  PendingRequests(RetryOptions retry, std::uint64_t seed, std::uint64_t first_ticket)
      : backoff_(retry, seed), next_ticket_(first_ticket) {}

  struct Ticketed {
    std::uint64_t ticket = 0;
    Request request;
  };

  void add(Requests requests);
  /// Nobody wants their replies any more.
  void drop();
  /// What is to be sent now.
  [[nodiscard]] std::vector<Ticketed> take_due(std::uint64_t now_ms);
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;

  /// Whether the machine is to be told. Not if nobody waits for the reply, or the request will be repeated.
  [[nodiscard]] bool on(std::uint64_t ticket, const Reply& reply, std::uint64_t now_ms);

  /// The same for a request that is not repeated, whatever the reply.
  [[nodiscard]] bool forget(std::uint64_t ticket) { return in_flight_.erase(ticket) > 0; }

  /// What the store said last, of the requests that it has not answered.
  [[nodiscard]] const std::optional<Error>& complaint() const { return complaint_; }
  [[nodiscard]] std::uint64_t next_ticket() const { return next_ticket_; }

 private:
  struct Waiting {
    Request request;
    std::uint32_t tries = 0;
    std::uint64_t not_before_ms = 0;
  };

  Backoff backoff_;
  std::uint64_t next_ticket_;
  std::deque<Waiting> waiting_;
  std::map<std::uint64_t, Waiting> in_flight_;
  std::optional<Error> complaint_;
};

}  // namespace varve::protocol
