// Readers in bad luck: the k-th request to the store fails, in each way, once or from then on. What they are
// told is what the log holds, record by record; the end is never told early; and once the store is well they
// go on.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <tuple>

#include "object_store/metered.h"
#include "testing/faulty.h"
#include "testing/log_builder.h"
#include "varve/point_reader.h"
#include "varve/reader.h"

namespace varve {
namespace {

using object_store::Fault;
using object_store::FaultyStore;
using object_store::for_good;
using object_store::RequestKind;
using std::chrono::milliseconds;
using testing::BuiltWriter;
using testing::LogBuilder;
using testing::payload_of;

constexpr Offset trimmed_below = 4;
constexpr Offset log_end = 24;
constexpr std::size_t large_record_bytes = 600;  // the middle of an object lies in a record
constexpr std::uint32_t give_up_ms = 15;
constexpr int errors_max = 200;  // a busy machine runs out of patience again and again

/// Two epochs with a leftover in the void between them, a trim that was not swept, and an unfinished tail.
void build(LogBuilder& log) {
  {
    BuiltWriter first = log.open();
    for (int i = 0; i < 6; ++i) first.put(2, large_record_bytes);
    first.trim(trimmed_below);
    const auto lost = first.make(2, large_record_bytes);
    log.store(first.make(2, large_record_bytes));
  }
  BuiltWriter second = log.open();
  second.write_checkpoint();
  for (int i = 0; i < 6; ++i) second.put(2, large_record_bytes);
  const auto lost = second.make(2, large_record_bytes);
  log.store(second.make(2, large_record_bytes));
}

bool may_pass(const Error& error) {
  return error.code() == Code::unavailable || error.code() == Code::timed_out;
}

class EveryReadersStep : public ::testing::TestWithParam<std::tuple<RequestKind, Fault, bool>> {
 protected:
  using Attempt = std::function<void(const LogAddress& log)>;

  /// Has `attempt` meet the fault at its first request, its second, ... until it needs no more of them.
  void at_every_request(const Attempt& attempt) {
    const auto& [kind, fault, for_ever] = GetParam();
    LogBuilder log;
    build(log);
    for (std::uint64_t k = 0;; ++k) {
      SCOPED_TRACE(fmt::format("request {}", k));
      faulty_ = std::make_shared<FaultyStore>(log.address().store);
      faulty_->add({.request = kind, .fault = fault, .skip = k, .times = for_ever ? for_good : 1});
      met_ = std::make_shared<object_store::MeteredStore>(faulty_);
      attempt({met_, log.address().path});
      if (HasFailure()) return;
      if (met_->counts(kind).started <= k) {
        EXPECT_GT(k, 0U) << "there was nothing to fail";
        return;
      }
    }
  }

  /// Whether `error` may come where the fault is; the store is well from then on.
  bool excused(const Error& error) {
    const bool damage = error.code() == Code::corruption || error.code() == Code::foreign ||
                        error.code() == Code::unsupported;
    EXPECT_TRUE(may_pass(error) || (damage && std::get<Fault>(GetParam()) == Fault::corrupt_bytes))
        << error.message();
    EXPECT_LE(++errors_, errors_max) << error.message();
    heal();
    return !HasFailure();
  }

  void heal() {
    faulty_->heal();
    faulty_->release();
  }

  /// A reader waits for an answer that does not come as long as it is told.
  static milliseconds patience() {
    const Fault fault = std::get<Fault>(GetParam());
    return milliseconds(fault == Fault::hold_request || fault == Fault::hold_answer ? 5 : 20'000);
  }

  std::shared_ptr<FaultyStore> faulty_;
  std::shared_ptr<object_store::MeteredStore> met_;
  int errors_ = 0;
};

TEST_P(EveryReadersStep, TellsAllThatIsThereAndNothingElse) {
  for (const bool follow : {false, true}) {
    at_every_request([&](const LogAddress& log) {
      errors_ = 0;
      std::unique_ptr<Reader> reader;
      Offset expected = trimmed_below;
      while (expected < log_end) {
        if (!reader) {
          auto opened =
              Reader::open(log, {.from = expected, .follow = follow, .poll_ms = 1, .give_up_ms = give_up_ms});
          if (!opened && !excused(opened.error())) return;
          if (!opened) continue;
          reader = *std::move(opened);
        }
        const auto record = reader->next(patience());
        if (!record) {
          if (!excused(record.error())) return;
          if (!may_pass(record.error())) reader.reset();  // it has read what was damaged on its way
          continue;
        }
        if (!*record && follow) {  // not yet
          if (!excused({Code::timed_out, "nothing came"})) return;
          continue;
        }
        ASSERT_TRUE(*record) << "the end is told at offset " << expected;
        ASSERT_EQ((*record)->offset, expected);
        const std::string payload = payload_of(expected, large_record_bytes);
        ASSERT_TRUE(std::ranges::equal((*record)->data, std::as_bytes(std::span(payload))));
        ++expected;
      }
      heal();
      auto end = reader->next(milliseconds(follow ? 1 : 20'000));
      while (!end && excused(end.error())) end = reader->next(milliseconds(follow ? 1 : 20'000));
      ASSERT_TRUE(end);
      ASSERT_FALSE(*end);
    });
  }
}

TEST_P(EveryReadersStep, FindsTheRecordOrSaysWhyNot) {
  at_every_request([&](const LogAddress& log) {
    errors_ = 0;
    std::unique_ptr<PointReader> reader;
    for (const Offset offset : {trimmed_below, Offset{13}, log_end - 1, log_end}) {
      for (bool found = false; !found;) {
        if (!reader) {
          auto opened = PointReader::open(log, {.cache_bytes = 0, .give_up_ms = give_up_ms});
          if (!opened && !excused(opened.error())) return;
          if (!opened) continue;
          reader = *std::move(opened);
        }
        const auto record = reader->read(offset);
        found = record || record.error().code() == Code::out_of_range;
        ASSERT_TRUE(!found || record.has_value() == (offset < log_end)) << offset;
        if (!found && !excused(record.error())) return;
        if (!record) continue;
        const std::string payload = payload_of(offset, large_record_bytes);
        ASSERT_TRUE(std::ranges::equal(record->data, std::as_bytes(std::span(payload))));
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Gets, EveryReadersStep,
                         ::testing::Combine(::testing::Values(RequestKind::get),
                                            ::testing::Values(Fault::fail, Fault::lose_answer,
                                                              Fault::hold_request, Fault::hold_answer,
                                                              Fault::corrupt_bytes),
                                            ::testing::Bool()));
INSTANTIATE_TEST_SUITE_P(Lists, EveryReadersStep,
                         ::testing::Combine(::testing::Values(RequestKind::list),
                                            ::testing::Values(Fault::fail, Fault::lose_answer,
                                                              Fault::hold_request, Fault::hold_answer),
                                            ::testing::Bool()));

}  // namespace
}  // namespace varve
