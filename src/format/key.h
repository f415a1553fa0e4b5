// The names of a log's objects in the store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "format/header.h"

namespace varve::format {

/// "<log>/wal/": what every object of the chain is listed under.
[[nodiscard]] std::string wal_prefix(std::string_view log_path);

/// "<log>/wal/<seq, 20 digits>": names sort as their seqs do.
[[nodiscard]] std::string wal_key(std::string_view log_path, Seq seq);

/// The seq in `key`; nothing if `key` is not exactly what `wal_key` makes for this log.
[[nodiscard]] std::optional<Seq> seq_of_key(std::string_view log_path, std::string_view key);

/// "<log>/checkpoint".
[[nodiscard]] std::string checkpoint_key(std::string_view log_path);

}  // namespace varve::format
