#include "read/object_cache.h"

#include <limits>

namespace varve::read {

std::size_t ObjectCache::bytes_of(const Object& object) {
  // Nodes of a list and a map: two pointers, and three and a colour; and what malloc adds to each allocation.
  constexpr std::size_t malloc_bytes = 16;
  constexpr std::size_t list_node = sizeof(Object) + 2 * sizeof(void*) + malloc_bytes;
  constexpr std::size_t map_node = sizeof(ByOffset::value_type) + 4 * sizeof(void*) + malloc_bytes;
  constexpr std::size_t index_itself = sizeof(ObjectIndex) + 3 * malloc_bytes;
  const std::size_t index_bytes =
      object.index ? object.index->records.size() * sizeof(format::IndexEntry) +
                         object.index->blocks.size() * sizeof(format::BlockEntry) + index_itself
                   : 0;
  return list_node + map_node + index_bytes;
}

std::optional<ObjectCache::Object> ObjectCache::holding(Offset offset) {
  const auto after = by_offset_.upper_bound({offset, std::numeric_limits<Seq>::max()});
  if (after == by_offset_.begin()) return std::nullopt;
  const Uses::iterator object = std::prev(after)->second;
  if (offset >= object->header.end_offset()) return std::nullopt;
  uses_.splice(uses_.begin(), uses_, object);
  return *object;
}

std::vector<format::Header> ObjectCache::around(Offset offset) const {
  std::vector<format::Header> near;
  const auto after = by_offset_.upper_bound({offset, std::numeric_limits<Seq>::max()});
  if (after != by_offset_.begin()) near.push_back(std::prev(after)->second->header);
  if (after != by_offset_.end()) near.push_back(after->second->header);
  return near;
}

void ObjectCache::add(const format::Header& header, Index index) {
  if (const auto known = by_offset_.find(key_of(header)); known != by_offset_.end()) {
    if (!index) index = known->second->index;
    erase(known);
  }
  uses_.push_front({header, std::move(index)});
  by_offset_.emplace(key_of(header), uses_.begin());
  bytes_ += bytes_of(uses_.front());
  while (bytes_ > bytes_max_) erase(by_offset_.find(key_of(uses_.back().header)));
}

void ObjectCache::clear() {
  uses_.clear();
  by_offset_.clear();
  bytes_ = 0;
}

void ObjectCache::forget(const format::Header& header) {
  if (const auto known = by_offset_.find(key_of(header)); known != by_offset_.end()) erase(known);
}

void ObjectCache::erase(ByOffset::iterator at) {
  bytes_ -= bytes_of(*at->second);
  uses_.erase(at->second);
  by_offset_.erase(at);
}

}  // namespace varve::read
