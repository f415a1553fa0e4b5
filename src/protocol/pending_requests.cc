#include "protocol/pending_requests.h"

#include <algorithm>
#include <utility>

namespace varve::protocol {

void PendingRequests::add(Requests requests) {
  for (Request& request : requests) waiting_.push_back({.request = std::move(request)});
}

void PendingRequests::drop() {
  waiting_.clear();
  in_flight_.clear();
}

std::vector<PendingRequests::Ticketed> PendingRequests::take_due(std::uint64_t now_ms) {
  std::vector<Ticketed> due;
  for (auto next = waiting_.begin(); next != waiting_.end() && in_flight_.size() < most_at_once;) {
    if (next->not_before_ms > now_ms) {
      ++next;
      continue;
    }
    const std::uint64_t ticket = next_ticket_++;
    ++next->tries;
    due.push_back({ticket, next->request});
    in_flight_.emplace(ticket, std::move(*next));
    next = waiting_.erase(next);
  }
  return due;
}

bool PendingRequests::on(std::uint64_t ticket, const Reply& reply, std::uint64_t now_ms) {
  auto asked = in_flight_.extract(ticket);
  if (asked.empty()) return false;
  if (!reply.error || is_an_answer(*reply.error)) return true;
  complaint_ = reply.error;
  asked.mapped().not_before_ms = now_ms + backoff_.pause_ms(asked.mapped().tries);
  waiting_.push_back(std::move(asked.mapped()));
  return false;
}

std::optional<std::uint64_t> PendingRequests::next_tick_ms() const {
  if (in_flight_.size() >= most_at_once) return std::nullopt;
  std::optional<std::uint64_t> next;
  for (const Waiting& one : waiting_) next = next ? std::min(*next, one.not_before_ms) : one.not_before_ms;
  return next;
}

}  // namespace varve::protocol
