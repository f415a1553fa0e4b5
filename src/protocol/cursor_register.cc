#include "protocol/cursor_register.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/mutant.h"
#include "protocol/request.h"

namespace varve::protocol {

using format::CursorRevision;

namespace {

// A mover that loses a race asks again, and meets another revision each time. So many in a row are no race.
constexpr int races_max = 64;

Result<CursorRevision> read(const CursorReply& reply, std::uint64_t revision, const format::Id& log_id) {
  auto content = format::decode_cursor(reply.bytes);
  if (!content) return content;
  if (content->revision != revision) {
    return Error(Code::corruption, fmt::format("the object holds revision {}", content->revision));
  }
  if (content->log_id != log_id) {
    return Error(Code::foreign, "the cursor is of another log that was here before");
  }
  return content;
}

}  // namespace

CursorRequest FindNewestRevision::start() {
  if (listed_.empty()) return {.kind = CursorRequest::Kind::list};
  reading_ = true;
  return {.kind = CursorRequest::Kind::get, .revision = listed_.back()};
}

std::optional<CursorRequest> FindNewestRevision::on(const CursorReply& reply) {
  return reading_ ? on_content(reply) : on_listed(reply);
}

std::optional<CursorRequest> FindNewestRevision::on_listed(const CursorReply& reply) {
  if (reply.error) {
    result_ = *reply.error;
    return std::nullopt;
  }
  listed_ = reply.revisions;
  if (!listed_.empty()) return start();
  result_ = std::optional<NewestRevision>();
  return std::nullopt;
}

// The newest revision is never deleted: what was listed last and is gone was passed. So the listing is old.
std::optional<CursorRequest> FindNewestRevision::on_content(const CursorReply& reply) {
  if (reply.error && reply.error->code() == Code::not_found) {
    if (++races_ == races_max) {
      result_ = Error(Code::unavailable, "the cursor moves faster than it can be read; try again");
      return std::nullopt;
    }
    reading_ = false;
    return CursorRequest{.kind = CursorRequest::Kind::list};
  }
  if (reply.error) {
    result_ = *reply.error;
    return std::nullopt;
  }
  const std::uint64_t newest = listed_.back();
  result_ = std::optional(NewestRevision{
      .revision = newest, .content = read(reply, newest, log_id_), .listed = std::move(listed_)});
  return std::nullopt;
}

CursorRequest MakeRevision::start() {
  stage_ = Stage::create;
  return {.kind = CursorRequest::Kind::create,
          .revision = wanted_.revision,
          .body = format::encode_cursor(wanted_)};
}

std::optional<CursorRequest> MakeRevision::on(const CursorReply& reply) {
  switch (stage_) {
    case Stage::create:
      return on_created(reply);
    case Stage::read_back:
      return on_read_back(reply);
    case Stage::look_back:
      return on_look_back(reply);
  }
  return std::nullopt;
}

std::optional<CursorRequest> MakeRevision::on_created(const CursorReply& reply) {
  absent_ = false;
  if (!reply.error) return mutated(Mutant::no_look_back) ? end(true) : look_back();
  if (reply.error->code() != Code::already_exists) return end(*reply.error);
  stage_ = Stage::read_back;  // perhaps an earlier try of ours
  return CursorRequest{.kind = CursorRequest::Kind::get, .revision = wanted_.revision};
}

std::optional<CursorRequest> MakeRevision::on_read_back(const CursorReply& reply) {
  absent_ = reply.error && reply.error->code() == Code::not_found;
  if (absent_) return mutated(Mutant::absent_move_is_lost) ? end(false) : look_back();
  if (reply.error) return end(*reply.error);
  const auto there = format::decode_cursor(reply.bytes);
  if (there && *there == wanted_) return look_back();
  return mutated(Mutant::move_exists_is_ours) ? look_back() : end(false);
}

// A mover that slept before its create may land in a place that was passed and deleted meanwhile: then there
// are later revisions. Where there are none, "exists" and then nothing was a false alarm.
CursorRequest MakeRevision::look_back() {
  stage_ = Stage::look_back;
  return {.kind = CursorRequest::Kind::list_above, .revision = wanted_.revision};
}

std::optional<CursorRequest> MakeRevision::on_look_back(const CursorReply& reply) {
  if (reply.error) return end(reply.error->with_outcome(WriteOutcome::unknown));
  if (!reply.revisions.empty()) return end(false);
  if (!absent_) return end(true);
  if (++false_alarms_ < false_alarms_max) return start();
  return end(Error(Code::unavailable,
                   fmt::format("the store says that revision {} exists, and has nothing there; try again",
                               wanted_.revision))
                 .with_outcome(WriteOutcome::unknown));
}

std::optional<CursorRequest> MakeRevision::end(Result<bool> result) {
  result_ = std::move(result);
  return std::nullopt;
}

std::optional<CursorRequest> ChangeCursor::on(const CursorReply& reply) {
  if (make_) {
    auto more = make_->on(reply);
    return more ? more : on_made();
  }
  auto more = find_.on(reply);
  return more ? more : on_found();
}

std::optional<CursorRequest> ChangeCursor::on_found() {
  if (!find_.result()) return end(find_.result().error());
  before_ = *find_.result();
  auto wanted = decide_(before_);
  if (!wanted) return end(wanted.error());
  if (!*wanted) {
    if (!before_ || !before_->content) return end(Changed{});
    return end(Changed{.now = *before_->content, .obsolete = {}});
  }
  wanted_ = **wanted;
  make_.emplace(*wanted_);
  return make_->start();
}

std::optional<CursorRequest> ChangeCursor::on_made() {
  const Result<bool> made = make_->result();
  make_.reset();
  if (!made) return end(made.error());
  if (*made) {
    Changed changed{.now = *wanted_, .obsolete = {}};
    if (before_) changed.obsolete = before_->listed;
    return end(std::move(changed));
  }
  if (++races_ == races_max) {
    return end(Error(Code::unavailable, "the cursor is moved by others again and again; try again"));
  }
  find_ = FindNewestRevision(log_id_);
  return find_.start();
}

std::optional<CursorRequest> ChangeCursor::end(Result<Changed> result) {
  result_ = std::move(result);
  return std::nullopt;
}

CursorRevision revision_of(const RevisionDraft& draft, std::uint64_t revision) {
  CursorRevision made{.revision = revision,
                      .log_id = draft.log_id,
                      .mover_id = draft.mover_id,
                      .removed = false,
                      .offset = draft.offset,
                      .moved_unix_ms = draft.now_unix_ms};
  if (draft.history) made.bind(*draft.history);
  return made;
}

}  // namespace varve::protocol
