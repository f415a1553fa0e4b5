// Machines of the protocol that are written as one coroutine: where a decision waits for the answer of one of
// two places, the coroutine waits, and everybody else sees a machine with `start`, `on` and `result`.
// There is no thread, clock or I/O in it: whoever drives the machine carries its requests out, in any order,
// and brings back one reply for each.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/invariant.h"
#include "protocol/request.h"

namespace varve::protocol {

/// Which of the two logs a request is for.
enum class Side : std::uint8_t { source, destination };

struct SidedRequest {
  Side side = Side::source;
  Request request;
};
using SidedRequests = std::vector<SidedRequest>;

/// What a coroutine of a machine returns. It runs when it is awaited, or begun by the machine that owns it.
/// Where memory runs out, it ends there, and whoever awaits or drives it is thrown `std::bad_alloc`.
/// (Parameters are moved into its frame, so their types must move without an exception.)
template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type {  // NOLINT(readability-identifier-naming): the language's name
    std::optional<T> value;
    std::exception_ptr thrown;
    std::coroutine_handle<> continuation;

    struct Final {
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept {
        const std::coroutine_handle<> next = done.promise().continuation;
        return next ? next : std::noop_coroutine();
      }
      void await_resume() const noexcept {}
    };

    Task get_return_object() noexcept {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    static Task get_return_object_on_allocation_failure() noexcept { return Task({}); }
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] Final final_suspend() const noexcept { return {}; }
    void return_value(T returned) { value.emplace(std::move(returned)); }
    void unhandled_exception() noexcept { thrown = std::current_exception(); }
  };

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  void begin() {
    if (!coroutine_) throw std::bad_alloc();
    coroutine_.resume();
    rethrow();
  }
  [[nodiscard]] bool done() const { return coroutine_.done(); }
  /// Whoever has made the coroutine go on calls it.
  void rethrow() const {
    if (coroutine_.promise().thrown) std::rethrow_exception(coroutine_.promise().thrown);
  }
  [[nodiscard]] const T& value() const { return *coroutine_.promise().value; }

  // Awaited by another coroutine of the machine.
  [[nodiscard]] bool await_ready() const {
    if (!coroutine_) throw std::bad_alloc();
    return false;
  }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) noexcept {
    coroutine_.promise().continuation = waiting;
    return coroutine_;
  }
  T await_resume() {
    rethrow();
    return *std::move(coroutine_.promise().value);
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

/// The requests that a machine waits for, and the replies it has. At one time they are of one side; the
/// coroutine goes on when all of them are answered, so no reply is ever taken for that of a later request.
class Conversation {
 public:
  /// For the driver. -----------------------------------------------------------------------------

  [[nodiscard]] SidedRequests take_requests() { return std::exchange(requests_, {}); }
  void on(const Reply& reply) {
    if (!is_waited_for(reply.kind)) return;
    VARVE_INVARIANT(outstanding_ > 0);
    if (listener_) {
      send_all(listener_(reply));
    } else {
      replies_.push_back(reply);
    }
    if (--outstanding_ == 0) go_on();
  }

  /// For the coroutine: `co_await` what these return. ------------------------------------------------

  struct OneReply {
    Conversation* talk;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { talk->waiting_ = waiting; }
    [[nodiscard]] Reply await_resume() const { return std::move(talk->replies_.front()); }
  };
  struct AllReplies {
    Conversation* talk;
    [[nodiscard]] bool await_ready() const noexcept { return talk->outstanding_ == 0; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { talk->waiting_ = waiting; }
    [[nodiscard]] std::vector<Reply> await_resume() const { return std::exchange(talk->replies_, {}); }
  };
  struct Run {
    Conversation* talk;
    [[nodiscard]] bool await_ready() const noexcept { return talk->outstanding_ == 0; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { talk->waiting_ = waiting; }
    void await_resume() const { talk->listener_ = nullptr; }
  };

  /// One request.
  [[nodiscard]] OneReply ask(Side side, Request request) {
    side_ = side;
    replies_.clear();
    send(std::move(request));
    return {this};
  }
  /// Some at once; the replies in the order in which they come.
  [[nodiscard]] AllReplies ask_all(Side side, Requests requests) {
    side_ = side;
    replies_.clear();
    send_all(std::move(requests));
    return {this};
  }
  /// Another machine, from its first requests until it wants nothing more. It must outlive that.
  using Listener = std::function<Requests(const Reply&)>;
  [[nodiscard]] Run run(Side side, Requests first, Listener listener) {
    side_ = side;
    replies_.clear();
    listener_ = std::move(listener);
    send_all(std::move(first));
    return {this};
  }

 private:
  void send(Request request) {
    if (is_waited_for(request.kind)) ++outstanding_;
    requests_.push_back({side_, std::move(request)});
  }
  void send_all(Requests requests) {
    for (Request& request : requests) send(std::move(request));
  }
  void go_on() { std::exchange(waiting_, {}).resume(); }

  Side side_ = Side::source;
  std::size_t outstanding_ = 0;
  SidedRequests requests_;
  std::vector<Reply> replies_;
  Listener listener_;
  std::coroutine_handle<> waiting_;
};

}  // namespace varve::protocol
