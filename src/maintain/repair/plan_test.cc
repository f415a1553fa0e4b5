#include "maintain/repair/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace varve::maintain {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(RepairPlan, OfASoundLogIsEmpty) {
  const RepairPlan plan = plan_for({});
  EXPECT_THAT(plan.steps, IsEmpty());
  EXPECT_THAT(plan.notes, IsEmpty());
  EXPECT_FALSE(plan.beyond_repair);
}

TEST(RepairPlan, LeftoversGoBeforeTheCheckpointThatSaysSo) {
  const RepairPlan plan = plan_for({.garbage_objects = 3,
                                    .garbage_bytes = 500,
                                    .checkpoint = CheckpointState::useless,
                                    .checkpoint_why = "lies"});
  ASSERT_THAT(plan.steps, SizeIs(2));
  EXPECT_EQ(plan.steps[0].kind, RepairKind::delete_garbage);
  EXPECT_EQ(plan.steps[1].kind, RepairKind::rebuild_checkpoint);
  EXPECT_THAT(plan.steps[1].what, HasSubstr("lies"));
  EXPECT_FALSE(plan.steps[0].needs_word);
}

TEST(RepairPlan, TheOnlyWitnessOfALossIsLeftAlone) {
  const RepairPlan plan =
      plan_for({.checkpoint = CheckpointState::witness, .checkpoint_why = "knows more", .end = 7});
  ASSERT_THAT(plan.steps, SizeIs(1));
  EXPECT_EQ(plan.steps[0].kind, RepairKind::accept_end);
  EXPECT_TRUE(plan.steps[0].needs_word);
  EXPECT_THAT(plan.steps[0].what, HasSubstr("knows more"));
  EXPECT_EQ(plan.lost_end, 7U);
}

TEST(RepairPlan, NothingIsDoneAboutALossWithoutAWord) {
  TailLoss loss;
  loss.lost = {{.first_object = 12, .next_object = 14, .offsets = {16, 20}}};
  loss.walk_from = 14;
  loss.tail.seq = 15;
  loss.tail.offset = 22;
  const RepairPlan plan = plan_for({.garbage_objects = 1, .loss = loss});
  ASSERT_THAT(plan.steps, SizeIs(1));
  EXPECT_TRUE(plan.steps[0].needs_word);
  EXPECT_THAT(plan.steps[0].what, HasSubstr("records 16 to 19 (objects 12 to 13)"));
  ASSERT_THAT(plan.lost, SizeIs(1));
}

TEST(RepairPlan, WhatCannotBeMendedIsSaid) {
  const RepairPlan plan = plan_for({.garbage_objects = 1, .beyond_repair = Error(Code::corruption, "gone")});
  EXPECT_THAT(plan.steps, IsEmpty());
  EXPECT_EQ(plan.beyond_repair->message(), "gone");
}

}  // namespace
}  // namespace varve::maintain
