#include "maintain/retention/decision.h"

#include <gtest/gtest.h>

namespace varve::maintain {
namespace {

constexpr std::int64_t now = 1'700'000'000'000;
constexpr std::uint64_t day_ms = 86'400'000;

Cursor cursor(const char* name, Offset offset, std::uint64_t days_ago = 0) {
  return {.name = name,
          .offset = offset,
          .moved_unix_ms = now - static_cast<std::int64_t>(days_ago * day_ms),
          .revision = 1};
}

/// Of a log with the records 100 to 199.
RetentionPlan plan(const RetentionPolicy& policy, std::vector<Cursor> cursors,
                   std::optional<Offset> by_age = {}, std::optional<Offset> by_size = {}) {
  return decide(policy, {.records = {100, 200},
                         .cursors = std::move(cursors),
                         .by_age = by_age,
                         .by_size = by_size,
                         .now_unix_ms = now});
}

TEST(RetentionDecision, CursorsLetGoOfWhatAllAreDoneWith) {
  const auto made = plan({.to_cursors = true}, {cursor("a", 150), cursor("b", 130), cursor("c", 200)});
  EXPECT_EQ(made.let_go_below, 130U);
  EXPECT_EQ(made.decided_by, RetentionRule::cursors);
  EXPECT_EQ(made.lowest_cursor->name, "b");
  EXPECT_FALSE(made.held_back);
  EXPECT_EQ(plan({.to_cursors = true}, {cursor("a", 999)}).let_go_below, 200U);
}

TEST(RetentionDecision, WithoutCursorsNothingIsDoneWith) {
  const auto made = plan({.to_cursors = true}, {});
  EXPECT_EQ(made.let_go_below, 100U);
  EXPECT_EQ(made.decided_by, RetentionRule::none);
  EXPECT_TRUE(made.empty());
}

TEST(RetentionDecision, TheTighterLimitDecides) {
  EXPECT_EQ(plan({}, {}, 120).let_go_below, 120U);
  EXPECT_EQ(plan({}, {}, 120).decided_by, RetentionRule::age);
  const auto both = plan({}, {}, 120, 140);
  EXPECT_EQ(both.let_go_below, 140U);
  EXPECT_EQ(both.decided_by, RetentionRule::size);
  EXPECT_EQ(plan({}, {}, 150, 140).decided_by, RetentionRule::age);
  EXPECT_EQ(plan({}, {}, 100, 100).decided_by, RetentionRule::none);
  EXPECT_EQ(plan({}, {}, std::nullopt, 110).decided_by, RetentionRule::size);
}

TEST(RetentionDecision, NoLimitTakesWhatACursorNeeds) {
  const auto made = plan({}, {cursor("slow", 110), cursor("fast", 190)}, 120, 140);
  EXPECT_EQ(made.let_go_below, 110U);
  EXPECT_EQ(made.decided_by, RetentionRule::cursors);
  EXPECT_TRUE(made.held_back);
  EXPECT_EQ(made.lowest_cursor->name, "slow");
  // One that is ahead of the limits does not make them tighter.
  EXPECT_EQ(plan({.to_cursors = true}, {cursor("fast", 190)}, 120).let_go_below, 120U);
}

Cursor bad(const char* name, bool readable, std::uint64_t days_ago = 0) {
  Cursor made = cursor(name, readable ? 190 : 0, days_ago);
  made.readable = readable;
  if (!readable) made.moved_unix_ms = 0;
  made.problem = Error(readable ? Code::foreign : Code::corruption, "not to be relied on");
  return made;
}

// Whatever it says, its owner may need what is there.
TEST(RetentionDecision, ACursorThatCannotBeReliedOnHoldsEverything) {
  for (const bool readable : {true, false}) {
    const auto made = plan({.to_cursors = true}, {cursor("sound", 150), bad("bad", readable)});
    EXPECT_EQ(made.let_go_below, 100U);
    EXPECT_EQ(made.decided_by, RetentionRule::cursors);
    EXPECT_TRUE(made.held_back);
    ASSERT_EQ(made.untrusted.size(), 1U);
    EXPECT_EQ(made.untrusted[0].name, "bad");
    EXPECT_EQ(made.lowest_cursor->name, "sound");
    EXPECT_EQ(plan({}, {bad("bad", readable)}, 120, 140).let_go_below, 100U);
    EXPECT_EQ(plan({.to_cursors = true}, {bad("bad", readable)}).let_go_below, 100U);
  }
}

TEST(RetentionDecision, WhenACursorThatCannotBeReadWasMovedNobodyKnows) {
  RetentionPolicy policy{
      .to_cursors = true, .idle_cursors = IdleCursors::ignore, .idle_after_ms = 30 * day_ms};
  const auto with = [&](const Cursor& other) {
    return plan(policy, {cursor("sound", 150), other}).let_go_below;
  };
  EXPECT_EQ(with(bad("cut", false)), 100U);
  EXPECT_EQ(with(bad("other-history", true, 1)), 100U);
  EXPECT_EQ(with(bad("other-history", true, 40)), 150U) << "idle as any other";
  policy.idle_after_ms = 0;
  EXPECT_EQ(plan(policy, {bad("cut", false)}, 120).let_go_below, 120U) << "the limits count alone";
}

TEST(RetentionDecision, ACursorBehindTheStartHoldsTheRest) {
  const auto made = plan({}, {cursor("late", 7)}, 120);
  EXPECT_EQ(made.let_go_below, 100U);
  EXPECT_TRUE(made.held_back);
  EXPECT_EQ(made.decided_by, RetentionRule::cursors);
  EXPECT_TRUE(made.empty());
}

TEST(RetentionDecision, IdleCursorsHoldUnlessToldOtherwise) {
  const std::vector<Cursor> cursors{cursor("gone", 110, 40), cursor("here", 150, 1)};
  RetentionPolicy policy{.to_cursors = true, .idle_after_ms = 30 * day_ms};
  EXPECT_EQ(plan(policy, cursors).let_go_below, 110U);
  EXPECT_TRUE(plan(policy, cursors).idle.empty());

  policy.idle_cursors = IdleCursors::ignore;
  const auto ignored = plan(policy, cursors);
  EXPECT_EQ(ignored.let_go_below, 150U);
  ASSERT_EQ(ignored.idle.size(), 1U);
  EXPECT_EQ(ignored.idle[0].name, "gone");
  EXPECT_FALSE(ignored.remove_idle);

  policy.idle_cursors = IdleCursors::remove;
  EXPECT_TRUE(plan(policy, cursors).remove_idle);
  EXPECT_FALSE(plan(policy, {cursor("gone", 100, 40)}).empty());
}

TEST(RetentionDecision, WhereAllCursorsAreIdleNobodyIsDoneWithAnything) {
  const RetentionPolicy policy{
      .to_cursors = true, .idle_cursors = IdleCursors::ignore, .idle_after_ms = day_ms};
  EXPECT_EQ(plan(policy, {cursor("gone", 150, 2)}).let_go_below, 100U);
  EXPECT_EQ(plan(policy, {cursor("gone", 110, 2)}, 120).let_go_below, 120U);
}

TEST(RetentionDecision, StrangeClocksAreNotIdleForAges) {
  RetentionPolicy policy{.idle_cursors = IdleCursors::ignore, .idle_after_ms = day_ms};
  Cursor strange = cursor("strange", 110);
  strange.moved_unix_ms = INT64_MAX;
  EXPECT_EQ(plan(policy, {strange}, 120).let_go_below, 110U);
  strange.moved_unix_ms = INT64_MIN;
  EXPECT_EQ(plan(policy, {strange}, 120).let_go_below, 120U);
  policy.idle_after_ms = 0;
  strange.moved_unix_ms = INT64_MAX;
  EXPECT_EQ(plan(policy, {strange}, 120).let_go_below, 120U);
}

TEST(RetentionDecision, PoliciesThatCannotBe) {
  EXPECT_FALSE(check({}));
  EXPECT_FALSE(check({.max_age_ms = 0}));
  EXPECT_FALSE(check({.max_bytes = 0}));
  EXPECT_FALSE(check({.max_age_ms = UINT64_MAX}));
  EXPECT_FALSE(check({.to_cursors = true, .idle_after_ms = UINT64_MAX}));
  EXPECT_TRUE(check({.to_cursors = true}));
  EXPECT_TRUE(check({.max_age_ms = 1, .max_bytes = UINT64_MAX}));
}

}  // namespace
}  // namespace varve::maintain
