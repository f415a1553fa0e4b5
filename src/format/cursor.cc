#include "format/cursor.h"

#include <fmt/format.h>

#include "format/crc.h"
#include "format/envelope.h"
#include "format/fields.h"

namespace varve::format {
namespace {

constexpr std::string_view what = "cursor";
constexpr std::size_t reserved_bytes = 15;

/// The order of the fields between version and checksum, for both directions.
void lay_out(auto& fields, auto& required_flags, auto& optional_flags, auto& removed, auto& move) {
  fields.zeros(2);
  fields.field(required_flags);
  fields.field(optional_flags);
  fields.field(move.revision);
  fields.field(move.log_id);
  fields.field(move.mover_id);
  fields.field(move.offset);
  fields.field(move.moved_unix_ms);
  fields.field(removed);
  fields.zeros(reserved_bytes);
}

}  // namespace

std::vector<std::byte> encode_cursor(const CursorMove& move) {
  std::vector<std::byte> bytes(cursor_bytes);
  FieldWriter fields(bytes);
  fields.bytes(std::as_bytes(std::span(cursor_magic)));
  fields.field(format_version);
  const std::uint32_t no_flags = 0;
  const auto removed = static_cast<std::uint8_t>(move.removed);
  lay_out(fields, no_flags, no_flags, removed, move);
  finish_envelope(bytes);
  return bytes;
}

Result<CursorMove> decode_cursor(std::span<const std::byte> bytes) {
  if (auto error = check_envelope(bytes, cursor_magic, what)) return *std::move(error);
  FieldReader fields(bytes.first(bytes.size() - crc32c_bytes));
  fields.take(sizeof(cursor_magic) + sizeof(format_version));
  std::uint32_t required_flags = 0;
  std::uint32_t optional_flags = 0;
  std::uint8_t removed = 0;
  CursorMove move;
  lay_out(fields, required_flags, optional_flags, removed, move);
  move.removed = removed != 0;

  if (required_flags != 0) return unknown_required_flags(what, required_flags);
  if (!fields.only_zeros()) return reserved_bytes_used(what);
  if (fields.ran_out() || fields.left() != 0) {
    return Error(Code::corruption, fmt::format("the cursor has the wrong length: {} bytes", bytes.size()));
  }
  if (removed > 1) return Error(Code::corruption, "the cursor is impossible: it is there or removed");
  return move;
}

}  // namespace varve::format
