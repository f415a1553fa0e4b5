// Whatever happens to a stored byte, somebody notices: no change of one bit, and no cut, may pass.
#include <gtest/gtest.h>

#include <functional>

#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;
using Check = std::function<bool(std::span<const std::byte>)>;

void expect_every_damage_noticed(const Bytes& sound, const Check& passes) {
  ASSERT_TRUE(passes(sound));
  for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
    Bytes damaged = sound;
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    ASSERT_FALSE(passes(damaged)) << "byte " << bit / 8 << ", bit " << bit % 8;
  }
  for (std::size_t length = 0; length < sound.size(); ++length) {
    // A copy of its own, so that AddressSanitizer sees a read past its end.
    const Bytes cut(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length));
    ASSERT_FALSE(passes(cut)) << "cut to " << length;
  }
  Bytes longer = sound;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(passes(longer));
}

TEST(Damage, OfDataIsNoticed) {
  Header header = samples::data_header();
  expect_every_damage_noticed(
      samples::data_object(header, samples::small_claims()),
      [](std::span<const std::byte> object) { return samples::read_data(object).has_value(); });
}

TEST(Damage, OfCompressedDataIsNoticed) {
  for (const Codec codec : {Codec::lz4, Codec::zstd}) {
    Header header = samples::data_header();
    const Bytes object =
        samples::packed_object(header, samples::wordy_claims(), {.codec = codec, .block_log2 = 16});
    ASSERT_EQ(header.codec, codec);
    expect_every_damage_noticed(
        object, [](std::span<const std::byte> bytes) { return samples::read_data(bytes).has_value(); });
  }
}

TEST(Damage, OfDataWithoutRecordsIsNoticed) {
  Header header = samples::data_header();
  expect_every_damage_noticed(samples::data_object(header, {}), [](std::span<const std::byte> object) {
    return samples::read_data(object).has_value();
  });
}

TEST(Damage, OfASealIsNoticed) {
  expect_every_damage_noticed(
      encode_seal(samples::seal_header_with_history(), samples::seal_body_with_history()),
      [](std::span<const std::byte> object) {
        const auto header = decode_header(object);
        return header && decode_seal(object, *header);
      });
}

TEST(Damage, OfACheckpointIsNoticed) {
  expect_every_damage_noticed(encode_checkpoint(samples::checkpoint()), [](std::span<const std::byte> bytes) {
    return decode_checkpoint(bytes).has_value();
  });
  expect_every_damage_noticed(
      encode_checkpoint(samples::mirror_checkpoint()),
      [](std::span<const std::byte> bytes) { return decode_checkpoint(bytes).has_value(); });
}

}  // namespace
}  // namespace varve::format
