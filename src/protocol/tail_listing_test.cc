#include "protocol/tail_listing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "testing/test_log.h"

namespace varve::protocol {
namespace {

struct Listed {
  TailListing listing;
  std::size_t requests = 0;
};

Listed list_tail(TestLog& log, Seq hint) {
  Listed listed{TailListing(hint)};
  std::optional<Request> request = listed.listing.first();
  while (request) {
    ++listed.requests;
    request = listed.listing.next(log.answer(*request));
  }
  return listed;
}

TestLog log_of(const std::set<Seq>& seqs) {
  TestLog log;
  for (const Seq seq : seqs) log.objects[seq] = std::vector<std::byte>(1 + seq % 3);
  return log;
}

// The whole listing is the reference: what was found must be its end, from `covered_from` on.
void expect_the_end_of(const TestLog& log, const TailListing& listing) {
  ASSERT_FALSE(listing.error());
  std::vector<ListedSeq> all;
  for (const auto& [seq, bytes] : log.objects) {
    if (seq >= listing.covered_from()) all.push_back({seq, bytes.size()});
  }
  EXPECT_EQ(listing.objects(), all);
  EXPECT_EQ(listing.objects().empty(), log.objects.empty());
}

TEST(TailListing, AnEmptyLogTakesOneRequest) {
  TestLog log;
  const Listed listed = list_tail(log, 0);
  expect_the_end_of(log, listed.listing);
  EXPECT_EQ(listed.requests, 1U);
}

TEST(TailListing, AGoodHintTakesOneRequestHoweverLongTheLog) {
  std::set<Seq> seqs;
  for (Seq seq = 0; seq < 50'000; ++seq) seqs.insert(seq);
  TestLog log = log_of(seqs);
  const Listed listed = list_tail(log, 49'700);
  expect_the_end_of(log, listed.listing);
  EXPECT_EQ(listed.requests, 1U);
  EXPECT_EQ(listed.listing.objects().size(), 300U);
}

TEST(TailListing, AHintBeyondTheEndStartsAnew) {
  TestLog log = log_of({3, 4, 5});
  const Listed listed = list_tail(log, 1'000'000);
  expect_the_end_of(log, listed.listing);
  EXPECT_EQ(listed.requests, 2U);
}

TEST(TailListing, IsTheEndOfAnyLogInALogarithmicNumberOfRequests) {
  std::minstd_rand random(1);
  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE(round);
    // Runs of objects with voids between them, as epochs leave; trimmed below.
    std::set<Seq> seqs;
    Seq at = random() % 3 == 0 ? 0 : random() % 1'000'000;
    for (std::uint64_t runs = random() % 12; runs > 0; --runs) {
      for (std::uint64_t run = random() % 700; run > 0; --run) seqs.insert(at++);
      at += random() % format::max_window;
    }
    TestLog log = log_of(seqs);
    if (random() % 2 == 0) log.page = 1 + static_cast<std::uint32_t>(random() % page_limit);
    const Seq hint = random() % 2 == 0 ? 0 : random() % (at + 2000);
    const Listed listed = list_tail(log, hint);
    if (log.page >= 64) {
      expect_the_end_of(log, listed.listing);
      const double pages = (2.0 * format::max_window + 1500) / log.page + 1;
      EXPECT_LE(listed.requests, 4 + 2 * std::log2(static_cast<double>(at) + 2) + pages);
    }
    if (!listed.listing.error() && hint == 0 && !seqs.empty()) {
      const Seq newest = *seqs.rbegin();
      EXPECT_LE(listed.listing.covered_from(), newest - std::min<Seq>(newest, 2 * format::max_window));
    }
  }
}

TEST(TailListing, EndsThoughTheHighestPlaceThereIsIsTaken) {
  std::set<Seq> seqs;
  for (Seq seq = 0; seq < 5000; ++seq) seqs.insert(seq);
  seqs.insert(UINT64_MAX - 1);
  TestLog log = log_of(seqs);
  const Listed listed = list_tail(log, 0);
  expect_the_end_of(log, listed.listing);
  EXPECT_LT(listed.requests, 200U);
}

TEST(TailListing, GivesUpOnALogThatGrowsFasterThanItCanBeListed) {
  TestLog log;
  Seq grown = 0;
  const auto grow = [&] {
    for (int i = 0; i < 2500; ++i) log.objects[grown++] = {};
  };
  grow();
  TailListing listing(0);
  std::optional<Request> request = listing.first();
  std::size_t requests = 0;
  while (request && requests < 10'000) {
    ++requests;
    grow();
    request = listing.next(log.answer(*request));
  }
  ASSERT_TRUE(listing.error());
  EXPECT_EQ(listing.error()->code(), Code::unavailable);
  EXPECT_LT(requests, 200U);
}

TEST(TailListing, PassesStrangersOverAndStopsAtErrors) {
  TailListing listing(0);
  Reply reply;
  reply.kind = Request::Kind::list;
  reply.strangers = {"log/wal/readme.txt"};
  EXPECT_FALSE(listing.next(reply));
  EXPECT_FALSE(listing.error());

  TailListing refused(0);
  reply.error = Error(Code::denied, "no");
  EXPECT_FALSE(refused.next(reply));
  EXPECT_EQ(refused.error()->code(), Code::denied);
}

}  // namespace
}  // namespace varve::protocol
