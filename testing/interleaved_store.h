// A store that carries out one request after the other, each on the thread that asks, and before each lets a
// test do something. So what happens beside a client happens at an exact step of it, every time.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "object_store/blocking.h"
#include "varve/store.h"

namespace varve::testing {

/// For clients that ask from one thread. Thread-safe otherwise as the store below.
class InterleavedStore final : public Store {
 public:
  explicit InterleavedStore(std::shared_ptr<Store> below) : below_(std::move(below)) {}

  /// `step` is given the number of each request, from 0 on, before it is carried out.
  void before_each(std::function<void(std::size_t number)> step) {
    requests_ = 0;
    step_ = std::move(step);
  }
  /// Since `before_each`.
  [[nodiscard]] std::size_t requests() const { return requests_; }

  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    carry_out<void>(done, [&](Done<void> answer) {
      below_->put_if_absent(std::move(key), std::move(body), std::move(answer));
    });
  }
  void put(std::string key, Bytes body, Done<void> done) override {
    carry_out<void>(
        done, [&](Done<void> answer) { below_->put(std::move(key), std::move(body), std::move(answer)); });
  }
  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    carry_out<Bytes>(done,
                     [&](Done<Bytes> answer) { below_->get(std::move(key), range, std::move(answer)); });
  }
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    carry_out<Listing>(done, [&](Done<Listing> answer) {
      below_->list(std::move(prefix), std::move(after), limit, std::move(answer));
    });
  }
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    carry_out<std::vector<RemoveFailure>>(done, [&](Done<std::vector<RemoveFailure>> answer) {
      below_->remove(std::move(keys), std::move(answer));
    });
  }
  [[nodiscard]] std::string describe() const override { return below_->describe(); }

 private:
  template <class T, class Send>
  void carry_out(const Done<T>& done, const Send& send) {
    const std::size_t number = requests_++;
    if (step_) step_(number);
    const object_store::Answer<T> answer;
    send(answer.done());
    done(answer.wait());
  }

  std::shared_ptr<Store> below_;
  std::function<void(std::size_t)> step_;
  std::size_t requests_ = 0;
};

}  // namespace varve::testing
