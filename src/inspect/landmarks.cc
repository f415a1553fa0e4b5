#include "inspect/landmarks.h"

#include <algorithm>
#include <map>

#include "format/checkpoint.h"
#include "inspect/findings.h"
#include "inspect/patience.h"
#include "reader/place.h"

namespace varve::inspect_log {

using chain::Request;
using format::Header;

namespace {

// The newest object says which log this is; the others of that log, what it had stored.
Result<Landmarks> from_headers(const courier::Courier& courier, const std::vector<chain::ListedSeq>& newest) {
  chain::Requests requests;
  for (const chain::ListedSeq& object : newest) {
    requests.push_back(Request::make(Request::Kind::get_header, object.seq));
  }
  requests.push_back(Request::make(Request::Kind::get_checkpoint));
  std::map<Seq, Header> headers;
  std::optional<format::Checkpoint> checkpoint;
  const auto on = [&](const chain::Reply& reply) {
    if (reply.kind == Request::Kind::get_checkpoint) {
      if (auto hint = format::decode_checkpoint(reply.bytes); !reply.error && hint)
        checkpoint = *std::move(hint);
      return chain::Requests();
    }
    const Result<Header> header = chain::header_in(reply);
    if (header && header->seq == reply.seq) headers.emplace(reply.seq, *header);
    return chain::Requests();
  };
  const Result<void> driven = courier.drive(std::move(requests), on, courier::Courier::after(give_up_ms));
  if (!driven) return driven.error();
  if (headers.empty()) {
    return Error(Code::not_found,
                 reader::name_of(courier.address()) + ": none of its newest objects is sound");
  }
  const Header& last = headers.rbegin()->second;
  Landmarks marks;
  marks.log_id = last.log_id;
  marks.window = last.window;
  std::erase_if(headers, [&](const auto& entry) { return entry.second.log_id != marks.log_id; });
  for (const auto& [seq, header] : headers) {
    marks.stored_below = std::max(marks.stored_below, header.durable_seq);
    // It was put when what is a window before it had been acknowledged.
    const bool far = header.kind == format::Kind::data && seq + 1 > header.window;
    if (far) marks.stored_below = std::max(marks.stored_below, seq + 1 - header.window);
  }
  // After a clean close it may be the only witness.
  if (checkpoint && checkpoint->log_id == marks.log_id && headers.contains(checkpoint->anchor)) {
    marks.stored_below = std::max(marks.stored_below, checkpoint->anchor + 1);
  }
  for (const auto& [seq, header] : headers) {
    if (seq >= marks.stored_below) break;  // a trim that may not be durable
    marks.start_offset = std::max(marks.start_offset, header.start_offset);
    marks.lowest_live = std::max(marks.lowest_live, header.lowest_live);
  }
  return marks;
}

}  // namespace

Result<Landmarks> find_landmarks(const courier::Courier& courier,
                                 const std::vector<chain::ListedSeq>& newest) {
  const auto view = reader::look_at(courier, {.deadline = courier::Courier::after(give_up_ms), .stop = {}});
  if (view) {
    Landmarks marks;
    marks.log_id = view->tail.log_id;
    marks.window = view->tail.window;
    marks.start_offset = view->start_offset();
    marks.lowest_live = view->lowest_live();
    marks.stored_below = view->tail.seq;
    marks.history = view->history;
    return marks;
  }
  if (!is_damage(view.error())) return view.error();
  Result<Landmarks> marks = from_headers(courier, newest);
  if (marks) marks->survey_error = view.error();
  return marks;
}

}  // namespace varve::inspect_log
