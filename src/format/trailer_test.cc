#include "format/trailer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "format/crc.h"
#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;
using samples::Claim;

constexpr std::size_t stride = index_stride_bytes;

// The definition, word by word and slowly.
std::vector<IndexEntry> index_by_definition(std::span<const Claim> claims, std::uint64_t body_end) {
  std::vector<IndexEntry> index;
  for (std::size_t begin = header_bytes; begin < body_end; begin += stride) {
    IndexEntry entry{.record = 0, .position = header_bytes};
    while (entry.position < begin && entry.record < claims.size()) {
      const Claim& claim = claims[entry.record++];
      entry.position += static_cast<std::uint32_t>(stored_bytes(claim.payload.size()) + claim.unused);
    }
    index.push_back(entry);
  }
  return index;
}

void expect_index_as_defined(const std::vector<std::size_t>& payloads, std::size_t unused = 0) {
  std::vector<Claim> claims;
  for (const std::size_t bytes : payloads) claims.push_back({.payload = Bytes(bytes), .unused = unused});
  Header header = samples::data_header();
  const auto read = samples::read_data(samples::data_object(header, claims));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->index, index_by_definition(claims, header.body_end));
}

TEST(Index, HasTheFirstRecordAtOrAfterEachStride) {
  expect_index_as_defined({});
  expect_index_as_defined({0});
  expect_index_as_defined({stride - 8});                           // exactly one stride
  expect_index_as_defined({stride - 8, 0});                        // a record right at a boundary
  expect_index_as_defined({stride - 16, 0, 0});                    // ends one unit before it
  expect_index_as_defined({stride, 1, 1});                         // crosses it by one unit
  expect_index_as_defined({5 * stride, 100, 3 * stride});          // strides in which none begins
  expect_index_as_defined(std::vector<std::size_t>(3000, 100));    // many
  expect_index_as_defined(std::vector<std::size_t>(30, 7000), 8);  // with padding
  expect_index_as_defined({100, 2 * stride}, stride);              // padding longer than a stride
}

TEST(Index, IsTheSameWhoeverMakesItsEntriesInWhicheverOrder) {
  constexpr std::uint32_t records = 4000;
  constexpr std::size_t bytes = 1000;
  const std::vector<Claim> claims(records, {.payload = Bytes(bytes - 8)});
  const std::size_t body_end = header_bytes + records * bytes;
  std::vector<IndexEntry> index(index_entries(body_end));
  const auto lay_out_every_fourth = [&](std::uint32_t first) {
    for (std::uint32_t i = records - 4 + first; i < records; i -= 4) {
      index_record(index, header_bytes + i * bytes, header_bytes + (i + 1) * bytes, i + 1);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t first = 0; first < 4; ++first) threads.emplace_back(lay_out_every_fourth, first);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(index, index_by_definition(claims, body_end));
}

TEST(Trailer, IsFoundAtTheEndOfAnyTail) {
  Header header = samples::data_header();
  const std::vector<Claim> claims(50, {.payload = Bytes(5000)});
  const Bytes object = samples::data_object(header, claims);
  const std::size_t bytes = object.size() - header.body_end;
  EXPECT_EQ(*decode_trailer(object, header), *decode_trailer(std::span(object).last(bytes), header));
  EXPECT_FALSE(decode_trailer(std::span(object).last(bytes - 1), header));
  EXPECT_FALSE(decode_trailer(std::span(object).first(object.size() - 1), header));
}

TEST(Trailer, WithAnotherCountThanItsBodyHasStridesIsCorruption) {
  Header header = samples::data_header();
  const std::vector<Claim> claims{{.payload = Bytes(2 * stride)}};
  const Bytes object = samples::data_object(header, claims);
  Bytes trailer(object.begin() + static_cast<std::ptrdiff_t>(header.body_end), object.end());
  const std::size_t count_at = index_entries(header.body_end) * 8;
  ASSERT_TRUE(decode_trailer(trailer, header));
  trailer.at(count_at) ^= std::byte{1};
  const std::uint32_t checksum = crc32c(std::span(trailer).first(count_at + 4));
  std::memcpy(&trailer.at(count_at + 4), &checksum, sizeof checksum);
  const auto decoded = decode_trailer(trailer, header);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), Code::corruption);
}

TEST(Trailer, ThatNoWriterMakesIsCorruption) {
  const std::vector<Claim> claims{
      {.payload = Bytes(2 * stride)}, {.payload = Bytes(stride)}, {.payload = Bytes(8)}};
  Header header = samples::data_header();
  const Bytes object = samples::data_object(header, claims);
  const std::vector<IndexEntry> good = *decode_trailer(object, header);
  ASSERT_EQ(good.size(), 4U);
  const auto decoded = [&](const std::vector<IndexEntry>& index) {
    Bytes trailer(trailer_bytes(index.size()));
    encode_trailer(index, trailer);
    return decode_trailer(trailer, header);
  };
  ASSERT_TRUE(decoded(good));

  const auto end = static_cast<std::uint32_t>(header.body_end);
  const auto expect_refused = [&](std::size_t entry, IndexEntry wrong) {
    std::vector<IndexEntry> index = good;
    index[entry] = wrong;
    EXPECT_FALSE(decoded(index)) << entry << ": " << wrong.record << " " << wrong.position;
  };
  expect_refused(0, {.record = 0, .position = 264});                   // not the body's begin
  expect_refused(0, {.record = 1, .position = header_bytes});          // not its first record
  expect_refused(1, {.record = 0, .position = header_bytes});          // before its stride
  expect_refused(1, {.record = 0, .position = good[1].position});      // no new number
  expect_refused(1, {.record = 4, .position = good[1].position});      // no such number
  expect_refused(1, {.record = 1, .position = good[1].position + 4});  // out of step
  expect_refused(1, {.record = 1, .position = end});                   // the end, but not the last
  expect_refused(2, {.record = 2, .position = good[2].position + 8});  // passes over one that was there
  expect_refused(3, {.record = 2, .position = end + 8});               // beyond the body
  std::vector<IndexEntry> short_one(good.begin(), good.end() - 1);
  EXPECT_FALSE(decoded(short_one));
}

}  // namespace
}  // namespace varve::format
