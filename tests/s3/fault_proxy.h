// A proxy between an S3 client and its gateway, in this process, that does to requests and answers
// what networks and servers are known to do.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>
#include <vector>

#include "http_message.h"

namespace varve::s3_trial {

/// What can happen to one request.
enum class Mishap : std::uint8_t {
  none,
  cut_before_sending,  ///< the connection ends, the gateway hears nothing
  cut_in_request,      ///< the gateway gets half of the body, then both connections end
  cut_before_answer,   ///< carried out; the connection ends without an answer
  cut_in_answer,       ///< carried out; the connection ends half-way through the answer
  slow_down,           ///< 503, not carried out
  internal_error,      ///< 500, carried out all the same
  drip,                ///< both ways in small pieces, slowly
  stall_before,        ///< silence for longer than anybody waits, not carried out
  stall_after,         ///< carried out; then silence
  short_length,        ///< Content-Length says half of what comes
  long_length,         ///< Content-Length says more than what comes before the connection ends
  garbage,             ///< a cut or senseless XML document; 502 with a web page where there is none
  false_conflict,      ///< 412 to a create-if-absent of an object that is not there, not carried out
  late_answer,         ///< carried out; its answer comes after those of later requests
};
inline constexpr std::size_t mishaps = 15;

[[nodiscard]] std::string_view to_string(Mishap mishap) noexcept;

class FaultProxy {
 public:
  /// Where the real one listens on this machine.
  explicit FaultProxy(int gateway_port);
  /// Cuts all connections.
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  /// Where this listens on this machine.
  [[nodiscard]] int port() const noexcept { return port_; }

  struct Plan {
    std::vector<Mishap> of = {};  ///< one of these, each as likely as the other
    double chance = 0;            ///< for a request; then some of the next meet the same
    int burst_max = 3;
    std::uint64_t seed = 1;
  };
  /// What shall happen from now on.
  void follow(Plan plan);
  void behave() { follow({}); }

  /// How often it happened.
  [[nodiscard]] std::uint64_t count(Mishap mishap) const;

  /// How long a stall is: more than the client's patience.
  static constexpr std::chrono::seconds stall{4};

 private:
  struct Connection {
    explicit Connection(int client_descriptor) : client(client_descriptor) {}
    Socket client;
    std::thread thread;
    int gateway_descriptor = -1;
    bool ended = false;
  };

  void accept_all();
  void serve(Connection& connection);
  bool exchange(Socket& client, Socket& gateway, const Message& request);
  bool answer(Socket& client, Message answer, Mishap mishap);
  bool answer_garbage(Socket& client, Message answer);
  bool drip(Socket& to, const Message& message);
  Mishap draw(const Message& request);
  std::uint64_t random(std::uint64_t below);
  bool rest(std::chrono::milliseconds time);

  const int gateway_port_;
  const Socket listening_;
  int port_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable stopped_;
  bool stopping_ = false;
  Plan plan_;
  std::mt19937_64 random_;
  Mishap burst_ = Mishap::none;
  std::uint64_t burst_left_ = 0;
  std::array<std::uint64_t, mishaps> counts_{};
  std::list<Connection> connections_;

  std::thread acceptor_;
};

}  // namespace varve::s3_trial
