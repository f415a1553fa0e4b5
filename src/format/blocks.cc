#include "format/blocks.h"

#include <fmt/format.h>
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/invariant.h"
#include "base/mutant.h"
#include "base/no_memory.h"
#include "format/crc.h"

namespace varve::format {
namespace {

char* as_chars(std::byte* bytes) { return reinterpret_cast<char*>(bytes); }
const char* as_chars(const std::byte* bytes) { return reinterpret_cast<const char*>(bytes); }

/// Below this gain a block stays as it is: whoever reads it saves the work.
constexpr std::size_t gain_divisor = 32;

}  // namespace

struct Packer::Codecs {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> zstd{ZSTD_createCCtx()};
  std::vector<std::byte> lz4 = std::vector<std::byte>(static_cast<std::size_t>(LZ4_sizeofState()));
};

Packer::Packer() : codecs_(std::make_unique<Codecs>()) {
  if (!codecs_->zstd) throw std::bad_alloc();
}
Packer::~Packer() = default;

// Into `scratch_`: how many bytes; 0 if they would be more than `bytes_max`, or there is no memory for it.
std::size_t Packer::compress(std::span<const std::byte> block, const Packing& packing,
                             std::size_t bytes_max) {
  VARVE_INVARIANT(scratch_.size() >= bytes_max);
  if (packing.codec == Codec::lz4) {
    const int bytes = LZ4_compress_fast_extState(
        codecs_->lz4.data(), as_chars(block.data()), as_chars(scratch_.data()),
        static_cast<int>(block.size()), static_cast<int>(bytes_max), packing.level < 0 ? -packing.level : 1);
    return static_cast<std::size_t>(std::max(bytes, 0));
  }
  const std::size_t bytes = ZSTD_compressCCtx(codecs_->zstd.get(), scratch_.data(), bytes_max, block.data(),
                                              block.size(), packing.level);
  return ZSTD_isError(bytes) != 0 ? 0 : bytes;
}

std::size_t Packer::packed_bytes(std::span<const std::byte> bytes, const Packing& packing) {
  if (bytes.empty() || packing.codec == Codec::none) return bytes.size();
  if (scratch_.size() < bytes.size()) scratch_.resize(bytes.size());
  const std::size_t packed = compress(bytes, packing, bytes.size() - 1);
  return packed == 0 ? bytes.size() : packed;
}

// A block's result never reaches beyond the block's own place, so what follows is still as it was.
std::optional<PackedBody> Packer::pack(std::span<std::byte> body, const Packing& packing) {
  VARVE_INVARIANT(!body.empty() && body.size() % 8 == 0 && body.size() <= packed_body_bytes_max);
  VARVE_INVARIANT(packing.codec != Codec::none && packing.block_log2 >= block_log2_min &&
                  packing.block_log2 <= block_log2_max);
  const std::size_t block_bytes = std::size_t{1} << packing.block_log2;
  const std::size_t count = (body.size() + block_bytes - 1) / block_bytes;
  // What the first block that shrinks must gain pays for all of them: so there is no way back to need.
  const std::size_t price = count * sizeof(BlockEntry) + 8;
  // All memory is taken before the first byte changes.
  PackedBody packed;
  packed.blocks.reserve(count);
  if (scratch_.size() < block_bytes) scratch_.resize(block_bytes);
  std::size_t end = 0;
  bool shrunk = false;
  for (std::size_t begin = 0; begin < body.size(); begin += block_bytes) {
    const auto block = body.subspan(begin, std::min(block_bytes, body.size() - begin));
    const std::size_t gain_min = std::max(block.size() / gain_divisor, price);
    const std::size_t bytes =
        block.size() <= gain_min ? 0 : compress(block, packing, block.size() - gain_min);
    shrunk = shrunk || bytes > 0;
    const std::size_t stored = bytes == 0 ? block.size() : bytes;
    const std::byte* const from = bytes == 0 ? block.data() : scratch_.data();
    if (from != &body[end]) std::memmove(&body[end], from, stored);
    const std::uint32_t crc = crc32c(body.subspan(end, stored));
    end += stored;
    packed.blocks.push_back({.end = static_cast<std::uint32_t>(header_bytes + end), .crc = crc});
  }
  if (!shrunk) return std::nullopt;
  const std::size_t filled = (end + 7) / 8 * 8;
  std::ranges::fill(body.subspan(end, filled - end), std::byte{0});
  packed.packed_end = header_bytes + filled;
  return packed;
}

BlockRange blocks_around(const Header& header, std::uint64_t begin, std::uint64_t end) {
  return {.first = (begin - header_bytes) >> header.block_log2,
          .past = std::min<std::size_t>(((end - header_bytes - 1) >> header.block_log2) + 1,
                                        block_count(header))};
}

Extent stored_extent(std::span<const BlockEntry> blocks, BlockRange range) {
  return {.begin = range.first == 0 ? header_bytes : blocks[range.first - 1].end,
          .end = blocks[range.past - 1].end};
}

Extent body_extent(const Header& header, BlockRange range) {
  return {.begin = header_bytes + (std::uint64_t{range.first} << header.block_log2),
          .end = std::min(header.body_end, header_bytes + (std::uint64_t{range.past} << header.block_log2))};
}

namespace {

class BlockReader {
 public:
  explicit BlockReader(Codec codec) : codec_(codec) {
    if (codec == Codec::zstd) zstd_.reset(ZSTD_createDCtx());
  }
  [[nodiscard]] bool has_memory() const { return codec_ != Codec::zstd || zstd_ != nullptr; }

  /// Whether `stored` became just `out`.
  [[nodiscard]] bool read(std::span<const std::byte> stored, std::span<std::byte> out) const {
    if (stored.size() == out.size()) {
      std::memcpy(out.data(), stored.data(), out.size());
      return true;
    }
    const std::size_t bytes = decompress(stored, out);
    return bytes == out.size() || (bytes < out.size() && mutated(Mutant::block_length_trusted));
  }

 private:
  // How many bytes it became; more than there is room for, if it is none of the codec's.
  [[nodiscard]] std::size_t decompress(std::span<const std::byte> stored, std::span<std::byte> out) const {
    if (codec_ == Codec::lz4) {
      const int bytes = LZ4_decompress_safe(as_chars(stored.data()), as_chars(out.data()),
                                            static_cast<int>(stored.size()), static_cast<int>(out.size()));
      return bytes < 0 ? SIZE_MAX : static_cast<std::size_t>(bytes);
    }
    const std::size_t bytes =
        ZSTD_decompressDCtx(zstd_.get(), out.data(), out.size(), stored.data(), stored.size());
    return ZSTD_isError(bytes) != 0 ? SIZE_MAX : bytes;
  }

  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  Codec codec_;
  std::unique_ptr<ZSTD_DCtx, Free> zstd_;
};

}  // namespace

Result<void> unpack(std::span<const std::byte> stored, const Header& header,
                    std::span<const BlockEntry> blocks, BlockRange range, std::span<std::byte> out) {
  const Extent extent = stored_extent(blocks, range);
  const Extent body = body_extent(header, range);
  VARVE_INVARIANT(out.size() == body.end - body.begin);
  const auto damaged = [&](std::size_t block, std::string_view how) {
    return Error(Code::corruption, fmt::format("block {} of object {} (byte {}) {}", block, header.seq,
                                               stored_extent(blocks, {block, block + 1}).begin, how));
  };
  if (stored.size() != extent.end - extent.begin) return damaged(range.first, "is cut off");
  const BlockReader reader(header.codec);
  if (!reader.has_memory()) return no_memory();
  for (std::size_t block = range.first; block < range.past; ++block) {
    const Extent at = stored_extent(blocks, {block, block + 1});
    const Extent to = body_extent(header, {block, block + 1});
    const auto bytes = stored.subspan(at.begin - extent.begin, at.end - at.begin);
    if (crc32c(bytes) != blocks[block].crc && !mutated(Mutant::block_crc_unchecked))
      return damaged(block, "is damaged: wrong checksum");
    if (!reader.read(bytes, out.subspan(to.begin - body.begin, to.end - to.begin)))
      return damaged(block, "is not what it says: it does not decompress to its length");
  }
  return {};
}

Result<void> unpack_body(std::span<const std::byte> object, const Header& header, std::span<std::byte> out) {
  if (object.size() != header.object_bytes) {
    return Error(Code::corruption, fmt::format("object {} is {} bytes long, its header says {}", header.seq,
                                               object.size(), header.object_bytes));
  }
  const auto blocks = decode_blocks(object, header);
  if (!blocks) return blocks.error();
  const BlockRange all{.first = 0, .past = blocks->size()};
  const Extent at = stored_extent(*blocks, all);
  const auto rest = object.subspan(at.end, header.packed_end - at.end);
  if (std::ranges::any_of(rest, [](std::byte each) { return each != std::byte{0}; })) {
    return Error(Code::corruption,
                 fmt::format("object {} is damaged: the bytes behind its blocks are not zero", header.seq));
  }
  return unpack(object.subspan(at.begin, at.end - at.begin), header, *blocks, all, out);
}

}  // namespace varve::format
