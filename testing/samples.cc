#include "testing/samples.h"

#include "format/envelope.h"

namespace varve::format::samples {
namespace {

Id id(std::uint8_t first) {
  Id made;
  for (std::size_t i = 0; i < made.bytes.size(); ++i) made.bytes[i] = static_cast<std::uint8_t>(first + i);
  return made;
}

const Id log_id = id(0x10);
const Id writer_id = id(0xa0);

}  // namespace

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Header data_header() {
  Header header;
  header.kind = Kind::data;
  header.flags = flag::closing;
  header.log_id = log_id;
  header.writer_id = writer_id;
  header.seq = 200;
  header.epoch = 100;
  header.first_offset = 5000;
  header.window = 64;
  header.start_offset = 1000;
  header.lowest_live = 30;
  header.anchor = 190;
  header.durable_seq = 191;
  header.durable_offset = 4900;
  header.previous_hash = 0x0123456789abcdef;
  header.created_unix_ms = 1'700'000'000'123;
  return header;
}

Bytes data_object(Header& header, std::span<const Claim> claims) {
  std::size_t body_end = header_bytes;
  for (const Claim& claim : claims) body_end += stored_bytes(claim.payload.size()) + claim.unused;
  const std::size_t entries = index_entries(body_end);
  Bytes object(body_end + trailer_bytes(entries), std::byte{0xee});  // a reused buffer is not clean

  // Longer than needed, as a writer's is while it does not know the body's end.
  std::vector<IndexEntry> index(entries + 3, {.record = 77, .position = 77});
  std::size_t position = header_bytes;
  std::uint32_t number = 0;
  for (const Claim& claim : claims) {
    write_record(&object[position], claim.payload, header.first_offset + number);
    const std::size_t record_end = position + stored_bytes(claim.payload.size());
    if (claim.unused != 0) write_padding(&object[record_end], claim.unused);
    index_record(index, position, record_end + claim.unused, ++number);
    position = record_end + claim.unused;
  }
  index.resize(entries);
  encode_trailer(index, std::span(object).subspan(body_end));

  header.record_count = number;
  header.first_append_unix_ms = claims.empty() ? 0 : header.created_unix_ms - 5;
  header.body_end = body_end;
  header.object_bytes = object.size();
  encode_header(header, std::span(object).first<header_bytes>());
  return object;
}

Bytes packed_object(Header& header, std::span<const Claim> claims, const Packing& packing) {
  Bytes object = data_object(header, claims);
  const std::vector<IndexEntry> index = decode_trailer(object, header).value();
  Packer packer;
  const auto body = std::span(object).subspan(header_bytes, header.body_end - header_bytes);
  const std::optional<PackedBody> packed = packer.pack(body, packing);
  if (!packed) return object;
  header.codec = packing.codec;
  header.block_log2 = packing.block_log2;
  header.packed_end = packed->packed_end;
  header.object_bytes = packed->packed_end + trailer_bytes(header);
  object.resize(header.object_bytes);
  encode_trailer(index, packed->blocks, std::span(object).subspan(packed->packed_end));
  encode_header(header, std::span(object).first<header_bytes>());
  return object;
}

Result<DataRead> read_data(std::span<const std::byte> object) {
  const auto header = decode_header(object);
  if (!header) return header.error();
  DataRead read{.header = *header, .payloads = {}, .index = {}, .blocks = {}};
  Bytes body;
  std::span<const std::byte> records = object;
  if (header->codec != Codec::none) {
    body.resize(header->body_end);
    if (const auto unpacked = unpack_body(object, *header, std::span(body).subspan(header_bytes)); !unpacked)
      return unpacked.error();
    records = body;
  }
  RecordCursor cursor(records, *header);
  for (;;) {
    const auto record = cursor.next();
    if (!record) return record.error();
    if (!*record) break;
    read.payloads.emplace_back((*record)->payload.begin(), (*record)->payload.end());
  }
  auto index = decode_trailer(object, *header);
  if (!index) return index.error();
  read.index = *std::move(index);
  auto blocks = decode_blocks(object, *header);
  if (!blocks) return blocks.error();
  read.blocks = *std::move(blocks);
  return read;
}

Header first_seal_header() {
  Header header;
  header.kind = Kind::seal;
  header.log_id = log_id;
  header.writer_id = writer_id;
  header.window = 64;
  header.created_unix_ms = 1'700'000'000'000;
  return header;
}

SealBody first_seal_body() { return {.history = {}, .host = "harbour", .pid = 4711}; }

Header seal_header_with_history() {
  Header header = first_seal_header();
  header.flags = flag::fences_nobody;
  header.seq = 300;
  header.epoch = 300;
  header.first_offset = 6000;
  header.start_offset = 1000;
  header.lowest_live = 64;
  header.anchor = 299;
  header.durable_seq = 300;
  header.durable_offset = 6000;
  header.previous_hash = 0xfedcba9876543210;
  return header;
}

SealBody seal_body_with_history() {
  return {.history = {{.seal = 0, .first_offset = 0, .flags = 0},
                      {.seal = 100, .first_offset = 900, .flags = flag::ahead},
                      {.seal = 164, .first_offset = 900, .flags = 0}},
          .host = "harbour",
          .pid = 4712};
}

Header ahead_header() {
  Header header = first_seal_header();
  header.flags = flag::ahead;
  header.seq = 100;
  header.epoch = 100;
  header.start_offset = 10;
  header.lowest_live = 64;
  header.anchor = 70;
  header.durable_seq = 71;
  header.durable_offset = 800;
  return header;
}

SealBody ahead_body() { return {.history = {}, .host = "harbour", .pid = 4713}; }

std::vector<Claim> small_claims() {
  return {{.payload = bytes_of("one")}, {.payload = {}, .unused = 24}, {.payload = bytes_of("a third one")}};
}

std::vector<Claim> wordy_claims() {
  std::vector<Claim> claims;
  for (int i = 0; i < 40; ++i)
    claims.push_back({.payload = bytes_of("line " + std::to_string(i) + " of much the same"), .unused = 0});
  return claims;
}

Checkpoint checkpoint() {
  return {.log_id = log_id,
          .anchor = 400,
          .window = 64,
          .swept_below = 64,
          .history = {{.seal = 0, .first_offset = 0, .flags = 0},
                      {.seal = 300, .first_offset = 6000, .flags = flag::fences_nobody}}};
}

// As the command made it before cursors were bound.
CursorRevision cursor() {
  return {.revision = 0,
          .log_id = {{0xc6, 0xdc, 0x34, 0x29, 0x37, 0x2a, 0xc8, 0x52, 0x1f, 0x11, 0xae, 0xb7, 0x13, 0xaa,
                      0x17, 0x7f}},
          .mover_id = {{0x59, 0x58, 0xa5, 0xf8, 0x2f, 0x7d, 0x53, 0x78, 0x9a, 0x2b, 0x13, 0x20, 0xd0, 0x5d,
                        0x97, 0x48}},
          .removed = false,
          .offset = 14,
          .moved_unix_ms = 1796099532387};
}

CursorRevision bound_cursor() {
  CursorRevision bound = cursor();
  bound.bind(0x1122'3344'5566'7788);
  return bound;
}

Checkpoint mirror_checkpoint() {
  Checkpoint mirror = checkpoint();
  mirror.mirror = MirrorState{.begins_seq = 64,
                              .begins_offset = 10,
                              .keeps = true,
                              .copied_offset = 7000,
                              .source_end = 8000,
                              .source_seen_unix_ms = 1'700'000'000'123,
                              .source = "s3://bucket/orders"};
  return mirror;
}

void mend_checksum(std::span<std::byte> envelope) { finish_envelope(envelope); }

}  // namespace varve::format::samples
