// A writer, its successor and readers on a real S3 server behind a proxy that spoils requests: each
// mishap alone, and all of them mixed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>
#include <ostream>
#include <random>

#include "fault_proxy.h"
#include "trial.h"
#include "varve/inspect.h"

namespace varve::s3_trial {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t mib = 1 << 20;

/// Small, so that there are many objects; and quick to give up an attempt, not the log.
const WriterOptions writer_options{.batch_bytes = 64 << 10,
                                   .puts_per_second = 0.0,
                                   .window = 8,
                                   .buffered_bytes_max = mib,
                                   .checkpoint_every_objects = 16};

struct Case {
  std::string name;
  FaultProxy::Plan plan;
  Offset records = 800;

  friend std::ostream& operator<<(std::ostream& out, const Case& trial) { return out << trial.name; }
};

/// The log's whole life behind the proxy: created, written, taken over from a writer that is not
/// closed, written on, trimmed, closed; with two readers following all the time.
void live(const Case& trial) {
  const std::uint64_t seed = trial.plan.seed;
  const Moment deadline = std::chrono::steady_clock::now() + 100s;
  FaultProxy proxy(gateway.port);
  proxy.follow(trial.plan);
  const std::string place = fresh_place(trial.name);
  const LogAddress direct = at(place);
  const LogAddress spoilt = at(place, proxy.port());
  forget_peak();
  const std::size_t before = peak_resident_bytes();

  auto first = Writer::open(spoilt, writer_options);
  ASSERT_TRUE(first) << first.error().message();
  std::future<std::string> readers[2];
  for (auto& reader : readers) {
    reader = std::async(std::launch::async, [&, seed] {
      return follow(at(place, proxy.port()), seed, 0, trial.records, deadline);
    });
  }
  Outcomes of_first(0);
  ASSERT_EQ(append_up_to(**first, of_first, seed, trial.records / 2, deadline), "");
  const auto flushed = (*first)->flush(60s);
  ASSERT_TRUE(flushed) << flushed.error().message();
  EXPECT_TRUE(of_first.wait_for(trial.records / 2, deadline));
  EXPECT_EQ(of_first.acknowledged(), trial.records / 2);

  auto second = Writer::open(at(place, proxy.port()), writer_options);
  ASSERT_TRUE(second) << second.error().message();
  Outcomes of_second(trial.records / 2);
  ASSERT_EQ(append_up_to(**second, of_second, seed, trial.records, deadline), "");
  const auto flushed_too = (*second)->flush(60s);
  ASSERT_TRUE(flushed_too) << flushed_too.error().message();
  EXPECT_TRUE(of_second.wait_for(trial.records, deadline));
  EXPECT_EQ(of_second.acknowledged(), trial.records);
  EXPECT_FALSE((*second)->status().failure);
  EXPECT_LE((*second)->status().buffered_bytes, writer_options.buffered_bytes_max);

  // Acknowledged is readable, at once and for everybody.
  EXPECT_EQ(follow(direct, seed, 0, trial.records, deadline), "");
  for (auto& reader : readers) EXPECT_EQ(reader.get(), "");
  // Only now does the first learn that it has been replaced.
  EXPECT_FALSE((*first)->status().failure);
  EXPECT_TRUE((*first)->append(std::as_bytes(std::span("late"))));
  const auto too_late = (*first)->flush(60s);
  ASSERT_FALSE(too_late);
  EXPECT_EQ(too_late.error().code(), Code::fenced) << too_late.error().message();

  const auto trimmed = (*second)->trim(trial.records / 4);
  ASSERT_TRUE(trimmed) << trimmed.error().message();
  const auto closed = (*second)->close(60s);
  EXPECT_TRUE(closed) << closed.error().message();
  EXPECT_EQ(of_first.complaint(), "");
  EXPECT_EQ(of_second.complaint(), "");
  EXPECT_TRUE(of_first.failed().empty());
  EXPECT_TRUE(of_second.failed().empty());

  // The writers' and readers' buffers, their connections' and the proxy's, and the allocator's share.
  EXPECT_LE(peak_resident_bytes(), before + 64 * mib);
  EXPECT_EQ(follow(direct, seed, trial.records / 4, trial.records, deadline), "");
  const auto report = verify(direct);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->info.end_offset, trial.records);
  for (const Finding& finding : report->findings) {
    EXPECT_NE(finding.severity, Severity::damage) << finding.key << ": " << finding.what;
  }
  for (const Mishap mishap : trial.plan.of) {
    // In a mix each may be missed by chance; alone it must have happened.
    EXPECT_TRUE(proxy.count(mishap) > 0 || trial.plan.of.size() > 1) << to_string(mishap);
  }
}

class EachMishap : public testing::TestWithParam<Case> {};

TEST_P(EachMishap, CostsTimeOnly) { live(GetParam()); }

Case only(Mishap mishap, double chance) {
  return {.name = std::string(to_string(mishap)), .plan = {.of = {mishap}, .chance = chance}};
}

INSTANTIATE_TEST_SUITE_P(S3, EachMishap,
                         testing::Values(only(Mishap::none, 0), only(Mishap::cut_before_sending, 0.15),
                                         only(Mishap::cut_in_request, 0.15),
                                         only(Mishap::cut_before_answer, 0.15),
                                         only(Mishap::cut_in_answer, 0.15), only(Mishap::slow_down, 0.1),
                                         only(Mishap::internal_error, 0.1), only(Mishap::drip, 0.1),
                                         only(Mishap::stall_before, 0.01), only(Mishap::stall_after, 0.01),
                                         only(Mishap::short_length, 0.15), only(Mishap::long_length, 0.15),
                                         only(Mishap::garbage, 0.15), only(Mishap::false_conflict, 0.15),
                                         only(Mishap::late_answer, 0.3)),
                         [](const auto& of_this) { return of_this.param.name; });

// Another mix each time. VARVE_TRIAL_SEED repeats one, VARVE_TRIALS sets how many.
TEST(MixedMishaps, CostTimeOnly) {
  const char* seed_wanted = std::getenv("VARVE_TRIAL_SEED");
  const char* trials_wanted = std::getenv("VARVE_TRIALS");
  const int trials = trials_wanted != nullptr ? std::atoi(trials_wanted) : 3;
  for (int i = 0; i < trials && !testing::Test::HasFailure(); ++i) {
    Case trial{.name = "mixed", .plan = {.seed = std::random_device()()}};
    if (seed_wanted != nullptr) trial.plan.seed = std::strtoull(seed_wanted, nullptr, 10);
    std::mt19937_64 random(trial.plan.seed);
    const std::uint64_t among = 2 + random() % (mishaps - 2);
    while (trial.plan.of.size() < among) {
      trial.plan.of.push_back(static_cast<Mishap>(1 + random() % (mishaps - 1)));
    }
    trial.plan.chance = std::uniform_real_distribution(0.02, 0.12)(random);
    fmt::print("mix of seed {}: {} mishaps, chance {:.2f}\n", trial.plan.seed, among, trial.plan.chance);
    SCOPED_TRACE(fmt::format("VARVE_TRIAL_SEED={}", trial.plan.seed));
    live(trial);
  }
}

}  // namespace
}  // namespace varve::s3_trial
