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

/// The rule that `c` breaks; empty for a possible one.
std::string_view broken_rule(const Checkpoint& c, std::span<const EpochEntry> history) {
  if (c.window < 1 || c.window > max_window) return "the window is 1 to 1024";
  if (c.anchor > std::numeric_limits<Seq>::max() - c.window) return "there is a next seq";
  if (c.swept_below > c.anchor) return "only what is below the anchor was swept";
  if (history.empty()) return "the anchor has an epoch";
  if (const auto rule = format::broken_rule(history, c.window, c.anchor + 1); !rule.empty()) return rule;
  const Seq seal = history.back().seal;
  if (c.anchor != seal && c.anchor - seal < c.window) return "the anchor is not in a void";
  return {};
}

}  // namespace

std::vector<std::byte> encode_checkpoint(const Checkpoint& checkpoint) {
  const auto history = newest(checkpoint.history);
  VARVE_INVARIANT(broken_rule(checkpoint, history).empty());
  std::vector<std::byte> bytes(checkpoint_bytes(history.size()));
  FieldWriter fields(bytes);
  fields.bytes(std::as_bytes(std::span(checkpoint_magic)));
  fields.field(format_version);
  const std::uint32_t no_flags = 0;
  lay_out(fields, no_flags, no_flags, checkpoint);
  write_history(fields, history);
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

  if (required_flags != 0) return unknown_required_flags(what, required_flags);
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
