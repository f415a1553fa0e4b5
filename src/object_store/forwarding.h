// A store that passes every call on to the store below it: what decorators and stores with faults derive
// from.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "varve/store.h"

namespace varve::object_store {

/// Overrides every function of `Store`, so that one added there can't be forgotten in a decorator. A class
/// that derives from it overrides what it changes.
class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(std::shared_ptr<Store> below) : below_(std::move(below)) {}

  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    below_->put_if_absent(std::move(key), std::move(body), std::move(done));
  }
  void put(std::string key, Bytes body, Done<void> done) override {
    below_->put(std::move(key), std::move(body), std::move(done));
  }
  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    below_->get(std::move(key), range, std::move(done));
  }
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    below_->list(std::move(prefix), std::move(after), limit, std::move(done));
  }
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    below_->remove(std::move(keys), std::move(done));
  }
  [[nodiscard]] std::string describe() const override { return below_->describe(); }
  [[nodiscard]] bool requests_are_priced() const override { return below_->requests_are_priced(); }
  [[nodiscard]] std::optional<std::chrono::seconds> clock_ahead() const override {
    return below_->clock_ahead();
  }
  [[nodiscard]] std::optional<StoreMetrics> metrics() const override { return below_->metrics(); }

 protected:
  const std::shared_ptr<Store> below_;
};

}  // namespace varve::object_store
