#include "testing/log_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/invariant.h"
#include "format/key.h"
#include "format/records.h"
#include "format/seal.h"
#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "protocol/sweep.h"
#include "protocol/takeover.h"

namespace varve::testing {

using protocol::Request;

namespace {

// A fixture that cannot do what a test asks for is a defect of the test: it ends there and then.
template <class T>
T value_of(Result<T> result) {
  if (!result) fmt::print(stderr, "log builder: {}\n", result.error().message());
  VARVE_INVARIANT(result.has_value());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

std::vector<format::IndexEntry> index_of(std::span<const std::size_t> positions, std::size_t body_end) {
  std::vector<format::IndexEntry> index(format::index_entries(body_end));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const std::size_t end = i + 1 < positions.size() ? positions[i + 1] : body_end;
    format::index_record(index, positions[i], end, static_cast<std::uint32_t>(i + 1));
  }
  return index;
}

}  // namespace

std::string payload_of(Offset offset, std::size_t bytes) {
  std::string payload = fmt::format("record {}", offset);
  if (payload.size() < bytes) payload.resize(bytes, static_cast<char>('a' + offset % 26));
  return payload;
}

BuiltWriter::BuiltWriter(LogBuilder& log, const protocol::Ownership& ownership)
    : log_(&log), appender_(ownership, {.checkpoint_every_objects = 0, .retry = {}}) {}

Unstored BuiltWriter::make(std::size_t count, std::size_t record_bytes, bool closing) {
  const Offset first = appender_.end_offset();
  std::vector<std::string> payloads;
  std::vector<std::size_t> positions;
  std::size_t body_end = format::header_bytes;
  for (std::size_t i = 0; i < count; ++i) {
    payloads.push_back(payload_of(first + i, record_bytes));
    positions.push_back(body_end);
    body_end += format::stored_bytes(payloads.back().size());
  }
  protocol::BatchShape shape;
  shape.record_count = static_cast<std::uint32_t>(count);
  shape.body_end = body_end;
  shape.first_append_unix_ms = count == 0 ? 0 : log_->unix_ms_;
  shape.closing = closing;

  std::vector<std::byte> bytes(body_end);
  for (std::size_t i = 0; i < count; ++i) {
    format::write_record(&bytes[positions[i]], std::as_bytes(std::span(payloads[i])), first + i);
  }
  std::optional<format::PackedBody> packed;
  const auto body = std::span(bytes).subspan(format::header_bytes);
  if (packing_.codec != format::Codec::none && count > 0) packed = format::Packer().pack(body, packing_);
  if (packed) {
    shape.codec = packing_.codec;
    shape.block_log2 = packing_.block_log2;
    shape.packed_end = packed->packed_end;
    bytes.resize(packed->packed_end);
  }
  const std::vector<format::IndexEntry> index = index_of(positions, body_end);
  const std::vector<format::BlockEntry> blocks = packed ? packed->blocks : std::vector<format::BlockEntry>();
  const std::size_t stored_end = bytes.size();
  bytes.resize(stored_end + format::trailer_bytes(index.size() + blocks.size()));
  format::encode_trailer(index, blocks, std::span(bytes).subspan(stored_end));
  shape.object_bytes = bytes.size();

  const format::Header header = appender_.submit(shape, ++log_->unix_ms_, 0);
  static_cast<void>(appender_.take_commands());
  format::encode_header(header, std::span(bytes).first<format::header_bytes>());
  Unstored object{.seq = header.seq, .body = std::move(bytes)};
  log_->extents_.push_back({.seq = header.seq, .begin = first, .end = first + count});
  return object;
}

void BuiltWriter::land(const Unstored& object) {
  log_->store(object);
  appender_.on_put(object.seq, std::nullopt, 0);
  static_cast<void>(appender_.take_commands());
}

Seq BuiltWriter::put(std::size_t count, std::size_t record_bytes) {
  const Unstored object = make(count, record_bytes);
  land(object);
  return object.seq;
}

Seq BuiltWriter::trim(Offset before) {
  // The object that holds `before`, or the newest one stored: that is never deleted.
  Seq lowest_live = appender_.checkpoint().anchor;
  for (const LogBuilder::Extent& extent : log_->extents_) {
    if (extent.begin <= before && before < extent.end) lowest_live = std::min(lowest_live, extent.seq);
  }
  appender_.begin_trim(before, lowest_live);
  return put(0);
}

void BuiltWriter::sweep() {
  protocol::Sweep sweep(
      {.from = 0, .below = appender_.durable_lowest_live(), .history = appender_.history(), .clocks = {}});
  value_of(
      log_->log_store_.drive(sweep.start(), [&](const protocol::Reply& reply) { return sweep.on(reply); }));
}

void BuiltWriter::close() { land(make(0, 0, true)); }

void BuiltWriter::write_checkpoint() {
  const auto bytes = format::encode_checkpoint(appender_.checkpoint());
  value_of(object_store::put_now(log_->log_store_.store(), format::checkpoint_key(log_->address().path),
                                 object_store::copy_bytes(bytes)));
}

LogBuilder::LogBuilder(std::uint32_t window)
    : LogBuilder({.store = std::make_shared<object_store::MemoryStore>("built"), .path = "log"}, window) {}

LogBuilder::LogBuilder(LogAddress log, std::uint32_t window) : log_store_(std::move(log)), window_(window) {}

protocol::Claimant LogBuilder::next_claimant() {
  protocol::Claimant claimant;
  claimant.writer_id.bytes.fill(++claimants_);
  claimant.new_log_id.bytes.fill(0xaa);
  claimant.new_window = window_;
  claimant.host = fmt::format("host{}", claimants_);
  claimant.pid = claimants_;
  return claimant;
}

BuiltWriter LogBuilder::open() {
  protocol::Takeover takeover(next_claimant());
  ++unix_ms_;
  value_of(log_store_.drive(takeover.start(unix_ms_),
                            [&](const protocol::Reply& reply) { return takeover.on(reply, unix_ms_); }));
  return {*this, value_of(takeover.result())};
}

Unstored LogBuilder::make_seal() {
  protocol::Takeover takeover(next_claimant());
  ++unix_ms_;
  Unstored seal;
  // Its put is kept from the store; so the machine gets no further.
  const auto on = [&](const protocol::Reply& reply) {
    protocol::Requests requests = takeover.on(reply, unix_ms_);
    if (!requests.empty() && requests.front().kind == Request::Kind::put_object) {
      seal = {.seq = requests.front().seq, .body = std::move(requests.front().body)};
      requests.clear();
    }
    return requests;
  };
  value_of(log_store_.drive(takeover.start(unix_ms_), on));
  VARVE_INVARIANT(!seal.body.empty());
  return seal;
}

Unstored LogBuilder::make_seal_ahead() {
  const Unstored seal = make_seal();
  format::Header header = value_of(format::decode_header(seal.body));
  format::SealBody body = value_of(format::decode_seal(seal.body, header));
  header.seq += header.window;
  header.epoch = header.seq;
  header.flags = format::flag::ahead;
  header.first_offset = 0;
  header.previous_hash = 0;
  body.history.clear();
  return {.seq = header.seq, .body = format::encode_seal(header, body)};
}

void LogBuilder::store(const Unstored& object) {
  value_of(object_store::put_if_absent_now(log_store_.store(), log_store_.key_of(object.seq),
                                           object_store::copy_bytes(object.body)));
}

std::vector<std::byte> LogBuilder::load(Seq seq) const {
  const Bytes object = value_of(object_store::get_now(log_store_.store(), log_store_.key_of(seq)));
  return {object.data.begin(), object.data.end()};
}

void LogBuilder::remove(Seq seq) {
  value_of(object_store::remove_now(log_store_.store(), {log_store_.key_of(seq)}));
}

void LogBuilder::remove_checkpoint() {
  value_of(object_store::remove_now(log_store_.store(), {format::checkpoint_key(address().path)}));
}

void LogBuilder::replace(Seq seq, const std::vector<std::byte>& body) {
  value_of(object_store::put_now(log_store_.store(), log_store_.key_of(seq), object_store::copy_bytes(body)));
}

void LogBuilder::flip_bit(Seq seq, std::size_t byte) {
  std::vector<std::byte> body = load(seq);
  body.at(byte) ^= std::byte{1};
  replace(seq, body);
}

std::vector<Seq> LogBuilder::stored() const {
  std::vector<Seq> seqs;
  for (const ListedObject& object :
       value_of(object_store::list_all_now(log_store_.store(), format::wal_prefix(address().path)))) {
    if (const auto seq = format::seq_of_key(address().path, object.key)) seqs.push_back(*seq);
  }
  return seqs;
}

}  // namespace varve::testing
