#include "object_store/request_tally.h"

namespace varve::object_store {

void RequestTally::Requests::begin(std::uint64_t bytes) noexcept {
  asked_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void RequestTally::Requests::end(Clock::duration took, std::uint64_t bytes, const Error* error) noexcept {
  latency_.record_span(took);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (error != nullptr)
    errors_[static_cast<std::size_t>(error->code())].fetch_add(1, std::memory_order_relaxed);
}

RequestMetrics RequestTally::Requests::snapshot() const {
  RequestMetrics metrics{.asked = asked_.load(std::memory_order_relaxed),
                         .bytes = bytes_.load(std::memory_order_relaxed),
                         .errors = {},
                         .latency_us = latency_.snapshot()};
  for (std::size_t code = 0; code < code_count; ++code) {
    metrics.errors[code] = errors_[code].load(std::memory_order_relaxed);
  }
  return metrics;
}

RequestTally::Requests& RequestTally::of(RequestKind kind) noexcept {
  switch (kind) {
    case RequestKind::put_if_absent:
    case RequestKind::put:
      return put_;
    case RequestKind::get:
      return get_;
    case RequestKind::list:
      return list_;
    case RequestKind::remove:
      break;
  }
  return remove_;
}

StoreRequests RequestTally::snapshot() const {
  return {
      .put = put_.snapshot(), .get = get_.snapshot(), .list = list_.snapshot(), .remove = remove_.snapshot()};
}

}  // namespace varve::object_store
