#include "format/seal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/samples.h"

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
