#include "fault_proxy.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace varve::s3_trial {
namespace {

constexpr std::array<std::string_view, mishaps> names = {
    "none",         "cut_before_sending", "cut_in_request", "cut_before_answer", "cut_in_answer",
    "slow_down",    "internal_error",     "drip",           "stall_before",      "stall_after",
    "short_length", "long_length",        "garbage",        "false_conflict",    "late_answer"};

Message refusal(int status, std::string_view code) {
  return make_answer(status, code, "application/xml",
                     fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>the fault proxy says "
                                 "so</Message></Error>",
                                 code));
}

std::string_view half(std::string_view bytes) { return bytes.substr(0, bytes.size() / 2); }

}  // namespace

std::string_view to_string(Mishap mishap) noexcept { return names[static_cast<std::size_t>(mishap)]; }

FaultProxy::FaultProxy(int gateway_port)
    : gateway_port_(gateway_port), listening_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  bind(listening_.descriptor(), reinterpret_cast<sockaddr*>(&address), length);
  listen(listening_.descriptor(), 128);
  getsockname(listening_.descriptor(), reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

FaultProxy::~FaultProxy() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const Connection& connection : connections_) {
      if (connection.ended) continue;
      shutdown(connection.client.descriptor(), SHUT_RDWR);
      shutdown(connection.gateway_descriptor, SHUT_RDWR);
    }
  }
  stopped_.notify_all();
  shutdown(listening_.descriptor(), SHUT_RDWR);
  acceptor_.join();
  for (Connection& connection : connections_) connection.thread.join();
}

void FaultProxy::follow(Plan plan) {
  const std::lock_guard lock(mutex_);
  plan_ = std::move(plan);
  random_.seed(plan_.seed);
  burst_left_ = 0;
}

std::uint64_t FaultProxy::count(Mishap mishap) const {
  const std::lock_guard lock(mutex_);
  return counts_[static_cast<std::size_t>(mishap)];
}

void FaultProxy::accept_all() {
  while (true) {
    const int descriptor = accept(listening_.descriptor(), nullptr, nullptr);
    if (descriptor < 0) return;
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      const Socket unwanted(descriptor);
      return;
    }
    connections_.remove_if([](Connection& connection) {
      if (!connection.ended) return false;
      connection.thread.join();
      return true;
    });
    Connection& connection = connections_.emplace_back(descriptor);
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void FaultProxy::serve(Connection& connection) {
  {
    Socket gateway(Socket::connect_to(gateway_port_));
    {
      const std::lock_guard lock(mutex_);
      connection.gateway_descriptor = gateway.descriptor();
      if (stopping_) shutdown(gateway.descriptor(), SHUT_RDWR);
    }
    while (const auto request = connection.client.receive_request()) {
      if (!exchange(connection.client, gateway, *request)) break;
    }
    const std::lock_guard lock(mutex_);
    connection.gateway_descriptor = -1;
  }
  // The client must see the end now, not when the next connection comes and this one is forgotten.
  shutdown(connection.client.descriptor(), SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  connection.ended = true;
}

/// False ends the connection.
bool FaultProxy::exchange(Socket& client, Socket& gateway, const Message& request) {
  const Mishap mishap = draw(request);
  switch (mishap) {
    case Mishap::cut_before_sending:
      return false;
    case Mishap::cut_in_request:
      if (gateway.send(request.head)) gateway.send(half(request.body));
      return false;
    case Mishap::slow_down:
      return answer(client, refusal(503, "SlowDown"), Mishap::none);
    case Mishap::false_conflict:
      return answer(client, refusal(412, "PreconditionFailed"), Mishap::none);
    case Mishap::stall_before:
      rest(stall);
      return false;
    case Mishap::drip:
      if (!drip(gateway, request)) return false;
      break;
    default:
      if (!gateway.send(request.head) || !gateway.send(request.body)) return false;
  }
  auto answered = gateway.receive_answer();
  return answered && answer(client, *std::move(answered), mishap);
}

bool FaultProxy::answer(Socket& client, Message answer, Mishap mishap) {
  switch (mishap) {
    case Mishap::cut_before_answer:
      return false;
    case Mishap::cut_in_answer:
      client.send(half(answer.head + answer.body));
      return false;
    case Mishap::internal_error:
      answer = refusal(500, "InternalError");
      break;
    case Mishap::stall_after:
      rest(stall);
      return false;
    case Mishap::short_length:
      answer.set_length(answer.body.size() / 2);
      break;
    case Mishap::long_length:
      answer.set_length(answer.body.size() + 7);
      client.send(answer.head + answer.body);
      return false;
    case Mishap::garbage:
      return answer_garbage(client, std::move(answer));
    case Mishap::late_answer:
      if (!rest(std::chrono::milliseconds(random(200)))) return false;
      break;
    case Mishap::drip:
      return drip(client, answer);
    default:
      break;
  }
  return client.send(answer.head) && client.send(answer.body);
}

bool FaultProxy::answer_garbage(Socket& client, Message answer) {
  if (answer.header("content-type") != "application/xml" || answer.body.empty()) {
    answer =
        make_answer(502, "Bad Gateway", "text/html", "<html><body>The upstream server is away.<p></html>");
  } else if (random(2) == 0) {
    answer.body.resize(random(answer.body.size()));
  } else {
    answer.body = "<?xml version=\"1.0\"?><Garbage>&nothing;<Key>\x01\xFF</Garbage>";
  }
  answer.set_length(answer.body.size());
  return client.send(answer.head + answer.body);
}

bool FaultProxy::drip(Socket& to, const Message& message) {
  const std::string bytes = message.head + message.body;
  constexpr std::size_t pieces = 10;
  const std::size_t piece_bytes = bytes.size() / pieces + 1;
  for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) {
    if (!to.send(std::string_view(bytes).substr(at, piece_bytes))) return false;
    if (!rest(std::chrono::milliseconds(random(20)))) return false;
  }
  return true;
}

Mishap FaultProxy::draw(const Message& request) {
  const std::lock_guard lock(mutex_);
  if (burst_left_ > 0) {
    --burst_left_;
  } else {
    burst_ = Mishap::none;
    if (!plan_.of.empty() && std::bernoulli_distribution(plan_.chance)(random_)) {
      burst_ = plan_.of[random_() % plan_.of.size()];
      burst_left_ = random_() % static_cast<std::uint64_t>(plan_.burst_max);
    }
  }
  const bool creates = request.method() == "PUT" && request.header("if-none-match").has_value();
  const Mishap mishap = burst_ == Mishap::false_conflict && !creates ? Mishap::none : burst_;
  ++counts_[static_cast<std::size_t>(mishap)];
  return mishap;
}

std::uint64_t FaultProxy::random(std::uint64_t below) {
  const std::lock_guard lock(mutex_);
  return random_() % below;
}

/// False if the proxy ends meanwhile.
bool FaultProxy::rest(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, time, [this] { return stopping_; });
}

}  // namespace varve::s3_trial
