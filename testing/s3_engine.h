// An engine on a wire of the test's: what it sends, and what comes back when.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "object_store/bytes.h"
#include "object_store/s3/engine.h"

namespace varve::object_store::s3 {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline HttpAnswer status(int code, std::string_view error = "") {
  HttpAnswer answer;
  answer.status = code;
  if (!error.empty()) answer.body = copy_bytes(fmt::format("<Error><Code>{}</Code></Error>", error));
  return answer;
}

inline HttpAnswer cut(bool arrived) {
  HttpAnswer answer;
  answer.failure = Failure::interrupted;
  answer.request_arrived = arrived;
  return answer;
}

class EngineTest : public testing::Test, public Wire {
 protected:
  struct Ended {
    int calls = 0;
    std::optional<Error> error;
  };

  EngineTest() {
    settings_.bucket = "b";
    settings_.endpoint = "http://h";
    settings_.max_in_flight = 8;
    remake();
  }

  void remake() {
    dialect_.emplace(settings_);
    engine_.emplace(settings_, *this, 42);
  }

  int put(const std::string& key = "k", bool if_absent = true, Bytes body = copy_bytes("x")) {
    const int id = static_cast<int>(ended_.size());
    engine_->submit(make_put(*dialect_, key, std::move(body), if_absent,
                             [this, id](const Result<void>& result) { end(id, result); }),
                    now_);
    return add(id);
  }
  int get() {
    const int id = static_cast<int>(ended_.size());
    engine_->submit(make_get(*dialect_, "k", {.length = 100},
                             [this, id](const Result<Bytes>& result) { end(id, result); }),
                    now_);
    return add(id);
  }
  int remove(std::vector<std::string> keys) {
    const int id = static_cast<int>(ended_.size());
    engine_->submit(make_remove(*dialect_, std::move(keys), {},
                                [this, id](const Result<std::vector<RemoveFailure>>& result) {
                                  ++ended_[id].calls;
                                  failures_ = *result;
                                }),
                    now_);
    return add(id);
  }

  /// Answers the oldest attempt under way.
  void answer(HttpAnswer with) { answer(sent_.begin()->first, std::move(with)); }
  void answer(AttemptId attempt, HttpAnswer with) {
    ASSERT_EQ(sent_.erase(attempt), 1U);
    engine_->answered(attempt, std::move(with), now_, 0);
  }
  /// Lets time pass until something is sent, or for `longest`.
  void pass(Span longest) {
    const Moment until = now_ + longest;
    const std::size_t sent_before = sent_total_;
    while (sent_total_ == sent_before) {
      const auto next = engine_->next_wakeup();
      now_ = next && *next < until ? std::max(now_, *next) : until;
      engine_->tick(now_);
      if (now_ >= until) return;
    }
  }
  [[nodiscard]] AttemptId newest() const { return sent_.rbegin()->first; }
  [[nodiscard]] bool succeeded(int id) { return ended_[id].calls == 1 && !ended_[id].error; }
  [[nodiscard]] bool open(int id) { return ended_[id].calls == 0; }
  [[nodiscard]] Code code(int id) { return ended_[id].error ? ended_[id].error->code() : Code::internal; }
  [[nodiscard]] WriteOutcome outcome(int id) { return ended_[id].error->outcome(); }
  [[nodiscard]] std::string message(int id) { return ended_[id].error ? ended_[id].error->message() : ""; }

  /// Teaches the hedging that a PUT takes 20 ms.
  void teach() {
    for (int i = 0; i < 100; ++i) {
      put();
      now_ += milliseconds(20);
      answer(status(200));
    }
  }

  Settings settings_;
  std::optional<Dialect> dialect_;
  std::optional<Engine> engine_;
  Moment now_{seconds(1000)};
  std::map<AttemptId, HttpRequest> sent_;
  std::map<AttemptId, milliseconds> timeouts_;
  std::vector<AttemptId> cancelled_;
  std::size_t sent_total_ = 0;
  int credentials_refused_ = 0;
  std::int64_t clock_ahead_s_ = 0;
  std::map<int, Ended> ended_;
  std::vector<RemoveFailure> failures_;

 private:
  int add(int id) {
    ended_[id];
    return id;
  }
  template <class T>
  void end(int id, const Result<T>& result) {
    ++ended_[id].calls;
    if (!result) ended_[id].error = result.error();
  }

  void send(AttemptId attempt, HttpRequest request, milliseconds timeout) override {
    sent_.emplace(attempt, std::move(request));
    timeouts_[attempt] = timeout;
    ++sent_total_;
  }
  void cancel(AttemptId attempt) override {
    ASSERT_EQ(sent_.erase(attempt), 1U);
    cancelled_.push_back(attempt);
  }
  void credentials_refused() override { ++credentials_refused_; }
  void clock_refused(std::int64_t ahead_s) override { clock_ahead_s_ = ahead_s; }
};

}  // namespace varve::object_store::s3
