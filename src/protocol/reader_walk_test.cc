#include "protocol/reader_walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <vector>

#include "format/records.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

using format::Header;
using format::Kind;
using Phase = ReaderWalk::Phase;
namespace flag = format::flag;

constexpr int steps_max = 20'000;

/// A record as it was read: who wrote it, and where.
struct ReadRecord {
  Offset offset = 0;
  std::uint64_t payload = 0;

  friend bool operator==(const ReadRecord&, const ReadRecord&) = default;
};
using ReadRecords = std::vector<ReadRecord>;

/// A reader on a log in memory. Before each of its requests the test may change the log.
class WalkRig {
 public:
  explicit WalkRig(TestLog& log, const SeekTarget& target = {}, bool follow = false)
      : log_(&log), walk_(target, {.follow = follow, .poll_ms = 10, .poll_max_ms = 10}) {}

  /// Called with the number of each request before it is carried out, from 0 on.
  std::function<void(std::size_t step)> before_request = [](std::size_t) {};

  /// Goes on until it is at the tail, or has failed.
  void run() {
    if (!begun_) {
      begun_ = true;
      drive(walk_.start());
    } else {
      walk_.resume();
    }
    while (walk_.phase() == Phase::fetching) {
      ASSERT_LT(steps_, std::size_t{steps_max});
      fetch();
    }
  }

  /// Lets so much time pass.
  void wait(std::uint64_t ms) { now_ms_ += ms; }

  /// Polls for so long that it makes sure where it is.
  void poll_on() {
    for (int i = 0; i < 12 && at_tail(); ++i) {
      wait(1'000);
      run();
    }
  }

  [[nodiscard]] const ReaderWalk& walk() const { return walk_; }
  [[nodiscard]] const ReadRecords& records() const { return records_; }
  [[nodiscard]] std::size_t steps() const { return steps_; }
  [[nodiscard]] bool at_tail() const {
    return walk_.phase() == Phase::at_end || walk_.phase() == Phase::pausing;
  }
  [[nodiscard]] std::optional<Code> failure() const {
    return walk_.phase() == Phase::failed ? std::optional(walk_.error().code()) : std::nullopt;
  }
  [[nodiscard]] std::string message() const {
    return walk_.phase() == Phase::failed ? walk_.error().message() : "";
  }

 private:
  Reply carry_out(const Request& request) {
    before_request(steps_++);
    return log_->answer(request);
  }

  void drive(Requests requests) {
    std::deque<Request> waiting(requests.begin(), requests.end());
    while (!waiting.empty()) {
      const Request request = std::move(waiting.front());
      waiting.pop_front();
      for (Request& more : walk_.on(carry_out(request), now_ms_)) waiting.push_back(std::move(more));
    }
  }

  void fetch() {
    const Reply reply = carry_out(Request::make(Request::Kind::get_object, walk_.place().seq));
    const Result<Header> header = header_in(reply);
    if (!header) return drive(walk_.doubt(header.error(), now_ms_));
    const Result<Position> next = walk_.fits(*header);
    if (!next) return drive(walk_.doubt(next.error(), now_ms_));
    if (header->kind == Kind::data) deliver(reply.bytes, *header);
    walk_.pass(*header, *next);
  }

  void deliver(const std::vector<std::byte>& object, const Header& header) {
    format::RecordCursor cursor(object, header);
    while (true) {
      const auto record = cursor.next();
      ASSERT_TRUE(record);
      if (!*record) return;
      if ((*record)->offset < walk_.offset()) continue;
      std::uint64_t payload = 0;
      std::memcpy(&payload, (*record)->payload.data(), sizeof(payload));
      if (!records_.empty()) {
        ASSERT_EQ((*record)->offset, records_.back().offset + 1);
      }
      records_.push_back({(*record)->offset, payload});
    }
  }

  TestLog* log_;
  ReaderWalk walk_;
  ReadRecords records_;
  std::size_t steps_ = 0;
  std::uint64_t now_ms_ = 1'000'000;
  bool begun_ = false;
};

/// All that a chain ever held.
ReadRecords records_of(const TestChain& chain) {
  ReadRecords records;
  for (const Header& header : chain.headers()) {
    for (Offset offset = header.first_offset; offset < header.end_offset(); ++offset) {
      records.push_back({offset, test_payload(header.writer_id, offset)});
    }
  }
  return records;
}

/// Whether `read` is a piece of `all`.
bool is_part(const ReadRecords& read, const ReadRecords& all) {
  if (read.empty()) return true;
  const auto first = std::ranges::find(all, read.front());
  return std::distance(first, all.end()) >= std::ssize(read) && std::equal(read.begin(), read.end(), first);
}

TEST(ReaderWalk, ReadsAnyLogFromAnyOffset) {
  std::minstd_rand random(3);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    TestLog log;
    TestChain chain = random_chain(log, random);
    if (random() % 2 == 0 && chain.tail().owned) random_trim(chain, random);
    const LogState state = view_of(log);
    const ReadRecords all = records_of(chain);
    for (Offset from = state.start_offset(); from <= state.tail.offset; ++from) {
      WalkRig rig(log, {.offset = from}, random() % 2 == 0);
      rig.run();
      ASSERT_TRUE(rig.at_tail()) << rig.message();
      const ReadRecords expected(all.begin() + static_cast<std::ptrdiff_t>(from), all.end());
      ASSERT_EQ(rig.records(), expected);
      ASSERT_EQ(rig.walk().offset(), state.tail.offset);
    }
    WalkRig from_start(log);
    from_start.run();
    ASSERT_EQ(from_start.records().size(), state.tail.offset - state.start_offset());
  }
}

// Other logs and other histories. ----------------------------------------------------------------------

// A log is deleted, and another made in its place, before each of a reader's requests in turn.
TEST(ReaderWalk, NeverGoesOnInAnotherLog) {
  std::minstd_rand random(17);
  std::set<Code> codes;
  for (int round = 0; round < 25; ++round) {
    SCOPED_TRACE(round);
    TestLog first;
    TestChain old_chain = random_chain(first, random);
    TestLog second;
    std::minstd_rand twin(random());
    TestChain new_chain(second, old_chain.tail().window, 8);
    for (auto i = twin() % 60; i > 0; --i) new_chain.data(static_cast<std::uint32_t>(twin() % 3));
    for (const bool follow : {false, true}) {
      for (std::size_t step = 0;; ++step) {
        SCOPED_TRACE(step);
        TestLog log = first;
        WalkRig rig(log, {}, follow);
        rig.before_request = [&](std::size_t now) {
          if (now == step) log.objects = second.objects;
        };
        rig.run();
        if (rig.steps() <= step) break;
        rig.poll_on();
        ASSERT_TRUE(is_part(rig.records(), records_of(old_chain)) ||
                    is_part(rig.records(), records_of(new_chain)));
        // It has begun to read the log that is gone: that is said, however alike the two are.
        if (rig.walk().mark().log_id == test_id(7)) {
          ASSERT_TRUE(rig.failure()) << "it stays silent at offset " << rig.walk().offset();
        }
        if (rig.failure()) codes.insert(*rig.failure());
        if (HasFatalFailure()) return;
      }
    }
  }
  EXPECT_EQ(codes, std::set<Code>{Code::foreign});
}

/// A log that goes two ways from one beginning.
struct Fork {
  TestLog log_a;
  TestLog log_b;
  TestChain a;
  TestChain b;

  explicit Fork(std::minstd_rand& random) : a(log_a, 1 + random() % 4), b(log_b, a.tail().window) {
    const auto shared = random() % 12;
    for (std::size_t i = 0; i < shared; ++i) {
      const auto records = static_cast<std::uint32_t>(random() % 3);
      const bool closes = random() % 5 == 0 && a.tail().owned;
      for (TestChain* chain : {&a, &b}) {
        if (!chain->tail().owned) {
          chain->seal(1, flag::fences_nobody);
        } else if (closes) {
          chain->close();
        } else {
          chain->data(records);
        }
      }
    }
    // The same steps, by other writers, so that seqs and offsets are mostly alike.
    std::minstd_rand steps(random());
    std::uint64_t writer = 20;
    for (TestChain* chain : {&a, &b}) {
      std::minstd_rand same = steps;
      chain->seal(writer, chain->tail().owned ? 0 : flag::fences_nobody);
      for (auto i = 1 + same() % 25; i > 0; --i) {
        const auto draw = same() % 8;
        if (!chain->tail().owned) {
          chain->seal(++writer, flag::fences_nobody);
        } else if (draw == 0) {
          chain->close();
        } else {
          chain->data(static_cast<std::uint32_t>(draw % 3));
        }
      }
      writer = 40;
    }
  }
};

/// Trims away all that can be, and more than once, so that seals go, too.
void trim_hard(TestChain& chain, std::minstd_rand& random) {
  for (auto i = 1 + random() % 3; i > 0; --i) {
    if (!chain.tail().owned) chain.seal(60 + i, flag::fences_nobody);
    chain.trim_to(chain.headers().size() - 1 - random() % std::min<std::size_t>(chain.headers().size(), 3));
    chain.data(0);
    chain.data(0);
    chain.sweep(true);
    if (random() % 2 == 0) chain.close();
  }
}

// A log is put back to an older copy and written on, before each of a reader's requests in turn.
TEST(ReaderWalk, NeverGoesOnInAnotherHistory) {
  std::minstd_rand random(29);
  std::map<Code, int> codes;
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    Fork fork(random);
    if (random() % 2 == 0) trim_hard(fork.b, random);
    const ReadRecords a = records_of(fork.a);
    const ReadRecords b = records_of(fork.b);
    for (std::size_t step = 0;; ++step) {
      SCOPED_TRACE(step);
      TestLog log = fork.log_a;
      WalkRig rig(log, {}, random() % 2 == 0);
      rig.before_request = [&](std::size_t now) {
        if (now == step) log.objects = fork.log_b.objects;
      };
      rig.run();
      if (rig.steps() <= step) break;
      rig.poll_on();
      ASSERT_TRUE(is_part(rig.records(), a) || is_part(rig.records(), b)) << rig.records().back().offset;
      if (rig.failure()) ++codes[*rig.failure()];
      if (rig.at_tail()) {
        ASSERT_EQ(rig.walk().offset(), view_of(log).tail.offset);
      }
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(codes[Code::foreign], 50);
  for (const auto& [code, count] : codes) {
    EXPECT_TRUE(code == Code::foreign || code == Code::out_of_range || code == Code::corruption)
        << to_string(code);
  }
}

// What reads that log itself goes on, or is told where it may.
TEST(ReaderWalk, WhatNothingTiesToWhatWasReadIsNotReadInSilence) {
  TestLog log;
  TestChain chain(log, 2);
  chain.data(3);
  chain.close();
  chain.seal(2, flag::fences_nobody);
  chain.data(3);
  chain.close();
  const std::size_t read = chain.headers().size();
  WalkRig rig(log, {}, true);
  rig.run();
  ASSERT_TRUE(rig.at_tail());
  // Two more epochs come and go, without a record, and with them the seals between.
  for (const std::uint64_t writer : {3U, 4U}) {
    chain.seal(writer, flag::fences_nobody);
    chain.trim_to(chain.headers().size() - 1);
    chain.data(0);
    chain.data(0);
    chain.close();
  }
  chain.seal(5, flag::fences_nobody);
  chain.trim_to(chain.headers().size() - 1);
  chain.data(0);
  chain.data(4);
  chain.sweep(true);
  ASSERT_FALSE(log.objects.contains(chain.headers()[read].seq)) << "the seal behind what was read is gone";
  rig.poll_on();
  ASSERT_EQ(rig.failure(), Code::out_of_range) << rig.message();
  EXPECT_EQ(rig.walk().error().valid_range(), (OffsetRange{6, 10})) << "it may go on where it is";
  WalkRig again(log, {.offset = 6});
  again.run();
  EXPECT_EQ(again.records().size(), 4U);
}

// Trims, takeovers, sleepers. ---------------------------------------------------------------------------

/// A log in use: at random moments it grows, is closed, taken over, trimmed, and claimants that slept put
/// their seals where it was trimmed away.
class LiveLog {
 public:
  explicit LiveLog(std::uint32_t seed) : random_(seed), chain_(log, 1 + random_() % 4) {}

  TestLog log;

  void happen() {
    switch (random_() % 12) {
      case 0:
        return take_over();
      case 1:
        if (chain_.tail().owned) chain_.close();
        return;
      case 2:
      case 3:
        return trim();
      case 4:
        return fall_asleep();
      case 5:
        return wake_up();
      default:
        if (!chain_.tail().owned) return take_over();
        chain_.data(static_cast<std::uint32_t>(random_() % 3));
    }
  }

  [[nodiscard]] std::uint32_t draw(std::uint32_t below) {
    return static_cast<std::uint32_t>(random_() % below);
  }
  [[nodiscard]] const TestChain& chain() const { return chain_; }

 private:
  void take_over() { chain_.seal(++writers_, chain_.tail().owned ? 0 : flag::fences_nobody); }

  void trim() {
    if (!chain_.tail().owned) take_over();
    const std::size_t newest = chain_.headers().size() - 1;
    const std::size_t index = newest - random_() % std::min<std::size_t>(newest + 1, 4);
    if (chain_.headers()[index].first_offset < chain_.start_offset()) return;
    chain_.trim_to(index);
    chain_.data(0);
    chain_.data(static_cast<std::uint32_t>(random_() % 2));
    chain_.sweep(false);
  }

  // A claimant has looked at the log, and is about to put its seal at the tail.
  void fall_asleep() {
    TestChain claimant = chain_;
    const Seq seq = claimant.tail().seq;
    claimant.seal(1000 + ++writers_, chain_.tail().owned ? 0 : flag::fences_nobody);
    sleepers_.emplace(seq, log.objects.at(seq));
    log.objects.erase(seq);
  }

  void wake_up() {
    for (auto sleeper = sleepers_.begin(); sleeper != sleepers_.end(); sleeper = sleepers_.erase(sleeper)) {
      // Where nobody has sealed since, it would own the log.
      if (sleeper->first < chain_.lowest_live()) log.objects.emplace(*sleeper);
    }
  }

  std::minstd_rand random_;
  TestChain chain_;
  std::uint64_t writers_ = 1;
  std::map<Seq, std::vector<std::byte>> sleepers_;
};

TEST(ReaderWalk, WritersTrimsAndSleepersDoNotMisleadIt) {
  std::map<Code, int> codes;
  for (std::uint32_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(seed);
    LiveLog live(seed);
    for (int i = 0; i < 20; ++i) live.happen();
    const std::uint32_t pace = 1 + live.draw(12);
    WalkRig rig(live.log, {}, live.draw(2) == 0);
    int changes = 0;
    rig.before_request = [&](std::size_t) {
      if (changes < 300 && live.draw(pace) == 0) {
        live.happen();
        ++changes;
      }
    };
    for (int i = 0; i < 20 && !rig.failure(); ++i) {
      rig.run();
      rig.wait(live.draw(2) == 0 ? 100 : 11'000);
    }
    rig.before_request = [](std::size_t) {};
    rig.poll_on();
    ASSERT_TRUE(is_part(rig.records(), records_of(live.chain())));
    if (rig.failure()) {
      ++codes[*rig.failure()];
      ASSERT_EQ(*rig.failure(), Code::out_of_range) << rig.message();
    } else {
      ASSERT_EQ(rig.walk().offset(), live.chain().tail().offset);
    }
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(codes[Code::out_of_range], 50);
}

}  // namespace
}  // namespace varve::protocol
