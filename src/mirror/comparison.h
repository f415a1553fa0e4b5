// What lies at one place of two logs, and in what it differs.
#pragma once

#include <optional>

#include "courier/courier.h"
#include "reader/place.h"

namespace varve::mirror {

/// The header that lies at `seq`; nothing where nothing lies.
Result<std::optional<format::Header>> header_at(const courier::Courier& log, Seq seq,
                                                const reader::Patience& patience);

/// `foreign`: says in what the two objects, of the same place, differ.
[[nodiscard]] Error differ(const courier::Courier& source, const courier::Courier& destination,
                           const format::Header& theirs, const format::Header& ours);

}  // namespace varve::mirror
