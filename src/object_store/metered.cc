#include "object_store/metered.h"

#include <type_traits>

namespace varve::object_store {

void MeteredStore::Meter::begin() {
  started.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t now = open.fetch_add(1, std::memory_order_relaxed) + 1;
  std::uint64_t most = open_max.load(std::memory_order_relaxed);
  while (most < now && !open_max.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

void MeteredStore::Meter::end(bool success) {
  open.fetch_sub(1, std::memory_order_relaxed);
  (success ? succeeded : failed).fetch_add(1, std::memory_order_relaxed);
}

MeteredStore::Meter& MeteredStore::meter(RequestKind kind) const {
  return (*meters_)[static_cast<std::size_t>(kind)];
}

RequestCounts MeteredStore::counts(RequestKind kind) const {
  const Meter& from = meter(kind);
  return {.started = from.started.load(std::memory_order_relaxed),
          .succeeded = from.succeeded.load(std::memory_order_relaxed),
          .failed = from.failed.load(std::memory_order_relaxed),
          .bytes = from.bytes.load(std::memory_order_relaxed),
          .open_max = from.open_max.load(std::memory_order_relaxed)};
}

template <class T>
Store::Done<T> MeteredStore::counted(RequestKind kind, Done<T> done) {
  meter(kind).begin();
  // The meters outlive this store for as long as an answer is on its way.
  return calls_.add<T>([meters = meters_, kind, done = std::move(done)](Result<T> result) {
    Meter& its = (*meters)[static_cast<std::size_t>(kind)];
    if constexpr (std::is_same_v<T, Bytes>) {
      if (result) its.bytes.fetch_add(result->data.size(), std::memory_order_relaxed);
    }
    its.end(result.has_value());
    done(std::move(result));
  });
}

void MeteredStore::put_if_absent(std::string key, Bytes body, Done<void> done) {
  meter(RequestKind::put_if_absent).bytes.fetch_add(body.data.size(), std::memory_order_relaxed);
  below_->put_if_absent(std::move(key), std::move(body),
                        counted<void>(RequestKind::put_if_absent, std::move(done)));
}

void MeteredStore::put(std::string key, Bytes body, Done<void> done) {
  meter(RequestKind::put).bytes.fetch_add(body.data.size(), std::memory_order_relaxed);
  below_->put(std::move(key), std::move(body), counted<void>(RequestKind::put, std::move(done)));
}

void MeteredStore::get(std::string key, ByteRange range, Done<Bytes> done) {
  below_->get(std::move(key), range, counted<Bytes>(RequestKind::get, std::move(done)));
}

void MeteredStore::list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) {
  below_->list(std::move(prefix), std::move(after), limit,
               counted<Listing>(RequestKind::list, std::move(done)));
}

void MeteredStore::remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) {
  below_->remove(std::move(keys), counted<std::vector<RemoveFailure>>(RequestKind::remove, std::move(done)));
}

}  // namespace varve::object_store
