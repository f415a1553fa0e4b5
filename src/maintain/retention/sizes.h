// How much the objects of a log have, from listings alone.
#pragma once

#include <cstdint>
#include <optional>

#include "log/epoch_map.h"
#include "log/log_store.h"

namespace varve::maintain {

struct Amount {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

/// A log's live part, as a survey saw it. Blocks.
class Sizes {
 public:
  Sizes(const log::LogStore& log_store, const protocol::LogState& view, const maintain::EpochMap& epochs,
        std::uint32_t give_up_ms)
      : log_store_(log_store), view_(view), epochs_(epochs), give_up_ms_(give_up_ms) {}

  /// Of the DATA objects from the lowest live one on, below `below`.
  Result<Amount> below(Seq below) const;

  /// The first DATA object that stays if the newest are to have `max_bytes` at least, as far as there are so
  /// many; nothing: there is none.
  Result<std::optional<Seq>> first_within(std::uint64_t max_bytes) const;

 private:
  template <class Visit>
  Result<void> visit_below(Seq below, const Visit& visit) const;

  const log::LogStore& log_store_;
  const protocol::LogState& view_;
  const maintain::EpochMap& epochs_;
  std::uint32_t give_up_ms_;
};

}  // namespace varve::maintain
