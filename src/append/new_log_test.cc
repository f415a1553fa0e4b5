// Where requests cost money, the store is tried before a log is made in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "object_store/metered.h"
#include "testing/broken_stores.h"
#include "testing/faulty.h"
#include "testing/writers.h"

namespace varve::append {
namespace {

using object_store::RequestKind;
using preflight::PricedStore;
using testing::HasSubstr;

std::shared_ptr<Store> memory() { return fresh_log("new-log").store; }

TEST(NewLog, AStoreThatIgnoresTheConditionIsRefused) {
  const LogAddress log{std::make_shared<preflight::IgnoresIfAbsent>(memory()), "log"};
  const auto writer = Writer::open(log);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code(), Code::unsupported);
  EXPECT_THAT(writer.error().message(), HasSubstr("If-None-Match"));
  EXPECT_THAT(writer.error().message(), HasSubstr("varve doctor"));
  EXPECT_TRUE(object_store::list_all_now(*log.store, "")->empty()) << "neither a log nor a scratch object";
}

TEST(NewLog, IsMadeWhereTheConditionHolds) {
  const LogAddress log{std::make_shared<PricedStore>(memory()), "log"};
  auto writer = Writer::open(log);
  ASSERT_TRUE(writer) << writer.error().message();
  ASSERT_TRUE((*writer)->append(bytes_of("one")));
  ASSERT_TRUE((*writer)->close());
  EXPECT_EQ(read_back(log).records, std::vector<std::string>{"one"});
  EXPECT_TRUE(object_store::list_all_now(*log.store, "log/.varve-doctor/")->empty());
}

TEST(NewLog, TheStoreIsTriedOnceAndNeverForALogThatIsThere) {
  const auto metered = std::make_shared<object_store::MeteredStore>(std::make_shared<PricedStore>(memory()));
  const LogAddress log{metered, "log"};
  ASSERT_TRUE(Writer::open(log));
  EXPECT_EQ(metered->counts(RequestKind::put_if_absent).started, 5U)
      << "two of the trial, claim, seal, close";
  ASSERT_TRUE(Writer::open(log));
  EXPECT_EQ(metered->counts(RequestKind::put_if_absent).started, 8U) << "claim, seal and close";
}

TEST(NewLog, AStoreOfOursIsNotTried) {
  const auto metered = std::make_shared<object_store::MeteredStore>(memory());
  ASSERT_TRUE(Writer::open({metered, "log"}));
  EXPECT_EQ(metered->counts(RequestKind::put_if_absent).started, 3U) << "claim, seal and close";
}

TEST(NewLog, TheTrialOutlastsABadMoment) {
  const auto faulty = std::make_shared<object_store::FaultyStore>(std::make_shared<PricedStore>(memory()));
  faulty->add({.request = RequestKind::put_if_absent, .fault = object_store::Fault::lose_answer, .skip = 1});
  faulty->add({.request = RequestKind::put_if_absent, .fault = object_store::Fault::fail});
  EXPECT_TRUE(Writer::open({faulty, "log"}));
}

TEST(NewLog, WhoMayNotDeleteCanStillMakeOne) {
  const auto faulty = std::make_shared<object_store::FaultyStore>(std::make_shared<PricedStore>(memory()));
  faulty->add(
      {.request = RequestKind::remove, .fault = object_store::Fault::fail, .times = object_store::for_good});
  EXPECT_TRUE(Writer::open({faulty, "log"}));
}

TEST(NewLog, TheTrialEndsWithTheTimeToOpen) {
  const auto faulty = std::make_shared<object_store::FaultyStore>(std::make_shared<PricedStore>(memory()));
  faulty->add({.request = RequestKind::put_if_absent,
               .fault = object_store::Fault::hold_request,
               .times = object_store::for_good});
  WriterOptions options;
  options.open_timeout_ms = 30;
  const auto writer = Writer::open({faulty, "log"}, options);
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code(), Code::timed_out);
}

}  // namespace
}  // namespace varve::append
