#include "sim/reader.h"

#include <fmt/format.h>

#include "format/records.h"

namespace varve::sim {

using format::Header;
using protocol::ReaderStatus;
using protocol::Reply;
using protocol::Request;
using Purpose = Call::Purpose;

namespace {
// A place that should be filled by all that is known, and is not, is looked at so often.
constexpr std::uint32_t most_looks = 3;

std::optional<Error> damage_in(const std::vector<std::byte>& object, const Header& header) {
  if (header.kind == format::Kind::seal) return std::nullopt;
  if (object.size() != header.object_bytes) return Error(Code::corruption, "the object has another length");
  format::RecordCursor records(object, header);
  for (;;) {
    const auto record = records.next();
    if (!record) return record.error();
    if (!*record) return std::nullopt;
  }
}

}  // namespace

void Reader::ask(Purpose purpose, protocol::Requests requests) {
  for (Request& request : requests) calls_.push_back({purpose, std::move(request)});
}

void Reader::fail(const Error& error, Oracle& oracle) {
  oracle.failed(error, damaged_, "a reader");
  error_ = error;
}

void Reader::scan(Oracle& oracle) {
  survey_begun_ = oracle.now();
  scan_.emplace(protocol::RecoveryScan::Options{.want_history = true});
  ask(Purpose::scan, scan_->start());
}

void Reader::poll() {
  waits_ = false;
  read();
}

void Reader::on(const Call& call, const Reply& reply, Oracle& oracle) {
  if (over()) return;
  switch (call.purpose) {
    case Purpose::scan:
      return on_survey(reply, oracle);
    case Purpose::locate:
      return on_locate(&reply, oracle);
    case Purpose::read:
      return on_object(reply, oracle);
    default:
      return;
  }
}

void Reader::on_survey(const Reply& reply, Oracle& oracle) {
  if (!scan_) return;
  ask(Purpose::scan, scan_->on(reply));
  if (!scan_->done()) return;
  const Result<protocol::LogState> found = scan_->result();
  scan_.reset();
  if (!found) return fail(found.error(), oracle);
  const protocol::LogState& view = *found;
  if (!damaged_) oracle.surveyed(survey_begun_, view);
  if (!view.exists) return fail({Code::not_found, "no log"}, oracle);
  if (!at_) {
    const Offset from =
        std::clamp(from_.value_or(view.start_offset()), view.start_offset(), view.tail.offset);
    return locate(view, from, oracle);
  }
  const ReaderStatus standing = protocol::reader_status(*at_, view);
  oracle.standing(*at_, standing, damaged_);
  switch (standing) {
    case ReaderStatus::at_tail:
      waits_ = true;
      return;
    case ReaderStatus::look_again:
      if (++looks_ >= most_looks) {
        return fail(
            mismatch_.value_or(Error(Code::corruption, fmt::format("object {} is missing", at_->seq))),
            oracle);
      }
      return read();
    case ReaderStatus::relocate:
      return locate(view, at_->offset, oracle);
    case ReaderStatus::trimmed:
      return locate(view, view.start_offset(), oracle);
    case ReaderStatus::lost:
      return fail({Code::corruption, "what was read is not in the log any more"}, oracle);
  }
}

void Reader::locate(const protocol::LogState& view, Offset target, Oracle& oracle) {
  delivered_ = target;
  locate_.emplace(view, target);
  ask(Purpose::locate, locate_->start());
  if (locate_->done()) on_locate(nullptr, oracle);
}

void Reader::on_locate(const Reply* reply, Oracle& oracle) {
  if (!locate_) return;
  if (reply != nullptr) ask(Purpose::locate, locate_->on(*reply));
  if (!locate_->done()) return;
  const Result<protocol::Position> place = locate_->result();
  locate_.reset();
  if (!place) {
    // Trimmed away meanwhile, most likely: the next survey says. That may not go on for ever.
    if (place.error().code() == Code::not_found && ++looks_ < most_looks * 4) return scan(oracle);
    return fail({Code::corruption, place.error().message()}, oracle);
  }
  at_ = *place;
  read();
}

void Reader::read() { ask(Purpose::read, {Request::make(Request::Kind::get_object, at_->seq)}); }

void Reader::on_object(const Reply& reply, Oracle& oracle) {
  const Result<Header> header = protocol::header_in(reply);
  mismatch_.reset();
  if (!header) {
    if (!reply.is(Code::not_found)) mismatch_ = header.error();
    return scan(oracle);
  }
  const Result<protocol::Position> next = protocol::step(*at_, *header);
  if (!next) {
    mismatch_ = next.error();
    return scan(oracle);
  }
  if (const std::optional<Error> damage = damage_in(reply.bytes, *header)) return fail(*damage, oracle);
  if (header->kind == format::Kind::data && next->offset > delivered_) {
    oracle.delivered(at_->seq, reply.bytes, delivered_);
    delivered_ = next->offset;
  }
  at_ = *next;
  looks_ = 0;
  read();
}

}  // namespace varve::sim
