// Whether one log is the beginning of another, and if not, where they part.
#pragma once

#include <optional>

#include "courier/courier.h"
#include "reader/place.h"

namespace varve::mirror {

/// The header that lies at `seq`; nothing where nothing lies.
Result<std::optional<format::Header>> header_at(const courier::Courier& log, Seq seq,
                                                const reader::Patience& patience);

/// Whether the seal that lies at `seal` of `log` was put for a promotion of `place` (docs/protocol.md, Whose
/// promotion?). Not if it is gone.
Result<bool> promoted_by(const courier::Courier& log, Seq seal, const courier::Courier& place,
                         const reader::Patience& patience);

/// `foreign`: says in what the two objects, of the same place, differ.
[[nodiscard]] Error differ(const courier::Courier& source, const courier::Courier& destination,
                           const format::Header& theirs, const format::Header& ours);

/// Whether the chain that `ours` saw at `destination` is the beginning of the source's. Each header carries
/// the hash of the one before it, so one object that is the same stands for all before it. Error: `foreign`,
/// which names the first place that differs.
Result<void> check_prefix(const courier::Courier& source, const chain::TailView& theirs,
                          const courier::Courier& destination, const chain::TailView& ours,
                          const reader::Patience& patience);

}  // namespace varve::mirror
