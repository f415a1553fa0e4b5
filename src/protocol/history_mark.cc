#include "protocol/history_mark.h"

#include <algorithm>

#include "base/mutant.h"

namespace varve::protocol {

using format::Header;

namespace {

// Seals and empty objects at one offset that are looked at. More are made by nobody between two records.
constexpr int walk_max = 256;

}  // namespace

HistoryMark::HistoryMark(const LogState& view, Offset offset, std::optional<std::uint64_t> sought)
    : tail_(view.tail),
      offset_(offset),
      sought_(sought),
      before_start_(offset <= view.start_offset()),
      end_known_(!view.damage || !view.damage->end_unknown) {
  if (offset < view.start_offset() || offset > tail_.offset) return;
  // At the start nothing that the log still has can be passed over, so only the mark is asked for.
  search_.emplace(view, SeekTarget{.offset = before_start_ ? offset : offset - 1, .exact = true});
}

Requests HistoryMark::start() {
  if (!search_) {
    const bool beyond = offset_ > tail_.offset && end_known_;
    return end(beyond ? HistoryVerdict::beyond_end : HistoryVerdict::untold);
  }
  Requests requests = search_->start();
  return search_->done() ? on_found() : requests;
}

Requests HistoryMark::on(const Reply& reply) {
  if (done_) return {};
  if (!search_) return on_next(reply);
  Requests requests = search_->on(reply);
  return search_->done() ? on_found() : requests;
}

Requests HistoryMark::on_found() {
  const Result<SearchResult> result = search_->result();
  if (!result) {
    if (!is_lost(result.error())) error_ = result.error();
    return end(HistoryVerdict::untold);
  }
  if (!result->object) {  // the log is empty, and the newest object touches its end
    if (tail_.linked) mark_ = tail_.previous_hash;
    return end(HistoryVerdict::untold);
  }
  const Header header = *result->object;
  search_.reset();
  mark_ = format::hash_of(header);
  if (before_start_ || !sought_) return end(HistoryVerdict::untold);
  if (found(*mark_)) return end(HistoryVerdict::same);
  return walk_from(result->at, header);
}

// A mark that was taken where the record before the offset had been trimmed is of an object further on.
Requests HistoryMark::walk_from(const Position& at, const Header& object) {
  const Result<Position> next = step(at, object);
  if (!next) return end(HistoryVerdict::untold);
  next_ = *next;
  return look_on();
}

Requests HistoryMark::look_on() {
  if (next_.offset > offset_ || next_.seq >= tail_.seq || ++walked_ > walk_max) {
    return end(HistoryVerdict::other_history);
  }
  return {Request::make(Request::Kind::get_header, next_.seq)};
}

Requests HistoryMark::on_next(const Reply& reply) {
  const Result<Header> header = header_in(reply);
  if (!header) {
    if (!is_lost(header.error())) error_ = header.error();
    return end(HistoryVerdict::untold);
  }
  const Result<Position> next = step(next_, *header);
  if (!next) return end(HistoryVerdict::untold);
  if (found(format::hash_of(*header))) return end(HistoryVerdict::same);
  next_ = *next;
  return look_on();
}

bool HistoryMark::found(std::uint64_t hash) { return sought_ == hash || mutated(Mutant::any_history_fits); }

Requests HistoryMark::end(HistoryVerdict verdict) {
  verdict_ = verdict;
  done_ = true;
  return {};
}

}  // namespace varve::protocol
