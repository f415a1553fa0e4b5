#include "format/crc.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace varve::format {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// The check values of the catalogue of parametrised CRC algorithms (reveng.sourceforge.io).
TEST(Crc, HasThePublishedCheckValues) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283U);
  EXPECT_EQ(crc64(bytes_of("123456789")), 0x995DC9BBDF1939FAU);
}

// RFC 3720, B.4.
TEST(Crc, HasTheValuesOfTheRfc) {
  std::vector<std::byte> bytes(32);
  EXPECT_EQ(crc32c(bytes), 0x8A9136AAU);
  bytes.assign(32, std::byte{0xff});
  EXPECT_EQ(crc32c(bytes), 0x62A8AB43U);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46DD794EU);
}

TEST(Crc, OfNothingIsWhatCameBefore) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c({}, 0x12345678U), 0x12345678U);
}

TEST(Crc, ChainsOverAnyCutAndAlignment) {
  std::vector<std::byte> bytes(300);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  const std::span<const std::byte> all = bytes;
  for (std::size_t start = 0; start < 16; ++start) {
    const std::uint32_t whole = crc32c(all.subspan(start));
    for (std::size_t cut = start; cut <= bytes.size(); ++cut) {
      ASSERT_EQ(crc32c(all.subspan(cut), crc32c(all.subspan(start, cut - start))), whole)
          << start << " " << cut;
    }
  }
}

}  // namespace
}  // namespace varve::format
