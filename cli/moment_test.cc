#include "cli/moment.h"

#include <gtest/gtest.h>

namespace varve::cli {
namespace {

constexpr std::int64_t now = 1'800'000'000'000;

TEST(Moment, MayBeSoLongAgo) {
  EXPECT_EQ(parse_moment("0s", now), now);
  EXPECT_EQ(parse_moment("30s", now), now - 30'000);
  EXPECT_EQ(parse_moment("10m", now), now - 600'000);
  EXPECT_EQ(parse_moment("2h", now), now - 7'200'000);
  EXPECT_EQ(parse_moment("7d", now), now - 604'800'000);
}

TEST(Moment, MayBeADateInUtc) {
  EXPECT_EQ(parse_moment("1970-01-01", now), 0);
  EXPECT_EQ(parse_moment("1970-01-01Z", now), 0);
  EXPECT_EQ(parse_moment("2026-01-31T08:00Z", now), 1'769'846'400'000);
  EXPECT_EQ(parse_moment("2026-01-31T08:00", now), 1'769'846'400'000);
  EXPECT_EQ(parse_moment("2026-01-31T08:00:05Z", now), 1'769'846'405'000);
}

TEST(Moment, IsNothingElse) {
  for (const char* text :
       {"", "s", "10", "10x", "-1s", "1.5h", "99999999999999999999s", "2000000000d", "yesterday",
        "2026-02-31", "2026-13-01", "2026-01-31T25:00Z", "2026-01-31 08:00", "2026-01-31T08:00ZZ"}) {
    EXPECT_FALSE(parse_moment(text, now)) << text;
  }
}

}  // namespace
}  // namespace varve::cli
