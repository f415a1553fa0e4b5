#include "format/seal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "format/crc.h"
#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;

EpochHistory long_history(std::size_t epochs) {
  EpochHistory history;
  for (std::size_t i = 0; i < epochs; ++i) history.push_back({.seal = i * 64, .first_offset = i, .flags = 0});
  return history;
}

TEST(Seal, ComesBack) {
  const SealBody body = samples::seal_body_with_history();
  const Bytes object = encode_seal(samples::seal_header_with_history(), body);
  const auto header = decode_header(object);
  ASSERT_TRUE(header) << header.error().message();
  EXPECT_EQ(*header, seal_header(samples::seal_header_with_history(), body));
  EXPECT_EQ(header->object_bytes, object.size());
  EXPECT_EQ(*decode_seal(object, *header), body);
}

TEST(Seal, KeepsTheNewestEpochsAndTheHostsBegin) {
  Header header = samples::seal_header_with_history();
  header.seq = header.epoch = 1'000'000;
  SealBody body{.history = long_history(max_epochs + 5), .host = std::string(300, 'h'), .pid = 1};
  const Bytes object = encode_seal(header, body);
  const auto decoded = decode_seal(object, *decode_header(object));
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(decoded->host, std::string(255, 'h'));
  body.history.erase(body.history.begin(), body.history.begin() + 5);
  EXPECT_EQ(decoded->history, body.history);
}

TEST(Seal, WithTheBodyOfAnotherIsDamaged) {
  Header header = samples::seal_header_with_history();
  Bytes object = encode_seal(header, samples::seal_body_with_history());
  ++header.seq;
  ++header.epoch;
  const Bytes other = encode_seal(header, samples::seal_body_with_history());
  std::copy(other.begin() + header_bytes, other.end(), object.begin() + header_bytes);
  const auto decoded = decode_seal(object, *decode_header(object));
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message(), testing::HasSubstr("seal at 300"));
}

/// Gives `object` a checksum that holds, whatever it says.
void sign(Bytes& object) {
  const std::span<const std::byte> bytes(object);
  const std::size_t end = object.size() - crc32c_bytes;
  const std::uint32_t of_header = crc32c(bytes.first(header_bytes - crc32c_bytes));
  const std::uint32_t checksum = crc32c(bytes.subspan(header_bytes, end - header_bytes), of_header);
  std::memcpy(&object[end], &checksum, sizeof checksum);
}

TEST(Seal, ThatNoClaimantMakesIsDamagedThoughItsChecksumHolds) {
  const Header header = samples::seal_header_with_history();
  const Bytes good = encode_seal(header, samples::seal_body_with_history());
  Bytes object = good;
  sign(object);
  ASSERT_EQ(object, good);
  const Header sealed = *decode_header(good);

  const std::size_t host_at = header_bytes + 8;
  object[host_at] = std::byte{255};
  sign(object);
  EXPECT_THAT(decode_seal(object, sealed).error().message(), testing::HasSubstr("wrong length"));

  object = good;
  object[host_at + 1] ^= std::byte{1};
  EXPECT_THAT(decode_seal(object, sealed).error().message(), testing::HasSubstr("checksum"));

  Header ahead = sealed;
  ahead.flags |= flag::ahead;
  EXPECT_THAT(decode_seal(good, ahead).error().message(), testing::HasSubstr("ahead"));

  Header wider = sealed;
  wider.window = 10'000;
  EXPECT_THAT(decode_seal(good, wider).error().message(), testing::HasSubstr("rule"));

  Header short_one = sealed;
  short_one.object_bytes = header_bytes;
  EXPECT_THAT(decode_seal(std::span(good).first(header_bytes), short_one).error().message(),
              testing::HasSubstr("no body"));
}

TEST(History, ThatNoLogHasBreaksARule) {
  const EpochHistory good = samples::seal_body_with_history().history;
  EXPECT_EQ(broken_rule(good, 64, 300), "");
  EXPECT_NE(broken_rule(good, 65, 300), "") << "closer than a window";
  EXPECT_NE(broken_rule(good, 64, 164), "") << "not before the end";
  EpochHistory backwards = good;
  backwards[2].first_offset = 899;
  EXPECT_NE(broken_rule(backwards, 64, 300), "");
  EXPECT_NE(broken_rule(long_history(max_epochs + 1), 64, 1'000'000), "");
}

}  // namespace
}  // namespace varve::format
