// Listings that are not one moment: each name is reported as of a moment of its own, between request and
// answer, as the interface of a store allows (varve/store.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "varve/store.h"

namespace varve::object_store {

/// Which of the moments counts for a name.
enum class ListingOrder : std::uint8_t {
  front_first,  ///< the smallest names as of the first moment, the largest as of the last
  back_first,   ///< the other way round
  in_shards,    ///< by a hash of the name, as of an index in several parts
};

/// What there was at one moment.
using NamesAtAMoment = std::map<std::string, std::uint64_t>;

/// The page of a listing for which `moments` were looked at, one after the other.
[[nodiscard]] Listing split_listing(std::span<const NamesAtAMoment> moments, ListingOrder order,
                                    std::uint32_t limit);

}  // namespace varve::object_store
