#include "object_store/probe/verdicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace varve::object_store {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Names = std::vector<std::string>;
using Pages = std::vector<Names>;

TEST(Race, OneWinnerWhoHoldsTheName) { EXPECT_THAT(flaw_of({{false, true, false}, 1}), IsEmpty()); }

TEST(Race, AWinnerWhoseAnswerWasLostIsNoFlaw) { EXPECT_THAT(flaw_of({{false, false}, 0}), IsEmpty()); }

TEST(Race, TwoWinners) { EXPECT_THAT(flaw_of({{true, true, false}, 1}), HasSubstr("2 of 3")); }

TEST(Race, ALoserHoldsTheName) { EXPECT_THAT(flaw_of({{true, false}, 1}), HasSubstr("had failed")); }

TEST(Race, NobodyHoldsTheName) {
  EXPECT_THAT(flaw_of({{true, false}, std::nullopt}), HasSubstr("none of those"));
}

TEST(Pages, AllNamesInOrder) {
  const Names wanted{"a", "b", "c"};
  EXPECT_THAT(flaw_of_pages(Pages{{"a", "b"}, {"c"}}, 2, wanted), IsEmpty());
  EXPECT_THAT(flaw_of_pages(Pages{{"a"}, {"b"}, {"c"}}, 2, wanted), IsEmpty()) << "a page may be short";
}

TEST(Pages, WhatIsWrongIsNamed) {
  const Names wanted{"a", "b", "c"};
  EXPECT_THAT(flaw_of_pages(Pages{{"a", "b", "c"}}, 2, wanted), HasSubstr("at most 2 names had 3"));
  EXPECT_THAT(flaw_of_pages(Pages{{"a", "c"}, {"b"}}, 2, wanted), HasSubstr("'c' came before 'b'"));
  EXPECT_THAT(flaw_of_pages(Pages{{"a"}, {"c"}}, 2, wanted), HasSubstr("2 of 3"));
  EXPECT_THAT(flaw_of_pages(Pages{{"a", "b"}, {"c", "d"}}, 2, wanted), HasSubstr("4 names instead of 3"));
  EXPECT_THAT(flaw_of_pages(Pages{}, 2, wanted), HasSubstr("0 of 3"));
}

TEST(Clock, IsOursOrAFewSecondsOffOrToBeSet) {
  using std::chrono::seconds;
  EXPECT_TRUE(seen_of_clock(seconds(-2)).ok);
  EXPECT_THAT(seen_of_clock(seconds(-2)).what, HasSubstr("the store's time is ours"));
  EXPECT_TRUE(seen_of_clock(seconds(30)).ok);
  EXPECT_THAT(seen_of_clock(seconds(30)).what, HasSubstr("30 s behind the store's"));
  EXPECT_FALSE(seen_of_clock(seconds(-900)).ok);
  EXPECT_THAT(seen_of_clock(seconds(-900)).what, HasSubstr("900 s ahead of the store's: set it (NTP)"));
}

TEST(Usable, OnlyWhatALogNeedsDecides) {
  const auto report = [](Capability capability, Verdict verdict) {
    DoctorReport found;
    found.capabilities.push_back(
        {.capability = capability, .verdict = verdict, .needed = is_needed(capability)});
    return found;
  };
  EXPECT_TRUE(report(Capability::ranges, Verdict::ok).usable());
  EXPECT_FALSE(report(Capability::ranges, Verdict::fails).usable());
  EXPECT_FALSE(report(Capability::atomic_create, Verdict::not_tested).usable())
      << "unproven is not good enough";
  EXPECT_TRUE(report(Capability::remove, Verdict::fails).usable());
  EXPECT_TRUE(report(Capability::clock, Verdict::not_tested).usable());
}

}  // namespace
}  // namespace varve::object_store
