#include "format/header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;
using testing::HasSubstr;

Bytes encoded(const Header& header) {
  Bytes bytes(header_bytes);
  encode_header(header, std::span(bytes).first<header_bytes>());
  return bytes;
}

Header sample() {
  Header header = samples::data_header();
  samples::data_object(header, samples::small_claims());
  return header;
}

// The sample with one byte of its encoding changed and the checksum made to hold again.
Result<Header> with_byte(std::size_t position, std::uint8_t value) {
  Bytes bytes = encoded(sample());
  bytes[position] = static_cast<std::byte>(value);
  samples::mend_checksum(bytes);
  return decode_header(bytes);
}

void expect_error(const Result<Header>& result, Code code, const char* part) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), code) << result.error().message();
  EXPECT_THAT(result.error().message(), HasSubstr(part));
}

TEST(Header, ComesBack) { EXPECT_EQ(*decode_header(encoded(sample())), sample()); }

TEST(Header, KeepsOptionalFlagsItDoesNotKnow) {
  Header header = sample();
  header.flags |= 1U << 31;
  EXPECT_EQ(*decode_header(encoded(header)), header);
}

TEST(Header, ShorterThanItselfIsCorruption) {
  const Bytes bytes = encoded(sample());
  for (std::size_t length = 0; length < header_bytes; ++length) {
    ASSERT_EQ(decode_header(std::span(bytes).first(length)).error().code(), Code::corruption) << length;
  }
}

TEST(Header, OfSomethingElseIsForeign) {
  expect_error(decode_header(Bytes(1000)), Code::foreign, "no Varve object");
  expect_error(decode_header(samples::bytes_of(std::string(300, '<'))), Code::foreign, "no Varve object");
}

TEST(Header, OfTheFutureAsksForAnUpgrade) {
  expect_error(with_byte(8, 2), Code::unsupported, "version 2, this program knows up to 1: upgrade");
  expect_error(with_byte(12, 1), Code::unsupported, "upgrade");
  expect_error(with_byte(168, 3), Code::unsupported, "codec 3");
  expect_error(with_byte(184, 1), Code::unsupported, "reserve");
  expect_error(with_byte(251, 1), Code::unsupported, "reserve");
}

TEST(Header, WithAFlippedVersionIsDamagedNotNew) {
  Bytes bytes = encoded(sample());
  bytes[8] ^= std::byte{2};
  expect_error(decode_header(bytes), Code::corruption, "checksum");
}

TEST(Header, WithImpossibleFixedFieldsIsCorruption) {
  expect_error(with_byte(8, 0), Code::corruption, "version 0");
  expect_error(with_byte(10, 3), Code::corruption, "DATA or SEAL");
  expect_error(with_byte(20, 8), Code::corruption, "bytes");
}

// Overwrites a field of an encoded header, as `encode_header` would refuse to.
void put(Bytes& bytes, std::size_t position, std::size_t width, std::uint64_t value) {
  for (std::size_t i = 0; i < width; ++i) bytes[position + i] = static_cast<std::byte>(value >> (8 * i));
  samples::mend_checksum(bytes);
}

TEST(Header, ThatNoWriterMakesIsCorruption) {
  struct Case {
    const char* what;
    std::size_t position, width;
    std::uint64_t value;
  };
  constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  for (const Case& c : {
           Case{"flag of a seal on DATA", 16, 4, flag::ahead},
           Case{"seq at the end of numbers", 56, 8, huge - 3},
           Case{"seq within the void", 56, 8, 163},
           Case{"epoch after the seq", 64, 8, 201},
           Case{"offsets past the end of numbers", 72, 8, huge - 1},
           Case{"first offset below the durable", 72, 8, 4899},
           Case{"more records than the body has room for", 80, 4, 1000},
           Case{"a body and no records", 80, 4, 0},
           Case{"window 0", 84, 4, 0},
           Case{"window too wide", 84, 4, 1025},
           Case{"body within the header", 88, 8, 248},
           Case{"body end past the object", 88, 8, 10000},
           Case{"body end out of step", 88, 8, 300},
           Case{"object too long", 96, 8, 10000},
           Case{"start beyond the durable", 104, 8, 4901},
           Case{"live above the anchor", 112, 8, 191},
           Case{"anchor not durable", 120, 8, 191},
           Case{"durable beyond itself", 128, 8, 201},
           Case{"durable offset beyond itself", 136, 8, 5001},
           Case{"a codec and no blocks", 168, 4, 1},
           Case{"block size without a codec", 172, 4, 16},
           Case{"blocks without a codec", 176, 8, 264},
       }) {
    Bytes bytes = encoded(sample());
    put(bytes, c.position, c.width, c.value);
    const auto decoded = decode_header(bytes);
    ASSERT_FALSE(decoded) << c.what;
    EXPECT_EQ(decoded.error().code(), Code::corruption) << c.what;
    EXPECT_THAT(decoded.error().message(), HasSubstr("impossible")) << c.what;
  }
}

TEST(Header, OfCompressedDataIsHeldToItsOwnRules) {
  Header header = samples::data_header();
  samples::packed_object(header, samples::wordy_claims(), {.codec = Codec::lz4, .block_log2 = 16});
  ASSERT_EQ(header.codec, Codec::lz4);
  ASSERT_EQ(decode_header(encoded(header)).value(), header);
  struct Case {
    const char* what;
    std::size_t position, width;
    std::uint64_t value;
  };
  for (const Case& c : {
           Case{"blocks too small", 172, 4, 15},
           Case{"blocks too large", 172, 4, 25},
           Case{"no blocks", 176, 8, header_bytes},
           Case{"blocks out of step", 176, 8, header.packed_end + 4},
           Case{"blocks of another length", 176, 8, header.packed_end - 8},
           Case{"longer than before", 176, 8, header.body_end + 8},
           Case{"a body larger than any", 88, 8, header_bytes + packed_body_bytes_max + 8},
           Case{"no records", 80, 4, 0},
       }) {
    Bytes bytes = encoded(header);
    put(bytes, c.position, c.width, c.value);
    const auto decoded = decode_header(bytes);
    ASSERT_FALSE(decoded) << c.what;
    EXPECT_EQ(decoded.error().code(), Code::corruption) << c.what;
  }
  Bytes seal = encoded(seal_header(samples::first_seal_header(), samples::first_seal_body()));
  put(seal, 168, 4, 1);
  EXPECT_FALSE(decode_header(seal));
}

TEST(Header, OfASealIsHeldToItsOwnRules) {
  const Header good = seal_header(samples::first_seal_header(), samples::first_seal_body());
  ASSERT_TRUE(decode_header(encoded(good)));
  struct Case {
    std::size_t position, width;
    std::uint64_t value;
  };
  for (const Case& c : {Case{16, 4, flag::closing}, Case{64, 8, 1}, Case{80, 4, 1}, Case{88, 8, 256},
                        Case{160, 8, 1}, Case{120, 8, 1}}) {
    Bytes bytes = encoded(good);
    put(bytes, c.position, c.width, c.value);
    EXPECT_FALSE(decode_header(bytes)) << c.position;
  }
}

TEST(Header, OfASealAheadKnowsNothingOfWhatIsBefore) {
  const Header good = seal_header(samples::ahead_header(), samples::ahead_body());
  ASSERT_TRUE(decode_header(encoded(good)));
  for (const std::size_t position : {std::size_t{64}, std::size_t{72}, std::size_t{144}}) {
    Bytes bytes = encoded(good);
    put(bytes, position, 8, 900);
    EXPECT_FALSE(decode_header(bytes)) << position;
  }
}

TEST(HeaderDeathTest, ThatReadersWouldRefuseIsNeverWritten) {
  Header header = sample();
  header.window = 0;
  EXPECT_DEATH(encoded(header), "invariant");
}

TEST(Header, HashIsOfTheEncodedBytes) {
  EXPECT_EQ(hash_of(sample()), crc64(encoded(sample())));
  Header other = sample();
  ++other.created_unix_ms;
  EXPECT_NE(hash_of(other), hash_of(sample()));
}

TEST(Id, IsShownAsHex) { EXPECT_EQ(to_hex(sample().log_id), "101112131415161718191a1b1c1d1e1f"); }

}  // namespace
}  // namespace varve::format
