// Repair of logs in a store: what it mends, and above all what it leaves alone.
#include "varve/repair.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/key.h"
#include "object_store/blocking.h"
#include "testing/log_builder.h"
#include "varve/cursor.h"
#include "varve/inspect.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace varve {
namespace {

using testing::BuiltWriter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::LogBuilder;
using ::testing::SizeIs;
using testing::Unstored;

std::vector<RepairKind> kinds_of(const RepairPlan& plan) {
  std::vector<RepairKind> kinds;
  for (const RepairStep& step : plan.steps) kinds.push_back(step.kind);
  return kinds;
}

RepairPlan planned(const LogBuilder& log) {
  auto plan = plan_repair(log.address());
  EXPECT_TRUE(plan) << plan.error().message();
  return plan ? *std::move(plan) : RepairPlan();
}

RepairPlan repaired(const LogBuilder& log, const RepairOptions& options = {}) {
  auto done = repair(log.address(), options);
  EXPECT_TRUE(done) << done.error().message();
  return done ? *std::move(done) : RepairPlan();
}

/// Reads from `from` until there is no more, or an error; the offset reached.
Offset read_from(const LogBuilder& log, Offset from, std::optional<Code>* error = nullptr) {
  const auto reader = Reader::open(log.address(), {.from = from});
  if (!reader) {
    if (error != nullptr) *error = reader.error().code();
    return from;
  }
  while (true) {
    const auto record = (*reader)->next();
    if (!record && error != nullptr) *error = record.error().code();
    if (!record || !*record) return (*reader)->position();
  }
}

TEST(Repair, ASoundLogNeedsNone) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(2);
  writer.write_checkpoint();
  const auto stored = log.stored();
  EXPECT_THAT(planned(log).steps, IsEmpty());
  EXPECT_THAT(repaired(log).steps, IsEmpty());
  EXPECT_EQ(log.stored(), stored);
}

TEST(Repair, FinishesATrimAndMakesACheckpointBesideAWriter) {
  LogBuilder log;
  {
    BuiltWriter first = log.open();
    for (int i = 0; i < 6; ++i) first.put(2);
    const Unstored lost = first.make(2);
    log.store(first.make(2));  // in the next seal's void
  }
  BuiltWriter writer = log.open();
  writer.put(2);
  writer.trim(7);
  ASSERT_GT(inspect(log.address())->garbage_objects, 1U);

  const auto stored = log.stored();
  EXPECT_THAT(kinds_of(planned(log)),
              ElementsAre(RepairKind::delete_garbage, RepairKind::rebuild_checkpoint));
  EXPECT_EQ(log.stored(), stored) << "a plan changes nothing";

  for (const RepairStep& step : repaired(log).steps) EXPECT_TRUE(step.done) << step.what;
  EXPECT_EQ(inspect(log.address())->garbage_objects, 0U);
  EXPECT_THAT(verify(log.address())->findings, IsEmpty());
  EXPECT_THAT(repaired(log).steps, IsEmpty()) << "twice is as good as once";

  writer.put(2);  // the writer did not notice
  EXPECT_EQ(read_from(log, 7), 16U);
  EXPECT_TRUE(Writer::open(log.address()));
}

// Its owner is handed out again what it has had; nothing is passed over, and nothing trimmed away.
TEST(Repair, ACursorThatCannotBeReadBeginsAnewAtTheStart) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  for (int i = 0; i < 6; ++i) writer.put(2);
  writer.trim(4);
  writer.sweep();
  writer.write_checkpoint();
  const auto cursors = Cursors::open(log.address()).value();
  for (const char* name : {"cut", "sound"}) ASSERT_TRUE(cursors.set(name, 9));
  const std::string key = format::cursor_key(log.address().path, "cut", 0);
  ASSERT_TRUE(object_store::put_now(*log.address().store, key, {}));
  ASSERT_THAT(kinds_of(planned(log)), ElementsAre(RepairKind::restart_cursor));
  EXPECT_FALSE(cursors.get("cut")) << "a plan changes nothing";
  EXPECT_TRUE(repaired(log).steps.at(0).done);
  EXPECT_EQ(cursors.get("cut")->offset, 4U);
  EXPECT_EQ(cursors.get("sound")->offset, 9U);
  EXPECT_THAT(kinds_of(repaired(log)), IsEmpty());
}

TEST(Repair, ABadCheckpointIsMadeAnew) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(2);
  const std::string key = format::checkpoint_key(log.address().path);
  const std::vector<std::byte> garbage(100, std::byte{'?'});
  ASSERT_TRUE(object_store::put_now(*log.address().store, key, {garbage, nullptr}));
  ASSERT_THAT(kinds_of(repaired(log)), ElementsAre(RepairKind::rebuild_checkpoint));
  EXPECT_THAT(verify(log.address())->findings, IsEmpty());
  EXPECT_THAT(planned(log).steps, IsEmpty());
}

// The newest acknowledged records are gone without a trace but for the checkpoint.
TEST(Repair, WhatOnlyTheCheckpointKnowsOfIsGivenUpByNamingTheEnd) {
  for (const bool second_epoch : {false, true}) {
    SCOPED_TRACE(second_epoch);
    LogBuilder log;
    BuiltWriter first = log.open();
    first.put(2);
    BuiltWriter writer = second_epoch ? log.open() : std::move(first);
    std::vector<Seq> gone{writer.appender().epoch() * static_cast<Seq>(second_epoch)};
    if (!second_epoch) gone.clear();
    gone.push_back(writer.put(2));
    gone.push_back(writer.put(1));
    writer.write_checkpoint();
    for (const Seq seq : gone) log.remove(seq);

    const auto opened = Writer::open(log.address());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code(), Code::corruption);
    const auto info = inspect(log.address());
    ASSERT_TRUE(info);
    EXPECT_EQ(info->end_offset, 2U);
    ASSERT_TRUE(info->damage);
    EXPECT_EQ(info->damage->code(), Code::corruption);
    EXPECT_FALSE(verify(log.address())->sound());
    std::optional<Code> error;
    EXPECT_EQ(read_from(log, 0, &error), 2U);
    EXPECT_FALSE(error) << "a checkpoint may lie: nothing that is read goes by it alone";

    const auto stored = log.stored();
    const RepairPlan plan = repaired(log);
    ASSERT_THAT(kinds_of(plan), ElementsAre(RepairKind::accept_end));
    EXPECT_FALSE(plan.steps[0].done);
    EXPECT_EQ(plan.lost_end, 2U);
    for (const Offset wrong : {0U, 1U, 3U, 5U}) {
      const auto refused = repair(log.address(), {.accept_end = wrong});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code(), Code::out_of_range);
    }
    EXPECT_EQ(log.stored(), stored);
    EXPECT_FALSE(Writer::open(log.address())) << "the witness is still there";

    const RepairPlan done = repaired(log, {.accept_end = 2});
    ASSERT_FALSE(done.steps.empty());
    for (const RepairStep& step : done.steps) EXPECT_TRUE(step.done) << step.what;
    const auto again = Writer::open(log.address());
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ((*again)->append({}).value(), 2U);
    ASSERT_TRUE((*again)->close());
    EXPECT_TRUE(verify(log.address())->sound());
    EXPECT_THAT(planned(log).steps, IsEmpty());
  }
}

TEST(Repair, ACheckpointWithoutASingleObjectTellsOfALostLog) {
  LogBuilder log;
  BuiltWriter writer = log.open();
  writer.put(2);
  writer.write_checkpoint();
  for (const Seq seq : log.stored()) log.remove(seq);
  EXPECT_EQ(Writer::open(log.address()).error().code(), Code::corruption);
  EXPECT_EQ(Reader::open(log.address()).error().code(), Code::corruption);
  EXPECT_EQ(inspect(log.address()).error().code(), Code::corruption);
  EXPECT_EQ(verify(log.address()).error().code(), Code::corruption);
  EXPECT_TRUE(planned(log).beyond_repair);
}

// A lost seal's void holds what its predecessor had in flight: no part of the log, and no measure of the
// loss.
TEST(Repair, TheVoidOfALostSealSaysNothingOfTheLoss) {
  LogBuilder log;
  {
    BuiltWriter first = log.open();
    for (int i = 0; i < 3; ++i) first.put(2);     // 4 to 6: offsets 0 to 5
    const Unstored never_stored = first.make(5);  // 7, where the seal will be
    log.store(first.make(5));                     // 8, offsets 11 to 15 if it counted
  }
  BuiltWriter second = log.open();
  const Seq seal = second.appender().epoch();
  second.put(2);  // 11: offsets 6 and 7
  log.remove(seal);
  EXPECT_EQ(Writer::open(log.address()).error().code(), Code::corruption);
  const RepairPlan plan = planned(log);
  ASSERT_THAT(plan.lost, SizeIs(1));
  EXPECT_EQ(plan.lost[0].first_object, seal);
  EXPECT_EQ(plan.lost[0].offsets, (OffsetRange{6, 6})) << "no record is lost";
}

/// Window 4; DATA at 4 to 13 with two records each.
void build(LogBuilder& log) {
  BuiltWriter writer = log.open();
  for (int i = 0; i < 10; ++i) writer.put(2);
}

TEST(Repair, SealsPastAHoleOnlyIfItsOffsetIsNamed) {
  LogBuilder log;
  build(log);
  log.remove(12);
  EXPECT_EQ(Writer::open(log.address()).error().code(), Code::corruption);
  const auto stored = log.stored();

  const RepairPlan plan = repaired(log);
  ASSERT_THAT(kinds_of(plan), ElementsAre(RepairKind::seal_past_hole));
  EXPECT_FALSE(plan.steps[0].done);
  ASSERT_THAT(plan.lost, SizeIs(1));
  EXPECT_EQ(plan.lost[0].offsets, (OffsetRange{16, 18}));
  for (const Offset wrong : {0U, 15U, 17U, 18U}) {
    const auto refused = repair(log.address(), {.seal_past_hole_at = wrong});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::out_of_range);
    EXPECT_FALSE(plan_repair(log.address(), {.seal_past_hole_at = wrong}));
  }
  EXPECT_EQ(log.stored(), stored);

  const RepairPlan done = repaired(log, {.seal_past_hole_at = 16});
  ASSERT_FALSE(done.steps.empty());
  for (const RepairStep& step : done.steps) EXPECT_TRUE(step.done) << step.what;
  const auto writer = Writer::open(log.address());
  ASSERT_TRUE(writer) << writer.error().message();
  EXPECT_EQ((*writer)->append({}).value(), 20U) << "lost offsets are not given out again";
  ASSERT_TRUE((*writer)->close());

  // What was there before is there still, and who comes to the hole is told.
  std::optional<Code> error;
  EXPECT_EQ(read_from(log, 0, &error), 16U);
  EXPECT_EQ(error, Code::corruption);
  EXPECT_EQ(read_from(log, 18), 21U);
  const auto report = verify(log.address());
  EXPECT_FALSE(report->sound());
  EXPECT_NE(report->findings[0].what.find("offsets 16 up to, but not including, 18"), std::string::npos)
      << report->findings[0].what;

  EXPECT_THAT(repaired(log, {.seal_past_hole_at = 16}).steps, IsEmpty()) << "once is enough";
}

// Whatever is lost before the newest object: writers can go on, nothing else is lost, no offset comes twice.
TEST(Repair, EveryLossThatASoundObjectKnowsOf) {
  for (const bool damaged : {false, true}) {
    for (unsigned mask = 1; mask < 32; ++mask) {
      SCOPED_TRACE(fmt::format("{} {:b}", damaged ? "damaged" : "missing", mask));
      LogBuilder log;
      build(log);
      for (Seq i = 0; i < 5; ++i) {
        if ((mask >> i & 1U) == 0) continue;
        damaged ? log.flip_bit(8 + i, 40) : log.remove(8 + i);
      }
      const auto stored = log.stored();
      const RepairPlan plan = planned(log);
      const bool opens = (mask & 16U) == 0;  // an opener walks from the newest's anchor, 12
      ASSERT_EQ(plan.lost.empty(), opens);
      ASSERT_FALSE(plan.beyond_repair) << plan.beyond_repair->message();
      if (!opens) {
        repaired(log, {.seal_past_hole_at = plan.lost.front().offsets.begin});
      }
      auto after = log.stored();
      for (const Seq seq : stored) EXPECT_TRUE(std::ranges::count(after, seq)) << seq;
      const auto writer = Writer::open(log.address());
      ASSERT_TRUE(writer) << writer.error().message();
      ASSERT_EQ((*writer)->append({}).value(), 20U);
      ASSERT_TRUE((*writer)->close());
      for (Seq i = 0; i < 5; ++i) {
        const Offset first = 2 * (4 + i);
        if ((mask >> i & 1U) == 0) {
          EXPECT_GE(read_from(log, first), first + 2);
        }
      }
      EXPECT_EQ(read_from(log, 18), 21U);
    }
  }
}

TEST(Repair, AnUnfinishedTailBehindALossIsCutByTheSeal) {
  LogBuilder log;
  {
    BuiltWriter writer = log.open();
    for (int i = 0; i < 10; ++i) writer.put(2);
    log.store(writer.make(2));  // 14
    const Unstored never_stored = writer.make(2);
    log.store(writer.make(2));  // 16, which was in flight with the two
  }
  log.remove(13);
  EXPECT_EQ(planned(log).lost.at(0).offsets, (OffsetRange{18, 20}));
  repaired(log, {.seal_past_hole_at = 18});
  const auto writer = Writer::open(log.address());
  ASSERT_TRUE(writer) << writer.error().message();
  EXPECT_EQ((*writer)->append({}).value(), 22U);
}

TEST(Repair, WhereOnlyAClaimIsLeftOfTheLastRecordsNobodyGoesOn) {
  LogBuilder log;
  {
    BuiltWriter writer = log.open();
    for (int i = 0; i < 10; ++i) writer.put(2);
    const Unstored never_stored = writer.make(2);
    log.store(writer.make(2));  // 15, which knows that 13 was stored
  }
  log.remove(13);
  const auto stored = log.stored();
  EXPECT_TRUE(repaired(log, {.seal_past_hole_at = 18}).beyond_repair);
  EXPECT_EQ(log.stored(), stored);
  std::optional<Code> error;
  EXPECT_EQ(read_from(log, 0, &error), 18U) << "what is sound is read";
  EXPECT_EQ(error, Code::corruption) << "and that is not the end";
}

TEST(Repair, WhereNobodyKnowsHowMuchIsLostNobodyGoesOn) {
  LogBuilder log;
  build(log);
  log.flip_bit(13, 40);
  const auto stored = log.stored();
  const RepairPlan plan = repaired(log, {.seal_past_hole_at = 18});
  ASSERT_TRUE(plan.beyond_repair);
  EXPECT_EQ(plan.beyond_repair->code(), Code::corruption);
  EXPECT_THAT(plan.steps, IsEmpty());
  EXPECT_EQ(log.stored(), stored);
}

TEST(Repair, TheCheckpointMayBeTheOnlyWitness) {
  LogBuilder log(8);
  {
    BuiltWriter writer = log.open();
    std::vector<Unstored> batch;
    batch.reserve(5);
    for (int i = 0; i < 5; ++i) batch.push_back(writer.make(2));
    for (const Unstored& object : batch) writer.land(object);
    writer.write_checkpoint();
    log.remove(batch[2].seq);
  }
  const RepairPlan plan = planned(log);
  ASSERT_THAT(plan.lost, SizeIs(1));
  EXPECT_EQ(plan.lost[0].offsets, (OffsetRange{4, 6}));
  const auto report = verify(log.address());
  EXPECT_EQ(report->findings.size(), 1U) << "what lies behind it is no unfinished tail";
  repaired(log, {.seal_past_hole_at = 4});
  EXPECT_EQ(Writer::open(log.address()).value()->append({}).value(), 10U);
}

// It may say that the place is a mirror, or be the only witness of more.
TEST(Repair, WhereTheCheckpointCannotBeReadNobodyGoesOnBehindALoss) {
  LogBuilder log;
  build(log);
  log.remove(12);
  const std::vector<std::byte> garbage(100, std::byte{'?'});
  ASSERT_TRUE(object_store::put_now(*log.address().store, format::checkpoint_key(log.address().path),
                                    {garbage, nullptr}));
  const auto stored = log.stored();
  const RepairPlan plan = repaired(log, {.seal_past_hole_at = 16});
  ASSERT_TRUE(plan.beyond_repair);
  EXPECT_THAT(plan.beyond_repair->message(), ::testing::HasSubstr("the checkpoint can't be read"));
  EXPECT_EQ(log.stored(), stored);
  log.remove_checkpoint();
  EXPECT_THAT(planned(log).lost, SizeIs(1));
}

TEST(Repair, NoLog) {
  const LogBuilder log;
  EXPECT_EQ(plan_repair(log.address()).error().code(), Code::not_found);
  EXPECT_EQ(repair(log.address()).error().code(), Code::not_found);
}

}  // namespace
}  // namespace varve
