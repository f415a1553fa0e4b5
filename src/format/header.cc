#include "format/header.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>

#include "base/invariant.h"
#include "format/crc.h"
#include "format/envelope.h"
#include "format/fields.h"
#include "format/trailer.h"

namespace varve::format {
namespace {

constexpr std::string_view what = "object header";
constexpr std::size_t reserved_bytes = 68;

// Fields of the layout that are no part of `Header`.
struct Fixed {
  std::uint32_t required_flags = 0;
  std::uint32_t length = header_bytes;
};

/// The order of the fields behind magic and version: the layout, for both directions.
void lay_out(auto& fields, auto& kind, auto& codec, auto& header, auto& fixed) {
  fields.field(kind);
  fields.field(fixed.required_flags);
  fields.field(header.flags);
  fields.field(fixed.length);
  fields.field(header.log_id);
  fields.field(header.writer_id);
  fields.field(header.seq);
  fields.field(header.epoch);
  fields.field(header.first_offset);
  fields.field(header.record_count);
  fields.field(header.window);
  fields.field(header.body_end);
  fields.field(header.object_bytes);
  fields.field(header.start_offset);
  fields.field(header.lowest_live);
  fields.field(header.anchor);
  fields.field(header.durable_seq);
  fields.field(header.durable_offset);
  fields.field(header.previous_hash);
  fields.field(header.created_unix_ms);
  fields.field(header.first_append_unix_ms);
  fields.field(codec);
  fields.field(header.block_log2);
  fields.field(header.packed_end);
  fields.zeros(reserved_bytes);
}

// The checks below give the rule that a header breaks, as text; nothing for a possible one.

std::string_view broken_rule_of_data(const Header& h) {
  if (h.has(flag::ahead | flag::fences_nobody)) return "DATA has no flag of a seal";
  if (h.epoch > h.seq || h.seq - h.epoch < h.window) return "DATA begins a window behind its seal";
  if ((h.record_count == 0) != (h.body_end == header_bytes))
    return "there is a body just when there are records";
  if (h.body_end % 8 != 0) return "a body of records ends at a multiple of 8";
  if ((h.body_end - header_bytes) / 8 < h.record_count) return "a record takes 8 bytes at least";
  if (h.object_bytes != h.stored_end() + trailer_bytes(h)) {
    return "a trailer as long as the body calls for ends the object";
  }
  return {};
}

std::string_view broken_rule_of_blocks(const Header& h) {
  if (h.codec == Codec::none) {
    return h.block_log2 == 0 && h.packed_end == 0 ? "" : "without a codec there are no blocks";
  }
  if (h.kind != Kind::data || h.record_count == 0) return "only records are compressed";
  if (h.block_log2 < block_log2_min || h.block_log2 > block_log2_max) return "a block has 64 KiB to 16 MiB";
  if (h.body_end > header_bytes + packed_body_bytes_max) return "a body that is compressed has up to 128 MiB";
  if (h.packed_end <= header_bytes || h.packed_end % 8 != 0) return "blocks end at a multiple of 8";
  if (h.packed_end > h.body_end) return "a body that is compressed is no longer than before";
  return {};
}

std::string_view broken_rule_of_seal(const Header& h) {
  if (h.has(flag::closing)) return "a seal closes nothing";
  if (h.record_count != 0) return "a seal has no records";
  if (h.object_bytes != h.body_end) return "a seal ends with its body";
  if (h.epoch != h.seq) return "a seal's seq is its epoch";
  if (h.has(flag::ahead)) {
    if (h.first_offset != 0 || h.previous_hash != 0) return "a seal ahead knows nothing of what is before it";
    if (h.has(flag::fences_nobody)) return "a seal ahead is there to fence";
  }
  return {};
}

std::string_view broken_rule(const Header& h) {
  if (h.kind != Kind::data && h.kind != Kind::seal) return "the kind is DATA or SEAL";
  if (h.window < 1 || h.window > max_window) return "the window is 1 to 1024";
  if (h.seq > std::numeric_limits<Seq>::max() - h.window) return "there is a next seq";
  if (h.end_offset() < h.first_offset) return "there is a next offset";
  if (const auto rule = broken_rule_of_blocks(h); !rule.empty()) return rule;
  if (h.body_end < header_bytes || h.stored_end() > h.object_bytes) return "the body is within the object";
  if (h.object_bytes > max_object_bytes) return "an object is smaller than 4 GiB";

  if (h.lowest_live > h.anchor) return "what is live begins at or below the anchor";
  const bool nothing_durable = h.anchor == 0 && h.durable_seq == 0;
  if (h.anchor >= h.durable_seq && !nothing_durable) return "the anchor is below the durable seq";
  if (h.durable_seq > h.seq) return "the durable seq is at most the object's own";
  if (h.start_offset > h.durable_offset) return "the log starts within what is durable";
  if (!h.has(flag::ahead) && h.durable_offset > h.first_offset)
    return "what is durable ends before the object";
  if (h.record_count == 0 && h.first_append_unix_ms != 0) return "without records there is no first append";
  return h.kind == Kind::data ? broken_rule_of_data(h) : broken_rule_of_seal(h);
}

}  // namespace

std::string to_hex(const Id& id) { return fmt::format("{:02x}", fmt::join(id.bytes, "")); }

void encode_header(const Header& header, std::span<std::byte, header_bytes> out) {
  // Better no object than one that every reader refuses.
  VARVE_INVARIANT(broken_rule(header).empty());
  FieldWriter fields(out);
  fields.bytes(std::as_bytes(std::span(object_magic)));
  fields.field(format_version);
  const auto kind = static_cast<std::uint16_t>(header.kind);
  const auto codec = static_cast<std::uint32_t>(header.codec);
  const Fixed fixed;
  lay_out(fields, kind, codec, header, fixed);
  finish_envelope(out);
}

Result<Header> decode_header(std::span<const std::byte> object) {
  if (object.size() < header_bytes) {
    return Error(Code::corruption, fmt::format("the object is {} bytes long, its header alone has {}",
                                               object.size(), header_bytes));
  }
  const auto bytes = object.first(header_bytes);
  if (auto error = check_envelope(bytes, object_magic, what)) return *std::move(error);

  FieldReader fields(bytes.subspan(sizeof(object_magic) + sizeof(format_version)));
  std::uint16_t kind = 0;
  std::uint32_t codec = 0;
  Header header;
  Fixed fixed;
  lay_out(fields, kind, codec, header, fixed);
  header.kind = static_cast<Kind>(kind);
  header.codec = static_cast<Codec>(codec);

  if (fixed.required_flags != 0) return unknown_required_flags(what, fixed.required_flags);
  if (codec >= codecs) return unknown_codec(codec);
  if (!fields.only_zeros()) return reserved_bytes_used(what);
  if (fixed.length != header_bytes) {
    return Error(Code::corruption, fmt::format("the object header says that it has {} bytes, not {}",
                                               fixed.length, header_bytes));
  }
  if (const auto rule = broken_rule(header); !rule.empty()) {
    return Error(
        Code::corruption,
        fmt::format("the header of object {} is impossible though its checksum holds: it breaks the rule "
                    "that {}",
                    header.seq, rule));
  }
  return header;
}

std::uint64_t hash_of(const Header& header) {
  std::array<std::byte, header_bytes> bytes;
  encode_header(header, bytes);
  return crc64(bytes);
}

}  // namespace varve::format
