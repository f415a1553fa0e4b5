#include "read/decompressed.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "base/no_memory.h"
#include "format/blocks.h"

namespace varve::read {

Result<Bytes> unpacked(const Bytes& object, const format::Header& header, object_store::BodyMemory& memory) {
  if (header.codec == format::Codec::none) return object;
  // Before memory is taken on the word of a header alone.
  if (object.data.size() != header.object_bytes) {
    return Error(Code::corruption, fmt::format("object {} is {} bytes long, its header says {}", header.seq,
                                               object.data.size(), header.object_bytes));
  }
  std::shared_ptr<std::byte[]> owner = memory.take(header.body_end);
  if (!owner) return no_memory();
  const std::span<std::byte> whole(owner.get(), header.body_end);
  std::memcpy(whole.data(), object.data.data(), format::header_bytes);
  const Result<void> done = format::unpack_body(object.data, header, whole.subspan(format::header_bytes));
  if (!done) return done.error();
  return Bytes{.data = whole, .owner = std::move(owner)};
}

}  // namespace varve::read
