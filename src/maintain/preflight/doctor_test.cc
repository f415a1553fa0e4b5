// The doctor on stores that are well, and on stores that are not: each is found out, and named.
#include "varve/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "maintain/preflight/store_check.h"
#include "object_store/blocking.h"
#include "testing/broken_stores.h"
#include "testing/faulty.h"

namespace varve::preflight {
namespace {

using testing::HasSubstr;

/// Enough of everything to find a fault that is always there.
Plan small_plan() {
  return {.races = 3,
          .racers = 8,
          .rounds = 4,
          .objects = 12,
          .removed = 20,
          .small_bytes = 512,
          .large_bytes = 64 << 10,
          .small = {{1, 9}, {4, 16}},
          .large = {{1, 3}, {4, 8}},
          .lists = 3,
          .sample_time_max = std::chrono::milliseconds(2'000)};
}

std::shared_ptr<Store> memory_store(const std::string& parameters = "") {
  static int number = 0;
  return open_store("mem://doctor-" + std::to_string(number++) + parameters).value();
}

Result<DoctorReport> examine(Store& store, const DoctorOptions& options = {}) {
  const Plan plan = small_plan();
  return StoreCheck(store, options, plan).run();
}

std::set<std::string> failing(const DoctorReport& report) {
  std::set<std::string> names;
  for (const CapabilityReport& one : report.capabilities) {
    if (one.verdict == Verdict::fails) names.emplace(to_string(one.capability));
  }
  return names;
}

std::size_t objects_in(Store& store) { return object_store::list_all_now(store, "")->size(); }

TEST(Doctor, AStoreThatIsWellIsUsable) {
  const auto store = memory_store();
  const auto report = examine(*store);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->usable());
  EXPECT_EQ(failing(*report), std::set<std::string>());
  EXPECT_EQ(report->capabilities.size(), 9U);
  EXPECT_EQ(report->capabilities.back().verdict, Verdict::not_tested) << "a clock that nobody can read";
  EXPECT_EQ(report->store, store->describe());
  EXPECT_FALSE(report->cost) << "requests are free here";
  EXPECT_GE(report->settings.window, 16U);
  EXPECT_EQ(report->scratch_left, 0U);
  EXPECT_EQ(objects_in(*store), 0U);
}

TEST(Doctor, EveryLoadIsTimed) {
  const auto report = examine(*memory_store());
  ASSERT_TRUE(report);
  std::vector<std::string> loads;
  for (const LatencyReport& one : report->latencies) {
    loads.push_back(one.request + " " + std::to_string(one.body_bytes) + " x" +
                    std::to_string(one.in_flight));
    EXPECT_GT(one.requests, 0U);
    EXPECT_LE(one.p50_ms, one.p95_ms);
    EXPECT_LE(one.p95_ms, one.p99_ms);
    EXPECT_LE(one.p99_ms, one.max_ms);
    EXPECT_GT(one.requests_per_second, 0);
  }
  EXPECT_THAT(loads, testing::ElementsAre("PUT 512 x1", "PUT 512 x4", "GET 512 x1", "GET 512 x4", "LIST 0 x1",
                                          "DELETE 0 x1", "PUT 65536 x1", "PUT 65536 x4", "GET 65536 x1",
                                          "GET 65536 x4"));
}

TEST(Doctor, LatencyIsWhatTheStoreTakes) {
  const auto report = examine(*memory_store("?put=4ms,5ms,6ms&get=2ms,3ms,4ms"));
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->usable());
  const auto& put = report->latencies[0];
  const auto& get = report->latencies[2];
  // The median of nine falls below a fifth of the distribution's once in many thousand runs.
  EXPECT_GT(put.p50_ms, 2);
  EXPECT_GT(get.p50_ms, 1);
  EXPECT_LT(put.requests_per_second, 1000 / put.p50_ms * 3) << "one at a time";
}

TEST(Doctor, FilesAreWellAndNothingStays) {
  std::string directory = testing::TempDir() + "varve-doctor.XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const auto store = open_store("file://" + directory).value();
  const auto report = examine(*store, {.prefix = "team/orders/"});
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->usable());
  EXPECT_EQ(failing(*report), std::set<std::string>());
  EXPECT_THAT(report->scratch, testing::StartsWith("team/orders/.varve-doctor/"));
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    EXPECT_EQ(entry.path().filename(), ".varve-tmp") << "the store's own folder";
    EXPECT_TRUE(std::filesystem::is_empty(entry.path()));
  }
  std::filesystem::remove_all(directory);
}

TEST(Doctor, AWrongClockIsToldAndForbidsNothing) {
  AheadOfUs store(memory_store());
  const auto report = examine(store);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->usable());
  EXPECT_EQ(failing(*report), std::set<std::string>{"clock"});
  EXPECT_THAT(report->capabilities.back().what, HasSubstr("3600 s behind the store's"));
}

TEST(Doctor, CostIsCountedWhereRequestsCostOrPricesAreGiven) {
  PricedStore priced(memory_store());
  const auto asked = examine(priced);
  ASSERT_TRUE(asked && asked->cost);
  EXPECT_GT(asked->cost->puts, 0);
  const auto given = examine(*memory_store(), {.prices = Prices{}});
  ASSERT_TRUE(given);
  EXPECT_TRUE(given->cost);
}

struct Broken {
  const char* name;
  std::shared_ptr<Store> (*make)(std::shared_ptr<Store> below);
  std::set<std::string> fails;
  bool usable;
};

std::ostream& operator<<(std::ostream& out, const Broken& broken) { return out << broken.name; }

template <class AStore>
std::shared_ptr<Store> make(std::shared_ptr<Store> below) {
  return std::make_shared<AStore>(std::move(below));
}

class BrokenStore : public testing::TestWithParam<Broken> {};

TEST_P(BrokenStore, IsFoundOutAndNamed) {
  // Requests take a moment, as they do elsewhere: those that are sent at once are under way together.
  const auto broken = GetParam().make(memory_store("?put=1ms,1ms,1ms&get=3ms,3ms,3ms"));
  const auto report = examine(*broken);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(failing(*report), GetParam().fails);
  EXPECT_EQ(report->usable(), GetParam().usable);
  for (const CapabilityReport& one : report->capabilities) EXPECT_FALSE(one.what.empty() || one.why.empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, BrokenStore,
    testing::Values(
        Broken{"IgnoresIfAbsent", make<IgnoresIfAbsent>, {"create_if_absent", "atomic_create"}, false},
        Broken{"LooksThenPuts", make<LooksThenPuts>, {"atomic_create"}, false},
        Broken{"RefusesAndStores", make<RefusesAndStores>, {"create_if_absent", "atomic_create"}, false},
        Broken{"RemembersAbsence", make<RemembersAbsence>, {"read_after_write"}, false},
        Broken{"RemembersContent", make<RemembersContent>, {"replace"}, true},
        Broken{"RemembersListings", make<RemembersListings>, {"list_after_write"}, false},
        Broken{"MissesWhatStays", make<MissesWhatStays>, {"list_after_write"}, false},
        Broken{"ListsBackwards", make<ListsBackwards>, {"list_order"}, false},
        Broken{"SkipsAfterPages", make<SkipsAfterPages>, {"list_order"}, false},
        Broken{"IgnoresRanges", make<IgnoresRanges>, {"ranges"}, false},
        Broken{"LosesRemovals", make<LosesRemovals>, {"remove"}, true}),
    [](const testing::TestParamInfo<Broken>& broken) { return broken.param.name; });

TEST(Doctor, WithoutConditionalCreatesThereIsNothingMoreToTry) {
  CannotCreateIfAbsent store(memory_store());
  const auto report = examine(store);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_FALSE(report->usable());
  EXPECT_EQ(failing(*report), std::set<std::string>{"create_if_absent"});
  EXPECT_THAT(report->capabilities[0].what, HasSubstr("not implemented"));
  EXPECT_EQ(report->capabilities[1].verdict, Verdict::not_tested);
  EXPECT_TRUE(report->latencies.empty());
  EXPECT_EQ(objects_in(store), 0U);
}

TEST(Doctor, WhatCannotBeRemovedIsCounted) {
  LosesRemovals store(memory_store());
  const auto report = examine(store);
  ASSERT_TRUE(report);
  EXPECT_GT(report->scratch_left, 0U);
  EXPECT_EQ(report->scratch_left, objects_in(store));
}

TEST(Doctor, AStoreThatFailsHalfWayIsAnErrorAndIsCleaned) {
  for (const std::uint64_t skip : {0, 1, 20, 40, 70, 100}) {
    object_store::FaultyStore faulty(memory_store());
    faulty.add({.request = object_store::RequestKind::put_if_absent,
                .fault = object_store::Fault::lose_answer,
                .skip = skip});
    const auto report = examine(faulty);
    ASSERT_FALSE(report) << "skip " << skip;
    EXPECT_EQ(report.error().code(), Code::unavailable);
    EXPECT_THAT(report.error().message(), HasSubstr("while t"));
    EXPECT_EQ(objects_in(faulty), 0U) << "skip " << skip;
  }
}

TEST(Doctor, APlaceThatIsNotThereCannotBeReached) {
  const auto store = open_store("file:///proc/no/such/place").value();
  const auto report = examine(*store);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::unavailable);
}

TEST(Doctor, AStoreThatIsSilentIsGivenUp) {
  object_store::FaultyStore faulty(memory_store());
  faulty.add({.request = object_store::RequestKind::get,
              .fault = object_store::Fault::hold_request,
              .times = object_store::for_good});
  const auto report = examine(faulty, {.patience_ms = 20});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::timed_out);
  EXPECT_EQ(objects_in(faulty), 0U);
}

TEST(Doctor, CanBeStoppedAtAnyStage) {
  for (const double part : {0.0, 0.3, 0.6, 0.9}) {
    const auto store = memory_store();
    std::stop_source stop;
    DoctorOptions options;
    options.stop = stop.get_token();
    options.progress = [&](std::string_view, double done) {
      if (done >= part) stop.request_stop();
    };
    const auto report = examine(*store, options);
    ASSERT_FALSE(report) << part;
    EXPECT_EQ(report.error().code(), Code::closed);
    EXPECT_EQ(objects_in(*store), 0U);
  }
}

TEST(Doctor, ProgressGoesFromNothingToAll) {
  const auto store = memory_store();
  std::vector<double> parts;
  DoctorOptions options;
  options.progress = [&](std::string_view, double part) { parts.push_back(part); };
  ASSERT_TRUE(examine(*store, options));
  ASSERT_FALSE(parts.empty());
  EXPECT_EQ(parts.front(), 0);
  EXPECT_EQ(parts.back(), 1);
  EXPECT_TRUE(std::is_sorted(parts.begin(), parts.end()));
}

TEST(Doctor, OptionsAreChecked) {
  const auto store = memory_store();
  EXPECT_EQ(diagnose(*store, {.prefix = "no-slash"}).error().code(), Code::invalid_argument);
  EXPECT_EQ(diagnose(*store, {.patience_ms = 0}).error().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace varve::preflight
