#include "maintain/inspect/recovered_bounds.h"

#include <algorithm>
#include <map>

#include "format/checkpoint.h"
#include "log/read_position.h"
#include "maintain/inspect/findings.h"
#include "maintain/inspect/wait_limit.h"

namespace varve::maintain {

using format::Header;
using protocol::Request;

namespace {

// The newest object says which log this is; the others of that log, what it had stored.
Result<RecoveredBounds> from_headers(const log::LogStore& log_store,
                                     const std::vector<protocol::ListedSeq>& newest) {
  protocol::Requests requests;
  for (const protocol::ListedSeq& object : newest) {
    requests.push_back(Request::make(Request::Kind::get_header, object.seq));
  }
  std::map<Seq, Header> headers;
  const auto on = [&](const protocol::Reply& reply) {
    const Result<Header> header = protocol::header_in(reply);
    if (header && header->seq == reply.seq) headers.emplace(reply.seq, *header);
    return protocol::Requests();
  };
  const Result<void> driven = log_store.drive(std::move(requests), on, log::LogStore::after(step_give_up_ms));
  if (!driven) return driven.error();
  if (headers.empty()) {
    return Error(Code::not_found,
                 read::name_of(log_store.address()) + ": none of its newest objects is sound");
  }
  const Header& last = headers.rbegin()->second;
  RecoveredBounds marks;
  marks.log_id = last.log_id;
  marks.window = last.window;
  std::erase_if(headers, [&](const auto& entry) { return entry.second.log_id != marks.log_id; });
  for (const auto& [seq, header] : headers) {
    marks.stored_below = std::max(marks.stored_below, header.durable_seq);
    // It was put when what is a window before it had been acknowledged.
    const bool far = header.kind == format::Kind::data && seq + 1 > header.window;
    if (far) marks.stored_below = std::max(marks.stored_below, seq + 1 - header.window);
  }
  // After a clean close it may be the only witness. (One that can't be read is reported by itself.)
  const auto known =
      read::read_checkpoint(log_store, {.deadline = log::LogStore::after(step_give_up_ms), .stop = {}});
  if (!known && known.error().code() == Code::timed_out) return known.error();
  const std::optional<format::Checkpoint> checkpoint = known ? *known : std::nullopt;
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

Result<RecoveredBounds> find_landmarks(const log::LogStore& log_store,
                                       const std::vector<protocol::ListedSeq>& newest) {
  const auto view =
      read::read_log_state(log_store, {.deadline = log::LogStore::after(step_give_up_ms), .stop = {}});
  if (view) {
    RecoveredBounds marks;
    marks.log_id = view->tail.log_id;
    marks.window = view->tail.window;
    marks.start_offset = view->start_offset();
    marks.lowest_live = view->lowest_live();
    marks.stored_below = view->tail.seq;
    marks.history = view->history;
    return marks;
  }
  if (!is_damage(view.error())) return view.error();
  Result<RecoveredBounds> marks = from_headers(log_store, newest);
  if (marks) marks->survey_error = view.error();
  return marks;
}

}  // namespace varve::maintain
