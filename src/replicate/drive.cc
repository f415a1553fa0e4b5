#include "replicate/drive.h"

#include <utility>

#include "protocol/recovery_scan.h"

namespace varve::replicate {

using log::LogStore;
using protocol::Reply;
using protocol::Side;
using protocol::SidedRequest;
using protocol::SidedRequests;

// At one time the requests are of one side: what the last answer makes the machine ask of the other waits
// until the drive of this side is over.
Result<void> drive(const LogStore& source, const LogStore& destination, SidedRequests first,
                   const OnReply& on, const read::WaitLimit& patience) {
  SidedRequests next = std::move(first);
  while (!next.empty()) {
    const Side side = next.front().side;
    const auto of_side = [side](SidedRequests requests, SidedRequests& others) {
      protocol::Requests own;
      for (SidedRequest& one : requests) {
        if (one.side == side) {
          own.push_back(std::move(one.request));
        } else {
          others.push_back(std::move(one));
        }
      }
      return own;
    };
    SidedRequests others;
    protocol::Requests own = of_side(std::exchange(next, {}), others);
    const LogStore& log = side == Side::source ? source : destination;
    const Result<void> driven = log.drive(
        std::move(own), [&](const Reply& reply) { return of_side(on(reply), others); }, patience.deadline,
        patience.stop);
    if (!driven) return driven;
    next = std::move(others);
  }
  return {};
}

Result<Reply> ask(const LogStore& courier, protocol::Request request, const read::WaitLimit& patience) {
  Reply answer;
  const auto on = [&](const Reply& reply) {
    answer = reply;
    return protocol::Requests();
  };
  const auto driven = courier.drive({std::move(request)}, on, patience.deadline, patience.stop);
  if (!driven) return driven.error();
  return answer;
}

Result<std::optional<format::Header>> header_at(const LogStore& log, Seq seq,
                                                const read::WaitLimit& patience) {
  const auto reply = ask(log, protocol::Request::make(protocol::Request::Kind::get_header, seq), patience);
  if (!reply) return reply.error();
  if (reply->is(Code::not_found)) return std::optional<format::Header>();
  const Result<format::Header> header = protocol::header_in(*reply);
  if (!header) return header.error().with_context(log.name_of(seq));
  return std::optional(*header);
}

}  // namespace varve::replicate
