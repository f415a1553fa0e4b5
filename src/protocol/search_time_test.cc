#include "protocol/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using format::Header;

/// A search for the first object made at or after a moment.
Search search_since(const LogState& state, std::int64_t since_unix_ms) {
  return Search(state, {.since_unix_ms = since_unix_ms});
}

TEST(SearchByTime, FindsTheFirstObjectOfEveryMomentInAnyLog) {
  std::minstd_rand random(11);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    TestLog log;
    TestChain chain = random_chain(log, random);
    if (random() % 2 == 0 && chain.tail().owned) random_trim(chain, random);
    const LogState view = view_of(log);
    for (std::int64_t since = 999; since < 1100; ++since) {
      const Result<Position> found = find(log, search_since(view, since), &random);
      ASSERT_TRUE(found) << since << ": " << found.error().message();
      const auto first = std::ranges::find_if(chain.headers(), [&](const Header& header) {
        return header.kind == format::Kind::data && header.seq >= view.lowest_live() &&
               header.created_unix_ms >= since;
      });
      EXPECT_EQ(*found, first == chain.headers().end() ? view.tail : position_of(*first)) << since;
    }
  }
}

TEST(SearchByTime, TakesAFewRoundTripsInALongLog) {
  TestLog log;
  TestChain chain(log, 64);
  for (int i = 0; i < 20'000; ++i) {
    chain.set_clock(1000 + i);
    chain.data(2);
    if (i % 1000 == 999) chain.seal(3);
  }
  const LogState view = view_of(log);
  Search machine = search_since(view, 1000 + 12'345);
  const std::size_t trips = round_trips(log, machine);
  ASSERT_TRUE(machine.result());
  EXPECT_EQ(machine.result()->at.offset, 2 * 12'345U);
  EXPECT_LE(trips, 6U);
}

TEST(SearchByTime, FollowsSealsBackBeyondWhatAHistoryHolds) {
  TestLog log;
  TestChain chain(log, 1);
  for (int i = 0; i < 2500; ++i) {
    chain.set_clock(i);
    chain.data(1);
    chain.seal(2);
  }
  chain.data(1);
  const LogState view = view_of(log);
  for (const std::int64_t since : {0, 1, 500, 1400, 1500, 2499}) {
    const Result<Position> found = find(log, search_since(view, since));
    ASSERT_TRUE(found) << since << ": " << found.error().message();
    EXPECT_EQ(found->offset, static_cast<Offset>(since));
  }
}

TEST(SearchByTime, ReportsAMissingObjectAsNotFoundAndAWrongOneAsCorruption) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 3; ++i) chain.data(1);
  const LogState view = view_of(log);
  const Seq seq = chain.headers().at(1).seq;
  const auto object = log.objects.at(seq);
  log.objects.erase(seq);
  const Result<Position> missing = find(log, search_since(view, 1000));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::not_found);
  EXPECT_NE(missing.error().message().find("goes on at offset 1)"), std::string::npos)
      << missing.error().message();
  log.objects[seq] = log.objects.at(seq + 1);
  EXPECT_EQ(find(log, search_since(view, 1000)).error().code(), Code::corruption);
  log.objects[seq] = object;
  EXPECT_EQ(find(log, search_since(view, 1000)).value().seq, seq);
}

// Whether the wanted object is there can be told if the one before it is there, too.
TEST(SearchByTime, FindsWhatIsCertainBesideWhatIsLost) {
  std::minstd_rand random(7);
  for (const int lost_in_ten : {1, 5, 9}) {
    TestLog log;
    TestChain chain(log, 4);
    constexpr int objects = 100;
    for (int i = 0; i < objects; ++i) {
      chain.set_clock(1000 + i);
      chain.data(2);
      if (i % 30 == 29) chain.seal(2);
    }
    const LogState view = view_of(log);
    std::vector<Header> data;
    std::ranges::copy_if(chain.headers(), std::back_inserter(data),
                         [](const Header& header) { return header.record_count != 0; });
    std::set<Seq> lost;
    for (const Header& header : data) {
      if (header.seq == view.newest.seq || static_cast<int>(random() % 10) >= lost_in_ten) continue;
      lost.insert(header.seq);
      if (random() % 2 == 0) {
        log.objects.erase(header.seq);
      } else {
        log.objects.at(header.seq).at(20) ^= std::byte{1};
      }
    }
    for (int i = 0; i < objects; ++i) {
      SCOPED_TRACE(i);
      const auto at = static_cast<std::size_t>(i);
      const bool is_certain = !lost.contains(data[at].seq) && (i == 0 || !lost.contains(data[at - 1].seq));
      const Result<Position> found = find(log, search_since(view, 1000 + i), &random);
      ASSERT_EQ(found.has_value(), is_certain) << (found ? "" : found.error().message());
      if (found) {
        EXPECT_EQ(*found, position_of(data[at]));
      }
    }
    EXPECT_EQ(find(log, search_since(view, 5000), &random).value(), view.tail) << "a time in the future";
  }
}

}  // namespace
}  // namespace varve::protocol
