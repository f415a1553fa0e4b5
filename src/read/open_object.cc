#include "read/open_object.h"

#include <algorithm>
#include <utility>

#include "format/trailer.h"
#include "read/decompressed.h"

namespace varve::read {

namespace {

// Records from `first` on, if the object, as it is stored, has an index that leads there; else from the front
// of `object`, which is decompressed.
format::RecordCursor cursor_near(std::span<const std::byte> stored, std::span<const std::byte> object,
                                 const format::Header& header, Offset first) {
  if (first > header.first_offset && stored.size() == header.object_bytes) {
    if (const auto index = format::decode_trailer(stored, header)) {
      const Offset wanted = first - header.first_offset;
      const auto after = std::ranges::upper_bound(*index, wanted, {}, &format::IndexEntry::record);
      if (after != index->begin()) {
        const format::IndexEntry from = *(after - 1);
        const format::IndexEntry to{.record = header.record_count,
                                    .position = static_cast<std::uint32_t>(header.body_end)};
        return {object.subspan(from.position, to.position - from.position), header, from, to};
      }
    }
  }
  return {object, header};
}

}  // namespace

Result<void> OpenObject::open(const Bytes& stored, const format::Header& header, Offset first) {
  Result<Bytes> readable = unpacked(stored, header, *memory_);
  if (!readable) return readable.error();
  cursor_.emplace(cursor_near(stored.data, readable->data, header, first));
  bytes_ = *std::move(readable);
  seq_ = header.seq;
  time_unix_ms_ = header.created_unix_ms;
  history_ = format::hash_of(header);
  return {};
}

}  // namespace varve::read
