#include "format/cursor.h"

#include <fmt/format.h>

#include "format/crc.h"
#include "format/envelope.h"
#include "format/fields.h"

namespace varve::format {
namespace {

constexpr std::string_view what = "cursor";
constexpr std::size_t reserved_bytes = 15;

// Programs before it pass over the flag, and take the mover id for what it was: a name.
constexpr std::uint32_t bound_flag = 1;

/// The order of the fields between version and checksum, for both directions.
void lay_out(auto& fields, auto& required_flags, auto& optional_flags, auto& removed, auto& revision) {
  fields.zeros(2);
  fields.field(required_flags);
  fields.field(optional_flags);
  fields.field(revision.revision);
  fields.field(revision.log_id);
  fields.field(revision.mover_id);
  fields.field(revision.offset);
  fields.field(revision.moved_unix_ms);
  fields.field(removed);
  fields.zeros(reserved_bytes);
}

}  // namespace

std::optional<std::uint64_t> CursorRevision::history() const {
  if (!bound) return std::nullopt;
  return field_at<std::uint64_t>(std::as_bytes(std::span(mover_id.bytes)), 0);
}

void CursorRevision::bind(std::uint64_t history) {
  bound = true;
  FieldWriter(std::as_writable_bytes(std::span(mover_id.bytes)).first<sizeof(history)>()).field(history);
}

std::vector<std::byte> encode_cursor(const CursorRevision& revision) {
  std::vector<std::byte> bytes(cursor_bytes);
  FieldWriter fields(bytes);
  fields.bytes(std::as_bytes(std::span(cursor_magic)));
  fields.field(format_version);
  const std::uint32_t required_flags = 0;
  const std::uint32_t optional_flags = revision.bound ? bound_flag : 0;
  const auto removed = static_cast<std::uint8_t>(revision.removed);
  lay_out(fields, required_flags, optional_flags, removed, revision);
  finish_envelope(bytes);
  return bytes;
}

Result<CursorRevision> decode_cursor(std::span<const std::byte> bytes) {
  if (auto error = check_envelope(bytes, cursor_magic, what)) return *std::move(error);
  FieldReader fields(bytes.first(bytes.size() - crc32c_bytes));
  fields.take(sizeof(cursor_magic) + sizeof(format_version));
  std::uint32_t required_flags = 0;
  std::uint32_t optional_flags = 0;
  std::uint8_t removed = 0;
  CursorRevision revision;
  lay_out(fields, required_flags, optional_flags, removed, revision);
  revision.removed = removed != 0;
  revision.bound = (optional_flags & bound_flag) != 0;

  if (required_flags != 0) return unknown_required_flags(what, required_flags);
  if (!fields.only_zeros()) return reserved_bytes_used(what);
  if (fields.ran_out() || fields.left() != 0) {
    return Error(Code::corruption, fmt::format("the cursor has the wrong length: {} bytes", bytes.size()));
  }
  if (removed > 1) return Error(Code::corruption, "the cursor is impossible: it is there or removed");
  return revision;
}

}  // namespace varve::format
