// Whatever a mirror has done, and wherever it was cut off: what a survey of its destination says is so; and
// once it is promoted, nothing that a mirror sends late changes that.
#include <gtest/gtest.h>

#include "protocol/takeover.h"
#include "testing/mirror_rig.h"

namespace varve::protocol {
namespace {

/// The first place of the source's chain, from where the destination begins, that is not stored there.
Seq first_hole(const TestChain& chain, const TestLog& destination, Seq begins) {
  for (const format::Header& header : chain.headers()) {
    if (header.seq >= begins && !destination.objects.contains(header.seq)) return header.seq;
  }
  return chain.tail().seq;
}

/// What is at the destination is the source's, byte for byte, and of its chain.
void expect_only_copies(const std::map<Seq, std::vector<std::byte>>& ever, const TestLog& destination) {
  for (const auto& [seq, bytes] : destination.objects) {
    const auto original = ever.find(seq);
    ASSERT_NE(original, ever.end()) << seq;
    EXPECT_EQ(original->second, bytes) << seq;
  }
}

class MirroredSurvey : public testing::TestWithParam<std::uint32_t> {
 protected:
  MirroredSurvey() : random_(GetParam() + 1) {}

  void expect_right() {
    const auto checkpoint = rig_.decoded_checkpoint();
    if (!checkpoint || is_stale(*checkpoint)) return;
    const auto view = run(destination_, RecoveryScan({.want_history = true}), &random_);
    ASSERT_TRUE(view) << view.error().message();
    if (!view->exists) return expect_no_record();
    ASSERT_TRUE(view->mirror);
    const Seq hole = first_hole(*chain_, destination_, view->lowest_live());
    EXPECT_EQ(view->tail.seq, hole);
    EXPECT_LE(view->lowest_live(), view->newest_owned.seq);
    EXPECT_TRUE(destination_.objects.contains(view->lowest_live()));
    format::EpochHistory until_hole = chain_->history();
    std::erase_if(until_hole, [&](const auto& entry) { return entry.seal >= hole; });
    EXPECT_EQ(view->history, until_hole);
  }

  void expect_no_record() const {
    for (const auto& [seq, object] : destination_.objects)
      EXPECT_EQ(format::decode_header(object)->kind, format::Kind::seal) << seq;
  }

  // A checkpoint that a dead mirror had sent, and that landed when its successor was in a later epoch: until
  // that one writes the next, nothing tells that this is a mirror, and nobody promotes it.
  [[nodiscard]] bool is_stale(const format::Checkpoint& checkpoint) const {
    const Seq begins = std::max(checkpoint.mirror->begins_seq, rig_.swept_below());
    const Seq hole = first_hole(*chain_, destination_, begins);
    const Seq epoch = checkpoint.history.back().seal;
    return std::ranges::any_of(chain_->headers(),
                               [&](const format::Header& header) {
                                 return header.epoch > epoch && header.kind == format::Kind::data &&
                                        destination_.objects.contains(header.seq);
                               }) &&
           hole > epoch;
  }

  void grow() {
    for (auto i = random_() % 6; i > 0; --i) {
      if (!chain_->tail().owned || random_() % calm_ == 0) {
        chain_->seal(random_() % 9 + 1);
      } else if (random_() % (calm_ + 2) == 0) {
        chain_->seal(9, format::flag::ahead);
      } else {
        chain_->data(static_cast<std::uint32_t>(random_() % 4), random_() % 3);
      }
    }
    if (!chain_->tail().owned) chain_->seal(3);
    for (const auto& [seq, bytes] : source_.objects) ever_.emplace(seq, bytes);
  }

  // A trim at the source deletes nothing that a mirror has still to copy: it would say so and stop.
  void trim() {
    const auto checkpoint = rig_.decoded_checkpoint();
    const Seq copied = checkpoint ? checkpoint->anchor : 0;
    std::size_t index = 0;
    for (std::size_t i = 0; i < chain_->headers().size(); ++i) {
      if (chain_->headers()[i].seq <= copied && chain_->headers()[i].kind == format::Kind::data) index = i;
    }
    if (index == 0 || chain_->headers()[index].seq <= chain_->lowest_live()) return;
    chain_->trim_to(index);
    chain_->data(0);
    chain_->data(1);
    chain_->sweep(false);
    for (const auto& [seq, bytes] : source_.objects) ever_.emplace(seq, bytes);
  }

  void one_step() {
    if (!rig_.alive()) return rig_.start();
    switch (random_() % 16) {
      case 0:
        return rig_.kill();
      case 1:
        return grow();
      case 2:
      case 3:
        return trim();
      case 4:
        rig_.mirror().want_checkpoint();
        return rig_.collect();
      case 5:
        return rig_.land_late(random_);
      default:
        if (rig_.trimmed_past()) return rig_.kill();
        if (random_() % 3 == 0 && rig_.offer()) return;
        rig_.answer(random_, true);
        ASSERT_FALSE(rig_.mirror().ending()) << rig_.mirror().ending()->message();
        rig_.sweep();
    }
  }

  void promote_and_write() {
    Takeover takeover({.writer_id = test_id(77),
                       .new_log_id = {},
                       .host = "h",
                       .must_exist = true,
                       .purpose = Purpose::promote});
    drive(
        destination_, takeover.start(1), [&](const Reply& reply) { return takeover.on(reply, 1); }, &random_);
    ASSERT_TRUE(takeover.result()) << takeover.result().error().message();
    const Ownership& owned = *takeover.result();
    const bool checkpointed = random_() % 2 == 0;
    Appender appender(owned, {});
    if (checkpointed) {
      format::Checkpoint checkpoint{.log_id = owned.seal.log_id,
                                    .anchor = owned.seal.seq,
                                    .window = owned.seal.window,
                                    .history = owned.history};
      destination_.checkpoint = format::encode_checkpoint(checkpoint);
    }
    rig_.kill();
    Seq tail = owned.next.seq;
    for (int i = 0; i < 40; ++i) {
      rig_.land_late(random_);
      if (random_() % 3 == 0) {
        const format::Header header = appender.submit(test_batch(1), 1, 0);
        ASSERT_TRUE(destination_.objects.emplace(header.seq, test_object(header)).second) << header.seq;
        appender.on_put(header.seq, {}, 0);
        ASSERT_FALSE(appender.ending());
        static_cast<void>(appender.take_commands());
        tail = header.seq + 1;
      }
      const auto view = run(destination_, RecoveryScan({.want_history = true}), &random_);
      ASSERT_TRUE(view) << view.error().message();
      ASSERT_EQ(view->tail.seq, tail);
      EXPECT_FALSE(view->mirror);
      EXPECT_EQ(view->history, owned.history);
    }
  }

  std::minstd_rand random_;
  std::uint32_t calm_ = GetParam() % 2 == 0 ? 7 : 100;  // one object in so many is a seal
  TestLog source_;
  TestLog destination_;
  std::optional<TestChain> chain_{std::in_place, source_, static_cast<std::uint32_t>(1 + random_() % 5)};
  MirrorRig rig_{source_, destination_};
  std::map<Seq, std::vector<std::byte>> ever_;
};

TEST_P(MirroredSurvey, IsRightAtEveryStepAndAfterPromotion) {
  for (int i = 0; i < 3; ++i) grow();
  for (auto steps = 20 + random_() % 400; steps > 0; --steps) {
    one_step();
    expect_only_copies(ever_, destination_);
    expect_right();
    if (HasFatalFailure()) return;
  }
  if (!rig_.decoded_checkpoint() || is_stale(*rig_.decoded_checkpoint())) return;
  promote_and_write();
}

INSTANTIATE_TEST_SUITE_P(Seeds, MirroredSurvey, testing::Range(0U, 90U));

}  // namespace
}  // namespace varve::protocol
