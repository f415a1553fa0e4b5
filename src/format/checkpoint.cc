#include "format/checkpoint.h"

#include <fmt/format.h>

#include <limits>

#include "format/crc.h"
#include "format/envelope.h"
#include "format/fields.h"

namespace varve::format {
namespace {

constexpr std::string_view what = "checkpoint";
constexpr std::size_t reserved_bytes = 16;

/// Required flag: a mirror's state stands behind the history. Whoever does not know what that means for the
/// objects near the end has no hint in it.
constexpr std::uint32_t has_mirror = 1U << 0;
/// Of a mirror's flags.
constexpr std::uint32_t mirror_keeps = 1U << 0;

constexpr std::size_t mirror_bytes(std::size_t source_bytes) {
  return 8 + 8 + 4 + 8 + 8 + 8 + 2 + source_bytes;
}

constexpr std::size_t checkpoint_bytes(std::size_t epochs) {
  return sizeof(Magic) + sizeof(format_version) + 2 + 4 + 4 + 4 + sizeof(Id) + 8 + 8 + reserved_bytes +
         history_bytes(epochs) + crc32c_bytes;
}

/// The order of the fields between version and history, for both directions.
void lay_out(auto& fields, auto& required_flags, auto& optional_flags, auto& checkpoint) {
  fields.zeros(2);
  fields.field(required_flags);
  fields.field(optional_flags);
  fields.field(checkpoint.window);
  fields.field(checkpoint.log_id);
  fields.field(checkpoint.anchor);
  fields.field(checkpoint.swept_below);
  fields.zeros(reserved_bytes);
}

/// The order of the fields of a mirror's state up to its source's name, likewise.
void lay_out_mirror(auto& fields, auto& flags, auto& mirror) {
  fields.field(mirror.begins_seq);
  fields.field(mirror.begins_offset);
  fields.field(flags);
  fields.field(mirror.copied_offset);
  fields.field(mirror.source_end);
  fields.field(mirror.source_seen_unix_ms);
}

std::string_view source_of(const MirrorState& mirror) {
  return std::string_view(mirror.source).substr(0, max_source_bytes);
}

void write_mirror(FieldWriter& fields, const MirrorState& mirror) {
  const std::uint32_t flags = mirror.keeps ? mirror_keeps : 0;
  lay_out_mirror(fields, flags, mirror);
  const std::string_view source = source_of(mirror);
  fields.field(static_cast<std::uint16_t>(source.size()));
  fields.bytes(std::as_bytes(std::span(source)));
}

MirrorState read_mirror(FieldReader& fields) {
  MirrorState mirror;
  std::uint32_t flags = 0;
  lay_out_mirror(fields, flags, mirror);
  mirror.keeps = (flags & mirror_keeps) != 0;
  std::uint16_t source_bytes = 0;
  fields.field(source_bytes);
  const auto source = fields.take(source_bytes);
  mirror.source.assign(reinterpret_cast<const char*>(source.data()), source.size());
  return mirror;
}

/// The rule that `c` breaks; empty for a possible one.
std::string_view broken_rule(const Checkpoint& c, std::span<const EpochEntry> history) {
  if (c.window < 1 || c.window > max_window) return "the window is 1 to 1024";
  if (c.anchor > std::numeric_limits<Seq>::max() - c.window) return "there is a next seq";
  if (c.swept_below > c.anchor) return "only what is below the anchor was swept";
  if (history.empty()) return "the anchor has an epoch";
  if (const auto rule = format::broken_rule(history, c.window, c.anchor + 1); !rule.empty()) return rule;
  const Seq seal = history.back().seal;
  if (c.anchor != seal && c.anchor - seal < c.window) return "the anchor is not in a void";
  if (c.mirror && c.mirror->begins_seq > c.anchor) return "a mirror begins at or below its anchor";
  if (c.mirror && c.mirror->begins_offset > c.mirror->copied_offset)
    return "a mirror ends behind its beginning";
  return {};
}

}  // namespace

std::vector<std::byte> encode_checkpoint(const Checkpoint& checkpoint) {
  const auto history = newest(checkpoint.history);
  VARVE_INVARIANT(broken_rule(checkpoint, history).empty());
  const auto& mirror = checkpoint.mirror;
  std::vector<std::byte> bytes(checkpoint_bytes(history.size()) +
                               (mirror ? mirror_bytes(source_of(*mirror).size()) : 0));
  FieldWriter fields(bytes);
  fields.bytes(std::as_bytes(std::span(checkpoint_magic)));
  fields.field(format_version);
  const std::uint32_t required_flags = mirror ? has_mirror : 0;
  const std::uint32_t no_flags = 0;
  lay_out(fields, required_flags, no_flags, checkpoint);
  write_history(fields, history);
  if (mirror) write_mirror(fields, *mirror);
  finish_envelope(bytes);
  return bytes;
}

Result<Checkpoint> decode_checkpoint(std::span<const std::byte> bytes) {
  if (auto error = check_envelope(bytes, checkpoint_magic, what)) return *std::move(error);
  FieldReader fields(bytes.first(bytes.size() - crc32c_bytes));
  fields.take(sizeof(checkpoint_magic) + sizeof(format_version));
  std::uint32_t required_flags = 0;
  std::uint32_t optional_flags = 0;
  Checkpoint checkpoint;
  lay_out(fields, required_flags, optional_flags, checkpoint);
  checkpoint.history = read_history(fields);
  if ((required_flags & ~has_mirror) != 0) return unknown_required_flags(what, required_flags);
  if ((required_flags & has_mirror) != 0) checkpoint.mirror = read_mirror(fields);
  if (!fields.only_zeros()) return reserved_bytes_used(what);
  if (fields.ran_out() || fields.left() != 0) {
    return Error(Code::corruption,
                 fmt::format("the checkpoint has the wrong length: {} bytes", bytes.size()));
  }
  if (const auto rule = broken_rule(checkpoint, checkpoint.history); !rule.empty()) {
    return Error(Code::corruption,
                 fmt::format("the checkpoint is impossible: it breaks the rule that {}", rule));
  }
  return checkpoint;
}

}  // namespace varve::format
