#include "append/object_layout.h"

#include <memory>
#include <vector>

#include "base/invariant.h"
#include "format/trailer.h"

namespace varve::append {

protocol::BatchShape lay_out(Batch& batch, const Compressed* compressed) {
  protocol::BatchShape shape;
  const std::span<const format::IndexEntry> index = batch.index();
  shape.record_count = batch.records();
  shape.body_end = batch.body_end();
  shape.first_append_unix_ms = batch.first_append_unix_ms();
  if (compressed == nullptr || !compressed->is_packed) {
    format::encode_trailer(index, batch.trailer());
    shape.object_bytes = batch.object_bytes();
    return shape;
  }
  const format::PackedBody& packed = compressed->packed;
  shape.codec = compressed->packing.codec;
  shape.block_log2 = compressed->packing.block_log2;
  shape.packed_end = packed.packed_end;
  const std::size_t trailer_bytes = format::trailer_bytes(index.size() + packed.blocks.size());
  format::encode_trailer(index, packed.blocks, {batch.at(packed.packed_end), trailer_bytes});
  shape.object_bytes = packed.packed_end + trailer_bytes;
  VARVE_INVARIANT(shape.object_bytes < batch.object_bytes());
  return shape;
}

EmptyObject empty_object() {
  auto memory = std::make_shared<std::vector<std::byte>>(format::header_bytes + format::trailer_bytes(0));
  format::encode_trailer({}, std::span(*memory).subspan(format::header_bytes));
  return {.object = {*memory, memory}, .header = std::span(*memory).first<format::header_bytes>()};
}

}  // namespace varve::append
