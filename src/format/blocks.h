// The body of a DATA object, compressed: block by block, so that one record can be had without the others.
//
// The body, as it is laid out, is cut into blocks of 2^`block_log2` bytes, the last one shorter. Each is
// stored compressed, or, where that takes no less, as it is: then it takes just as many bytes, and that is
// how one knows. Blocks follow each other without gaps; zeros fill up to a multiple of 8. Where each ends,
// and its checksum, stands in the trailer (`BlockEntry`).
//
// Positions that the index and the records know are those of the body as it was laid out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "format/header.h"
#include "format/trailer.h"

namespace varve::format {

/// How to compress. The level is the codec's own; more is slower. LZ4: 1, and below 0 faster ones.
struct Packing {
  Codec codec = Codec::none;
  int level = 1;
  std::uint32_t block_log2 = 18;

  friend bool operator==(const Packing&, const Packing&) = default;
};

/// What a body has become.
struct PackedBody {
  std::uint64_t packed_end = 0;  ///< as in the header
  std::vector<BlockEntry> blocks;
};

/// Compresses. Holds what the codecs work with, some MiB at higher levels. Not thread-safe.
class Packer {
 public:
  Packer();
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  /// Compresses `body` (1 to `packed_body_bytes_max` bytes, a multiple of 8) where it lies: what is left
  /// of it begins at its front. Nothing, and not a byte of it changed, if the object would not become
  /// shorter, its longer trailer counted. Throws when there is no memory; then nothing is changed either.
  std::optional<PackedBody> pack(std::span<std::byte> body, const Packing& packing);

  /// What `bytes` take when they are compressed; `bytes.size()` if that is not less.
  std::size_t packed_bytes(std::span<const std::byte> bytes, const Packing& packing);

 private:
  struct Codecs;
  std::size_t compress(std::span<const std::byte> block, const Packing& packing, std::size_t bytes_max);

  std::unique_ptr<Codecs> codecs_;
  std::vector<std::byte> scratch_;
};

/// A stretch of an object's blocks: [first, past).
struct BlockRange {
  std::size_t first = 0;
  std::size_t past = 0;
};

/// The blocks that hold bytes [`begin`, `end`) of the body; positions as in the index.
[[nodiscard]] BlockRange blocks_around(const Header& header, std::uint64_t begin, std::uint64_t end);

/// Where these blocks lie: in the object, and in the object as it was before it was compressed.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
[[nodiscard]] Extent stored_extent(std::span<const BlockEntry> blocks, BlockRange range);
[[nodiscard]] Extent body_extent(const Header& header, BlockRange range);

/// Decompresses the blocks of `range` from `stored`, their stored extent, into `out`, which is as long as
/// their body extent. No byte is decompressed whose checksum does not hold. `header` and `blocks` are of one
/// sound object. Errors: `corruption`, `no_memory`.
Result<void> unpack(std::span<const std::byte> stored, const Header& header,
                    std::span<const BlockEntry> blocks, BlockRange range, std::span<std::byte> out);

/// The whole body of `object`, whose header is `header`, compressed by some codec; `out` has
/// `body_end - header_bytes` bytes. Everything between header and trailer is checked. Errors: `corruption`.
Result<void> unpack_body(std::span<const std::byte> object, const Header& header, std::span<std::byte> out);

}  // namespace varve::format
