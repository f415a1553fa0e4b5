#include "format/epochs.h"

#include "format/fields.h"

namespace varve::format {

std::span<const EpochEntry> newest(const EpochHistory& history) {
  return std::span(history).last(std::min(history.size(), max_epochs));
}

void write_history(FieldWriter& fields, std::span<const EpochEntry> history) {
  fields.field(static_cast<std::uint32_t>(history.size()));
  for (const EpochEntry& epoch : history) {
    fields.field(epoch.seal);
    fields.field(epoch.first_offset);
    fields.field(epoch.flags);
  }
}

EpochHistory read_history(FieldReader& fields) {
  std::uint32_t count = 0;
  fields.field(count);
  // One more than allowed is enough to be refused, and keeps a wild count from allocating.
  EpochHistory history(std::min<std::size_t>(count, max_epochs + 1));
  for (EpochEntry& epoch : history) {
    fields.field(epoch.seal);
    fields.field(epoch.first_offset);
    fields.field(epoch.flags);
  }
  return history;
}

std::string_view broken_rule(std::span<const EpochEntry> history, std::uint32_t window, Seq end) {
  if (history.size() > max_epochs) return "a history has at most 1024 epochs";
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (history[i].seal >= end) return "the seals in a history come before what holds it";
    if (i == 0) continue;
    const EpochEntry& before = history[i - 1];
    if (history[i].seal < before.seal || history[i].seal - before.seal < window) {
      return "seals are a window apart at least";
    }
    if (history[i].first_offset < before.first_offset) return "offsets only grow";
  }
  return {};
}

}  // namespace varve::format
