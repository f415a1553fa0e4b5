#include "format/blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;
using samples::Claim;
using testing::HasSubstr;

constexpr std::size_t block_bytes = std::size_t{1} << 16;

Bytes noise(std::size_t bytes, unsigned seed = 1) {
  std::mt19937 random(seed);
  Bytes made(bytes);
  std::ranges::generate(made, [&] { return static_cast<std::byte>(random()); });
  return made;
}

Packing packing_of(Codec codec) { return {.codec = codec, .level = 1, .block_log2 = 16}; }

// Of three blocks, the one in the middle does not shrink.
Bytes mixed_object(Header& header, Codec codec) {
  const std::vector<Claim> claims{{.payload = Bytes(block_bytes - 8, std::byte{'a'})},
                                  {.payload = noise(block_bytes - 8)},
                                  {.payload = Bytes(5'000, std::byte{'c'})}};
  return samples::packed_object(header, claims, packing_of(codec));
}

TEST(Blocks, ThatDoNotShrinkAreStoredAsTheyAre) {
  for (const Codec codec : {Codec::lz4, Codec::zstd}) {
    Header header = samples::data_header();
    const Bytes object = mixed_object(header, codec);
    const auto blocks = decode_blocks(object, header).value();
    ASSERT_EQ(blocks.size(), 3U);
    EXPECT_LT(blocks[0].end, header_bytes + 1'000);
    EXPECT_EQ(blocks[1].end - blocks[0].end, block_bytes);
    EXPECT_TRUE(samples::read_data(object)) << to_string(codec);
  }
}

TEST(Blocks, AreReadOneByOne) {
  for (const Codec codec : {Codec::lz4, Codec::zstd}) {
    Header plain = samples::data_header();
    std::vector<Claim> claims;
    for (unsigned i = 0; i < 300; ++i)
      claims.push_back({.payload = i % 3 == 0 ? noise(1'000, i) : Bytes(1'500, static_cast<std::byte>(i))});
    const Bytes as_is = samples::data_object(plain, claims);
    Header header = samples::data_header();
    const Bytes object = samples::packed_object(header, claims, packing_of(codec));
    const auto blocks = decode_blocks(object, header).value();
    ASSERT_GT(blocks.size(), 4U);
    for (std::size_t first = 0; first < blocks.size(); ++first) {
      for (std::size_t past = first + 1; past <= blocks.size(); ++past) {
        const Extent at = stored_extent(blocks, {first, past});
        const Extent to = body_extent(header, {first, past});
        Bytes out(to.end - to.begin);
        const auto stored = std::span(object).subspan(at.begin, at.end - at.begin);
        ASSERT_TRUE(unpack(stored, header, blocks, {first, past}, out));
        EXPECT_TRUE(std::ranges::equal(out, std::span(as_is).subspan(to.begin, out.size())));
      }
    }
  }
}

TEST(Blocks, AroundAStretchHoldItAndNoMore) {
  Header header = samples::data_header();
  const Bytes object = mixed_object(header, Codec::lz4);
  const auto expect = [&](std::uint64_t begin, std::uint64_t end, std::size_t first, std::size_t past) {
    const BlockRange range = blocks_around(header, header_bytes + begin, header_bytes + end);
    EXPECT_EQ(range.first, first) << begin << " " << end;
    EXPECT_EQ(range.past, past) << begin << " " << end;
  };
  expect(0, 8, 0, 1);
  expect(0, block_bytes, 0, 1);
  expect(0, block_bytes + 8, 0, 2);
  expect(block_bytes, 2 * block_bytes, 1, 2);
  expect(block_bytes - 8, 2 * block_bytes + 8, 0, 3);
  expect(2 * block_bytes, header.body_end - header_bytes, 2, 3);
}

TEST(Blocks, LeaveABodyThatDoesNotShrinkAsItIs) {
  Packer packer;
  for (const Codec codec : {Codec::lz4, Codec::zstd}) {
    for (const std::size_t bytes : {std::size_t{8}, std::size_t{64}, 3 * block_bytes + 24}) {
      Bytes body = noise(bytes);
      const Bytes before = body;
      EXPECT_FALSE(packer.pack(body, packing_of(codec))) << bytes;
      EXPECT_EQ(body, before) << bytes;
    }
  }
}

// Its many entries cost more than the last block, all that shrinks, would gain.
TEST(Blocks, CostWhatTheyMustGain) {
  Packer packer;
  Bytes body = noise(64 * block_bytes);
  body.insert(body.end(), 400, std::byte{0});
  const Bytes before = body;
  EXPECT_FALSE(packer.pack(body, packing_of(Codec::lz4)));
  EXPECT_EQ(body, before);
  body.insert(body.end(), 4'000, std::byte{0});
  const auto packed = packer.pack(body, packing_of(Codec::lz4));
  ASSERT_TRUE(packed);
  EXPECT_LT(packed->packed_end + packed->blocks.size() * sizeof(BlockEntry), header_bytes + body.size());
}

TEST(Blocks, TellBeforehandWhatTheyTake) {
  Packer packer;
  const Bytes random = noise(20'000);
  EXPECT_EQ(packer.packed_bytes(random, packing_of(Codec::zstd)), random.size());
  EXPECT_EQ(packer.packed_bytes(random, {}), random.size());
  EXPECT_LT(packer.packed_bytes(Bytes(20'000), packing_of(Codec::lz4)), 200U);
  EXPECT_EQ(packer.packed_bytes({}, packing_of(Codec::lz4)), 0U);
}

// The checksums hold, and yet: made wrong, or on purpose.
TEST(Blocks, ThatDecompressToAnotherLengthAreCorruption) {
  for (const Codec codec : {Codec::lz4, Codec::zstd}) {
    Header header = samples::data_header();
    const Bytes object = mixed_object(header, codec);
    auto blocks = decode_blocks(object, header).value();
    Bytes out(block_bytes - 8);
    Header shorter = header;
    shorter.body_end = header_bytes + out.size();
    const auto stored = std::span(object).subspan(header_bytes, blocks[0].end - header_bytes);
    EXPECT_FALSE(unpack(stored, shorter, blocks, {0, 1}, out)) << "longer than its place";

    // A whole block where half of one is said to be.
    Packer packer;
    Bytes half(block_bytes / 2, std::byte{'a'});
    const auto packed = packer.pack(half, packing_of(codec)).value();
    Bytes whole(block_bytes);
    Header longer = header;
    const auto of_half = std::span(half).first(packed.blocks[0].end - header_bytes);
    const auto read = unpack(of_half, longer, packed.blocks, {0, 1}, whole);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), Code::corruption);
    EXPECT_THAT(read.error().message(), HasSubstr("block 0 of object 200"));
  }
}

TEST(Blocks, WithAWrongChecksumAreNotDecompressed) {
  Header header = samples::data_header();
  const Bytes object = mixed_object(header, Codec::zstd);
  auto blocks = decode_blocks(object, header).value();
  blocks[1].crc ^= 1;
  Bytes out(header.body_end - header_bytes);
  const BlockRange all{.first = 0, .past = 3};
  const Extent at = stored_extent(blocks, all);
  const auto read = unpack(std::span(object).subspan(at.begin, at.end - at.begin), header, blocks, all, out);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), HasSubstr("block 1"));
}

TEST(Blocks, ThatNoWriterMakesAreCorruption) {
  Header header = samples::data_header();
  const Bytes object = mixed_object(header, Codec::lz4);
  const auto index = decode_trailer(object, header).value();
  const auto good = decode_blocks(object, header).value();
  const auto decoded = [&](const std::vector<BlockEntry>& blocks) {
    Bytes trailer(trailer_bytes(header));
    encode_trailer(index, blocks, trailer);
    return decode_blocks(trailer, header);
  };
  ASSERT_TRUE(decoded(good));
  const auto expect_refused = [&](std::size_t block, std::uint32_t end) {
    std::vector<BlockEntry> blocks = good;
    blocks[block].end = end;
    EXPECT_FALSE(decoded(blocks)) << block << ": " << end;
  };
  expect_refused(0, header_bytes);                                       // empty
  expect_refused(0, header_bytes - 8);                                   // before the body
  expect_refused(0, header_bytes + block_bytes + 1);                     // longer than it is uncompressed
  expect_refused(1, good[0].end);                                        // empty
  expect_refused(1, 0xffff'ffff);                                        // beyond everything
  expect_refused(2, static_cast<std::uint32_t>(header.packed_end) + 1);  // beyond the blocks
  expect_refused(2, static_cast<std::uint32_t>(header.packed_end) - 8);  // ends too soon
}

}  // namespace
}  // namespace varve::format
