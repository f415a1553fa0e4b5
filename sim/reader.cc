#include "sim/reader.h"

#include "format/records.h"

namespace varve::sim {

using format::Header;
using protocol::Reply;
using protocol::Request;
using Purpose = Call::Purpose;

namespace {

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

void Reader::read() { ask(Purpose::read, {Request::make(Request::Kind::get_object, walk_.place().seq)}); }

void Reader::begin(Oracle& oracle) {
  begun_ = false;
  asked_ = oracle.now();
  if (recorder_ != nullptr) recorder_->looks(recorded_as_);
  ask(Purpose::locate, walk_.start());
}

void Reader::poll() {
  walk_.resume();
  read();
}

void Reader::on(const Call& call, const Reply& reply, std::uint64_t now, Oracle& oracle) {
  if (over()) return;
  if (call.purpose == Purpose::read) return on_object(reply, now, oracle);
  ask(Purpose::locate, walk_.on(reply, now));
  if (walk_.phase() != Phase::asking) after_asking(oracle);
}

void Reader::on_object(const Reply& reply, std::uint64_t now, Oracle& oracle) {
  const Result<Header> header = protocol::header_in(reply);
  if (!header) return doubt(header.error(), now, oracle);
  const Result<protocol::Position> next = walk_.fits(*header);
  if (!next) return doubt(next.error(), now, oracle);
  if (const std::optional<Error> damage = damage_in(reply.bytes, *header)) return fail(*damage, oracle);
  if (header->kind == format::Kind::data && header->end_offset() > walk_.offset()) {
    oracle.delivered(walk_.place().seq, reply.bytes, walk_.offset());
    if (recorder_ != nullptr) recorder_->delivers(recorded_as_, *header, walk_.offset());
  }
  walk_.pass(*header, *next);
  read();
}

void Reader::doubt(const Error& error, std::uint64_t now, Oracle& oracle) {
  asked_ = oracle.now();
  if (recorder_ != nullptr) recorder_->looks(recorded_as_);
  ask(Purpose::locate, walk_.doubt(error, now));
  if (walk_.phase() != Phase::asking) after_asking(oracle);
}

void Reader::after_asking(Oracle& oracle) {
  if (walk_.phase() == Phase::failed) return on_failure(oracle);
  const bool looked = !begun_ || walk_.looks() != looks_;
  if (looked && !damaged_) {
    oracle.surveyed(asked_, walk_.state());
    if (recorder_ != nullptr) recorder_->sees(recorded_as_, walk_.state());
  }
  looks_ = walk_.looks();
  begun_ = true;
  if (walk_.phase() == Phase::fetching) read();
}

void Reader::on_failure(Oracle& oracle) {
  const Error& error = walk_.error();
  if (error.code() != Code::out_of_range || !error.valid_range()) return fail(error, oracle);
  // It is told where it may go on, and does, as a program would.
  const Offset offset = walk_.offset();
  const Offset resumes = error.valid_range()->begin;
  if (begun_ && resumes > offset) {
    oracle.told_trimmed(offset);
    if (recorder_ != nullptr) recorder_->is_told(recorded_as_, error.code(), offset);
  }
  walk_ = protocol::ReaderWalk({.offset = std::min(std::max(resumes, offset), error.valid_range()->end)},
                               options_);
  begin(oracle);
}

void Reader::fail(const Error& error, Oracle& oracle) {
  oracle.failed(error, damaged_, "a reader");
  if (recorder_ != nullptr) recorder_->is_told(recorded_as_, error.code(), walk_.offset());
  error_ = error;
}

}  // namespace varve::sim
