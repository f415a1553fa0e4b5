#include "protocol/seal_age.h"

#include <gtest/gtest.h>

namespace varve::protocol {
namespace {

constexpr std::int64_t day = 86'400'000;
constexpr std::int64_t now = 20'000 * day;
constexpr std::int64_t year = 365 * day;

SealClocks clocks_of_one_host_and_a_store() {
  return {.no_writer_sleeps_ms = 30 * day, .now_unix_ms = now, .host = "a", .store_now_unix_ms = now + 5};
}

AgingSeal seal_of(std::int64_t age) {
  return {.seq = 10, .host = "a", .created_unix_ms = now - age, .stored_unix_ms = now - age};
}

TEST(SealAge, WhenAllClocksAreRightItIsTheAge) {
  const SealClocks clocks = clocks_of_one_host_and_a_store();
  EXPECT_TRUE(outlives_sleepers(seal_of(31 * day), clocks));
  EXPECT_FALSE(outlives_sleepers(seal_of(30 * day), clocks));
  EXPECT_FALSE(outlives_sleepers(seal_of(0), clocks));
}

// A young seal; whichever one clock is wrong, by whatever, at whatever moment, it stays.
TEST(SealAge, NoWrongClockOfOneMachineMakesAYoungSealOld) {
  for (const std::int64_t wrong : {-50 * year, -year, -31 * day, 31 * day, year, 50 * year, INT64_MAX / 2}) {
    SCOPED_TRACE(wrong / day);
    for (const bool store_tells : {true, false}) {
      // Sealed by `a`, trimmed by `c`; `b` and `d` took over in between.
      const auto with = [&](auto&& spoil) {
        AgingSeal seal = seal_of(day);
        SealClocks clocks = clocks_of_one_host_and_a_store();
        clocks.host = "c";
        clocks.seen = {{.seq = 20, .host = "b", .unix_ms = now - 20'000'000},
                       {.seq = 30, .host = "d", .unix_ms = now - 15'000'000},
                       {.seq = 40, .host = "b", .unix_ms = now - 10'000'000},
                       {.seq = 50, .host = "d", .unix_ms = now - 5'000'000}};
        spoil(seal, clocks);
        if (!store_tells) clocks.store_now_unix_ms.reset();
        return outlives_sleepers(seal, clocks);
      };
      EXPECT_FALSE(with([&](AgingSeal& seal, SealClocks&) { seal.created_unix_ms += wrong; }));
      EXPECT_FALSE(with([&](AgingSeal&, SealClocks& clocks) { clocks.now_unix_ms += wrong; }));
      EXPECT_FALSE(with([&](AgingSeal& seal, SealClocks&) { *seal.stored_unix_ms += wrong; }));
      EXPECT_FALSE(with([&](AgingSeal&, SealClocks& clocks) { *clocks.store_now_unix_ms += wrong; }));
      for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_FALSE(with([&](AgingSeal&, SealClocks& clocks) { clocks.seen[i].unix_ms += wrong; })) << i;
      }
      // The machine that sealed trims, too: its clock stepped in between.
      EXPECT_FALSE(with([&](AgingSeal& seal, SealClocks& clocks) {
        clocks.host = seal.host;
        seal.created_unix_ms += wrong;
      }));
    }
  }
}

TEST(SealAge, WithoutAStoresClockTwoHostsMustHaveSeenTheTimePass) {
  SealClocks clocks{.no_writer_sleeps_ms = 30 * day, .now_unix_ms = now, .host = "a"};
  AgingSeal seal = seal_of(400 * day);
  seal.stored_unix_ms.reset();
  EXPECT_FALSE(clocks.independent());
  EXPECT_FALSE(outlives_sleepers(seal, clocks)) << "one clock alone";
  clocks.seen = {{.seq = 20, .host = "b", .unix_ms = now - 300 * day}};
  EXPECT_TRUE(clocks.independent());
  EXPECT_FALSE(outlives_sleepers(seal, clocks)) << "one moment is no span";
  clocks.seen.push_back({.seq = 30, .host = "b", .unix_ms = now - 200 * day});
  EXPECT_TRUE(outlives_sleepers(seal, clocks));
  clocks.seen.back().unix_ms = now - 280 * day;
  EXPECT_FALSE(outlives_sleepers(seal, clocks)) << "the other has seen 20 days";
  clocks.seen.front().seq = 5;
  clocks.seen.front().unix_ms = 0;
  EXPECT_FALSE(outlives_sleepers(seal, clocks)) << "what was before the seal tells nothing of its age";
}

TEST(SealAge, ASealOfAHostThatIsNotKnownMayBeOfAnyHost) {
  SealClocks clocks{.no_writer_sleeps_ms = 30 * day, .now_unix_ms = now, .host = "a"};
  clocks.seen = {{.seq = 20, .host = "b", .unix_ms = now - 300 * day},
                 {.seq = 30, .host = "b", .unix_ms = now - 200 * day}};
  AgingSeal seal = seal_of(400 * day);
  seal.stored_unix_ms.reset();
  EXPECT_TRUE(outlives_sleepers(seal, clocks));
  seal.host.clear();
  EXPECT_FALSE(outlives_sleepers(seal, clocks)) << "b may have made it, and may be wrong";
  clocks.store_now_unix_ms = now;
  seal.stored_unix_ms = now - 400 * day;
  EXPECT_TRUE(outlives_sleepers(seal, clocks)) << "the store and b tell";
}

TEST(SealAge, OfTwoIndependentBoundsTheSmallerHolds) {
  EXPECT_EQ(certain_age_ms({}), std::nullopt);
  EXPECT_EQ(certain_age_ms({{.age_ms = 9, .clock = "a", .other_clock = "b"}}), std::nullopt);
  EXPECT_EQ(certain_age_ms({{.age_ms = 9, .clock = "a", .other_clock = "b"},
                            {.age_ms = 8, .clock = "b", .other_clock = "b"}}),
            std::nullopt);
  EXPECT_EQ(certain_age_ms({{.age_ms = 9, .clock = "a", .other_clock = "b"},
                            {.age_ms = 8, .clock = "", .other_clock = ""},
                            {.age_ms = 5, .clock = "c", .other_clock = "c"}}),
            8);
}

TEST(SealAge, StrangeTimesOverflowNothing) {
  SealClocks clocks = clocks_of_one_host_and_a_store();
  clocks.now_unix_ms = INT64_MAX;
  AgingSeal seal = seal_of(day);
  seal.created_unix_ms = INT64_MIN;
  EXPECT_FALSE(outlives_sleepers(seal, clocks));
  seal.stored_unix_ms = INT64_MIN;
  EXPECT_TRUE(outlives_sleepers(seal, clocks));
}

}  // namespace
}  // namespace varve::protocol
