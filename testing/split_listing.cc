#include "testing/split_listing.h"

namespace varve::object_store {
namespace {

/// The same on every machine, unlike std::hash.
std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char letter : name) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return hash ^ (hash >> 32U);
}

std::size_t moment_of(std::string_view name, std::size_t rank, std::size_t names, std::size_t moments,
                      ListingOrder order) {
  const std::size_t forward = rank * moments / names;
  switch (order) {
    case ListingOrder::front_first:
      return forward;
    case ListingOrder::back_first:
      return moments - 1 - forward;
    case ListingOrder::in_shards:
      return hash_of(name) % moments;
  }
  return 0;
}

}  // namespace

Listing split_listing(std::span<const NamesAtAMoment> moments, ListingOrder order, std::uint32_t limit) {
  NamesAtAMoment ever;
  for (const NamesAtAMoment& moment : moments) ever.insert(moment.begin(), moment.end());
  Listing page;
  std::size_t rank = 0;
  for (const auto& [name, size] : ever) {
    const NamesAtAMoment& then = moments[moment_of(name, rank++, ever.size(), moments.size(), order)];
    const auto found = then.find(name);
    if (found == then.end()) continue;
    if (page.objects.size() == limit) {
      page.truncated = true;
      break;
    }
    page.objects.push_back({name, found->second});
  }
  return page;
}

}  // namespace varve::object_store
