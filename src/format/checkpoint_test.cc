#include "format/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;

Code code_with_byte(std::size_t position, std::uint8_t value) {
  Bytes bytes = encode_checkpoint(samples::checkpoint());
  bytes[position] = static_cast<std::byte>(value);
  samples::mend_checksum(bytes);
  const auto decoded = decode_checkpoint(bytes);
  return decoded ? Code::internal : decoded.error().code();
}

TEST(Checkpoint, ComesBack) {
  const auto decoded = decode_checkpoint(encode_checkpoint(samples::checkpoint()));
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, samples::checkpoint());
}

TEST(Checkpoint, OfAMirrorComesBack) {
  const auto decoded = decode_checkpoint(encode_checkpoint(samples::mirror_checkpoint()));
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, samples::mirror_checkpoint());
  Checkpoint impossible = *decoded;
  impossible.mirror->source = std::string(5000, 'x');
  EXPECT_EQ(decode_checkpoint(encode_checkpoint(impossible))->mirror->source.size(), max_source_bytes);
}

TEST(Checkpoint, OfSomethingElseIsForeign) {
  EXPECT_EQ(decode_checkpoint(Bytes(500)).error().code(), Code::foreign);
  Bytes object = encode_seal(samples::first_seal_header(), samples::first_seal_body());
  EXPECT_EQ(decode_checkpoint(object).error().code(), Code::foreign);
}

TEST(Checkpoint, OfTheFutureAsksForAnUpgrade) {
  EXPECT_EQ(code_with_byte(8, 2), Code::unsupported);
  EXPECT_EQ(code_with_byte(10, 1), Code::unsupported);
  EXPECT_EQ(code_with_byte(12, 1), Code::corruption) << "a mirror's state is missing";
  EXPECT_EQ(code_with_byte(12, 2), Code::unsupported);
  EXPECT_EQ(code_with_byte(56, 1), Code::unsupported);
  EXPECT_EQ(code_with_byte(16, 1), Code::internal) << "an optional flag is passed over";
}

TEST(Checkpoint, ThatNoWriterMakesIsCorruption) {
  EXPECT_EQ(code_with_byte(20, 0), Code::corruption) << "window 0";
  EXPECT_EQ(code_with_byte(40, 0x91), Code::internal) << "anchor 401";
  EXPECT_EQ(code_with_byte(41, 0), Code::corruption) << "anchor 144, below its epoch's seal";
  EXPECT_EQ(code_with_byte(40, 0x2d), Code::corruption) << "anchor 301, in the void";
  EXPECT_EQ(code_with_byte(49, 2), Code::corruption) << "swept beyond the anchor";
  EXPECT_EQ(code_with_byte(72, 1), Code::corruption) << "bytes behind the history";
  EXPECT_EQ(code_with_byte(75, 0xff), Code::corruption) << "a wild count";
}

}  // namespace
}  // namespace varve::format
