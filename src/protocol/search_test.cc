#include "protocol/search.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

#include "protocol/reader_status.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using format::Header;
namespace flag = format::flag;

/// A search for the object that holds `target`.
Search search_for(const LogState& state, Offset target) {
  return Search(state, {.offset = target, .exact = true});
}

TEST(Search, FindsEveryOffsetOfAnyLog) {
  std::minstd_rand random(5);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    TestLog log;
    TestChain chain = random_chain(log, random);
    if (random() % 2 == 0 && chain.tail().owned) random_trim(chain, random);
    const LogState view = view_of(log);
    for (Offset target = view.start_offset(); target < view.tail.offset; ++target) {
      const Result<Position> found = find(log, search_for(view, target), &random);
      ASSERT_TRUE(found) << target << ": " << found.error().message();
      const auto holder = std::ranges::find_if(chain.headers(), [target](const Header& header) {
        return !header.has(flag::ahead) && header.first_offset <= target && target < header.end_offset();
      });
      EXPECT_EQ(*found, position_of(*holder)) << target;
    }
    EXPECT_EQ(find(log, search_for(view, view.tail.offset)).value(), view.tail);
  }
}

// Of two epochs that begin at one offset the earlier has no records. Its writer's late object, which the
// later seal has fenced off, has the offset, too.
TEST(Search, OfEpochsThatBeginAlikeTheLastHasTheRecord) {
  TestLog log;
  TestChain chain(log, 4);
  chain.data(2);
  const Header earlier = chain.seal(2);
  const Header later = chain.seal(3);
  const Header holder = chain.data(3);
  Header late = holder;
  late.seq = later.seq + 1;
  late.epoch = earlier.epoch;
  late.anchor = later.anchor;
  late.durable_seq = later.durable_seq;
  log.objects[late.seq] = test_object(late);
  const Result<Position> found = find(log, search_for(view_of(log), 2));
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(*found, position_of(holder));
}

TEST(Search, TakesAFewRoundTripsInALongEpoch) {
  TestLog log;
  TestChain chain(log, 64);
  for (int i = 0; i < 20'000; ++i) chain.data(2);
  const LogState view = view_of(log);
  log.asked.clear();
  Search machine = search_for(view, 12'345);
  const std::size_t trips = round_trips(log, machine);
  ASSERT_TRUE(machine.result());
  EXPECT_LE(trips, 6U);
}

// Whatever was seen before, on whichever side, in whichever epoch: the answer is the same.
TEST(Search, WhatIsKnownNarrowsTheSearchAndMisleadsNobody) {
  std::minstd_rand random(6);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    TestLog log;
    TestChain chain = random_chain(log, random);
    const LogState view = view_of(log);
    for (Offset target = view.start_offset(); target < view.tail.offset; ++target) {
      Search informed = search_for(view, target);
      for (const Header& header : chain.headers()) {
        if (header.kind == format::Kind::data && random() % 3 == 0) informed.know(header);
      }
      const Result<Position> found = find(log, std::move(informed), &random);
      ASSERT_TRUE(found) << target << ": " << found.error().message();
      EXPECT_EQ(*found, find(log, search_for(view, target)).value()) << target;
    }
  }
}

TEST(Search, NeighboursKnownLeaveOneRoundTrip) {
  TestLog log;
  TestChain chain(log, 64);
  for (int i = 0; i < 20'000; ++i) chain.data(2);
  const LogState view = view_of(log);
  const auto holder = std::ranges::find(chain.headers(), Offset{12'344}, &Header::first_offset);
  Search beside = search_for(view, 12'345);
  beside.know(*(holder - 1));
  beside.know(*(holder + 1));
  EXPECT_EQ(round_trips(log, beside), 1U);
  EXPECT_TRUE(beside.result());
  Search itself = search_for(view, 12'345);
  itself.know(*holder);
  itself.know(*(holder + 1));
  EXPECT_EQ(round_trips(log, itself), 0U);
  EXPECT_TRUE(itself.result());
}

TEST(Search, FollowsSealsBackBeyondWhatAHistoryHolds) {
  TestLog log;
  TestChain chain(log, 1);
  for (int i = 0; i < 2500; ++i) {
    chain.data(1);
    chain.seal(2);
  }
  chain.data(1);
  const LogState view = view_of(log);
  EXPECT_LE(view.history.size(), format::max_epochs + 1);
  for (const Offset target : {0, 1, 500, 1400, 1500, 2499, 2500}) {
    const Result<Position> found = find(log, search_for(view, target));
    ASSERT_TRUE(found) << target << ": " << found.error().message();
    EXPECT_EQ(found->offset, target);
  }
}

TEST(Search, RefusesOffsetsOutsideAndSaysWhatThereIs) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 9; ++i) chain.data(1);
  chain.trim_to(5);
  chain.data(1);
  const LogState view = view_of(log);
  for (const Offset target : {Offset{3}, Offset{11}}) {
    const Result<Position> found = find(log, search_for(view, target));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Code::out_of_range);
    EXPECT_EQ(found.error().valid_range(), (OffsetRange{4, 10}));
  }
}

TEST(Search, ReportsAMissingObjectAsNotFoundAndAWrongOneAsCorruption) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 3; ++i) chain.data(1);
  const LogState view = view_of(log);
  const Seq seq = chain.headers().at(2).seq;
  const auto object = log.objects.at(seq);
  log.objects.erase(seq);
  EXPECT_EQ(find(log, search_for(view, 1)).error().code(), Code::not_found);
  log.objects[seq] = log.objects.at(seq + 1);
  EXPECT_EQ(find(log, search_for(view, 1)).error().code(), Code::corruption);
  log.objects[seq] = object;
  EXPECT_TRUE(find(log, search_for(view, 1)));
}

// Where the search looks a claimant that slept has put its seal, or an object lies with other offsets than
// belong there.
TEST(Search, ASealIsNoRecordObjectAndAGapInOffsetsIsCorruption) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 3; ++i) chain.data(4);
  const LogState view = view_of(log);
  const Header& wanted = chain.headers().at(2);
  const auto object = log.objects.at(wanted.seq);
  Header seal = chain.headers().front();
  seal.seq = seal.epoch = seal.durable_seq = wanted.seq;
  log.objects[wanted.seq] = format::encode_seal(seal, {});
  EXPECT_EQ(find(log, search_for(view, 5)).error().code(), Code::not_found);
  Header shorter = wanted;
  shorter.record_count = 1;
  const BatchShape batch = test_batch(1);
  shorter.body_end = batch.body_end;
  shorter.object_bytes = batch.object_bytes;
  log.objects[wanted.seq] = test_object(shorter);
  EXPECT_TRUE(find(log, search_for(view, 4)));
  EXPECT_EQ(find(log, search_for(view, 5)).error().code(), Code::corruption);
}

// Of the epochs before what the newest seal knows, only an older seal can tell.
TEST(Search, ASealThatIsNoneOrKnowsNothingOlderIsCorruption) {
  TestLog log;
  TestChain chain(log, 1);
  for (int i = 0; i < 1500; ++i) {
    chain.data(1);
    chain.seal(2);
  }
  const LogState view = view_of(log);
  const Seq oldest = view.history.front().seal;
  ASSERT_GT(oldest, 0U);
  const auto object = log.objects.at(oldest);
  log.objects[oldest] = log.objects.at(oldest - 1);
  EXPECT_EQ(find(log, search_for(view, 0)).error().code(), Code::corruption);
  log.objects[oldest] = object;
  log.objects[oldest].back() ^= std::byte{1};
  EXPECT_EQ(find(log, search_for(view, 0)).error().code(), Code::corruption);
  log.objects[oldest] = format::encode_seal(format::decode_header(object).value(), {});
  EXPECT_EQ(find(log, search_for(view, 0)).error().code(), Code::corruption);
  log.objects.erase(oldest);
  EXPECT_EQ(find(log, search_for(view, 0)).error().code(), Code::not_found);
  log.objects[oldest] = object;
  EXPECT_TRUE(find(log, search_for(view, 0)));
}

TEST(Search, FindsAllThatIsThereBesideWhatIsLost) {
  std::minstd_rand random(7);
  for (const int lost_in_ten : {1, 5, 9}) {
    TestLog log;
    TestChain chain(log, 4);
    for (int i = 0; i < 100; ++i) chain.data(2);
    const LogState view = view_of(log);
    std::set<Seq> lost;
    for (const Header& header : chain.headers()) {
      if (header.record_count == 0 || static_cast<int>(random() % 10) >= lost_in_ten) continue;
      lost.insert(header.seq);
      if (random() % 2 == 0) {
        log.objects.erase(header.seq);
      } else {
        log.objects.at(header.seq).at(20) ^= std::byte{1};
      }
    }
    for (const Header& header : chain.headers()) {
      if (header.record_count == 0) continue;
      const Result<Position> found = find(log, search_for(view, header.first_offset + 1), &random);
      ASSERT_EQ(found.has_value(), !lost.contains(header.seq))
          << header.seq << (found ? "" : found.error().message());
      if (found) {
        EXPECT_EQ(*found, position_of(header));
      }
    }
  }
}

TEST(Search, FindsTheStartWithOneRequest) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 900; ++i) chain.data(2);
  chain.trim_to(500);
  chain.data(1);
  const LogState state = view_of(log);
  Search machine(state, {});
  EXPECT_EQ(round_trips(log, machine), 1U);
  ASSERT_TRUE(machine.result());
  EXPECT_EQ(machine.result()->at.seq, state.lowest_live());
  EXPECT_EQ(machine.result()->offset, state.start_offset());
  // Where that object is lost, what holds the start is found, or said to be lost.
  log.objects.erase(state.lowest_live());
  EXPECT_EQ(run(log, Search(state, {})).error().code(), Code::not_found);
}

TEST(Search, CountsBackFromTheEnd) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 30; ++i) chain.data(2);
  const LogState state = view_of(log);
  for (const std::uint64_t last : {0U, 1U, 7U, 60U, 1000U}) {
    const Result<SearchResult> found = run(log, Search(state, {.last = last}));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->offset, 60 - std::min<std::uint64_t>(last, 60)) << last;
    EXPECT_LE(found->at.offset, found->offset);
  }
}

TEST(ReaderStatus, SaysWhatAReaderIsToDo) {
  TestLog log;
  TestChain chain(log, 4);
  for (int i = 0; i < 9; ++i) chain.data(1);
  chain.trim_to(5);
  chain.data(1);
  const LogState view = view_of(log);
  const Position tail = view.tail;
  const auto at = [&](Seq seq, Offset offset) {
    Position position = tail;
    position.seq = seq;
    position.offset = offset;
    return position;
  };
  EXPECT_EQ(reader_status(tail, view), ReaderStatus::at_tail);
  EXPECT_EQ(reader_status(at(tail.seq - 1, tail.offset - 1), view), ReaderStatus::look_again);
  EXPECT_EQ(reader_status(at(view.lowest_live() - 1, view.start_offset()), view), ReaderStatus::relocate);
  EXPECT_EQ(reader_status(at(tail.seq + 1, tail.offset), view), ReaderStatus::relocate);
  Position misled = at(view.lowest_live(), view.start_offset());
  misled.epoch = misled.seq - misled.window;  // it has just passed a seal that the log does not have
  EXPECT_EQ(reader_status(misled, view), ReaderStatus::relocate);
  EXPECT_EQ(reader_status(at(0, view.start_offset() - 1), view), ReaderStatus::trimmed);
  EXPECT_EQ(reader_status(at(tail.seq, tail.offset + 1), view), ReaderStatus::lost);
}

}  // namespace
}  // namespace varve::protocol
