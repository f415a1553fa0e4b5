// Two writers that take the same log over at the same time, again and again, while the owner before
// them writes on.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cstdlib>
#include <map>
#include <thread>

#include "trial.h"

namespace varve::s3_trial {
namespace {

using namespace std::chrono_literals;

/// One of those who want the log, with a store of its own, as another process would have.
struct Contestant {
  LogAddress log;
  std::unique_ptr<Writer> writer = {};
  std::map<Offset, std::string> acknowledged = {};
  std::string complaint = {};

  /// Whether its record made it; losing the log to another is the only way to fail.
  bool append(const std::string& record) {
    if (!writer) return false;
    const auto appended = writer->append(std::as_bytes(std::span(record)));
    const auto flushed = writer->flush(60s);
    if (appended && flushed) {
      acknowledged.emplace(*appended, record);
      return true;
    }
    const Error& error = appended ? flushed.error() : appended.error();
    if (error.code() != Code::fenced) complaint = error.message();
    return false;
  }

  void open() {
    auto opened = Writer::open(log, {.window = 4});
    if (opened) {
      writer = *std::move(opened);
    } else if (opened.error().code() != Code::fenced) {
      complaint = opened.error().message();
    }
  }
};

// VARVE_TAKEOVER_ROUNDS sets how often.
TEST(TakeoverRace, HasOneOwnerAndLosesNothing) {
  const char* wanted = std::getenv("VARVE_TAKEOVER_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 30;
  const std::string place = fresh_place("race");
  std::map<Offset, std::string> acknowledged;
  std::unique_ptr<Writer> owner;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(fmt::format("round {}", round));
    Contestant before{.log = at(place), .writer = std::move(owner)};
    Contestant claimants[] = {{.log = at(place)}, {.log = at(place)}};
    std::barrier start(3);
    std::barrier opened(3);
    std::atomic<int> settled = 0;
    int owners = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&, i] {
          start.arrive_and_wait();
          claimants[i].open();
          claimants[i].append(fmt::format("round {}: {} at once", round, i));
          ++settled;
          opened.arrive_and_wait();
          claimants[i].append(fmt::format("round {}: {} later", round, i));
        });
      }
      start.arrive_and_wait();
      // Until it is fenced; if it never is, what the claimants have to say tells why.
      for (int i = 0; before.append(fmt::format("round {}: still {}", round, i)) && settled < 2; ++i) {
      }
      opened.arrive_and_wait();
    }
    // Those who own the log no more know it by now; who still can append is its owner.
    for (Contestant* one : {&before, &claimants[0], &claimants[1]}) {
      if (one->append(fmt::format("round {}: owner", round))) {
        ++owners;
        owner = std::move(one->writer);
      }
      EXPECT_EQ(one->complaint, "");
      for (const auto& [offset, record] : one->acknowledged) {
        EXPECT_TRUE(acknowledged.emplace(offset, record).second) << offset << " was acknowledged twice";
      }
    }
    ASSERT_EQ(owners, 1);
  }
  EXPECT_TRUE(owner->close(60s));

  auto reader = Reader::open(at(place));
  ASSERT_TRUE(reader) << reader.error().message();
  auto next_acknowledged = acknowledged.begin();
  Offset offset = 0;
  for (auto record = (*reader)->next(60s); record && *record; record = (*reader)->next(60s), ++offset) {
    ASSERT_EQ((*record)->offset, offset);
    if (next_acknowledged == acknowledged.end() || next_acknowledged->first != offset) continue;
    const auto data = (*record)->data;
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(data.data()), data.size()),
              next_acknowledged->second);
    ++next_acknowledged;
  }
  EXPECT_TRUE(next_acknowledged == acknowledged.end()) << next_acknowledged->first << " is missing";
  fmt::print("{} rounds, {} records acknowledged, {} in the log\n", rounds, acknowledged.size(), offset);
}

}  // namespace
}  // namespace varve::s3_trial
