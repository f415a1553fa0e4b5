#include "testing/faulty.h"

#include <gtest/gtest.h>

#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/metered.h"

namespace varve::object_store {
namespace {

class Faulty : public testing::Test {
 protected:
  std::shared_ptr<Store> below_ = *open_store("mem://faulty-test");
  std::shared_ptr<FaultyStore> faulty_ = std::make_shared<FaultyStore>(below_);

  bool landed(const std::string& key) { return get_now(*below_, key).has_value(); }
};

TEST_F(Faulty, FailsTheOneThatIsMeant) {
  faulty_->add({.request = RequestKind::put_if_absent, .fault = Fault::fail, .skip = 1});
  EXPECT_TRUE(put_now(*faulty_, "other", copy_bytes("x")));
  EXPECT_TRUE(put_if_absent_now(*faulty_, "1", copy_bytes("x")));
  const auto second = put_if_absent_now(*faulty_, "2", copy_bytes("x"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::unavailable);
  EXPECT_EQ(second.error().outcome(), WriteOutcome::not_written);
  EXPECT_FALSE(landed("2"));
  EXPECT_TRUE(put_if_absent_now(*faulty_, "3", copy_bytes("x")));
}

TEST_F(Faulty, MatchesKeysAndHeals) {
  faulty_->add({.request = RequestKind::get, .fault = Fault::fail, .times = for_good, .key_part = "wal/"});
  ASSERT_TRUE(put_now(*faulty_, "wal/1", copy_bytes("x")));
  ASSERT_TRUE(put_now(*faulty_, "hint", copy_bytes("x")));
  EXPECT_TRUE(get_now(*faulty_, "hint"));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(get_now(*faulty_, "wal/1"));
  faulty_->heal();
  EXPECT_TRUE(get_now(*faulty_, "wal/1"));
}

TEST_F(Faulty, LosesTheAnswerOfWhatLanded) {
  faulty_->add({.fault = Fault::lose_answer});
  const auto put = put_if_absent_now(*faulty_, "a", copy_bytes("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().outcome(), WriteOutcome::unknown);
  EXPECT_TRUE(landed("a"));
}

TEST_F(Faulty, ClaimsThatItExistedBefore) {
  faulty_->add({.fault = Fault::claim_exists});
  EXPECT_EQ(put_if_absent_now(*faulty_, "a", copy_bytes("x")).error().code(), Code::already_exists);
  EXPECT_TRUE(landed("a"));
}

// What there was all the time is in any listing; the rest depends on when its moment was.
TEST_F(Faulty, ListsAtSeveralMoments) {
  const auto names = [&](ListingOrder order, std::size_t moments) {
    for (const char* name : {"l/1", "l/3", "l/5", "l/7"})
      EXPECT_TRUE(put_now(*below_, name, copy_bytes("x")));
    EXPECT_TRUE(remove_now(*below_, {"l/2", "l/8"}));
    faulty_->add(
        {.request = RequestKind::list, .fault = Fault::split_listing, .order = order, .moments = moments});
    const Answer<Listing> listing;
    faulty_->list("l/", "", 1000, listing.done());
    faulty_->wait_for_held(1);
    EXPECT_TRUE(put_now(*below_, "l/2", copy_bytes("x")));
    EXPECT_TRUE(put_now(*below_, "l/8", copy_bytes("x")));
    EXPECT_TRUE(remove_now(*below_, {"l/1", "l/7"}));
    for (std::size_t more = 1; more < moments; ++more) {
      faulty_->wait_for_held(1);
      EXPECT_EQ(faulty_->release(), 1U);
    }
    std::string found;
    const Result<Listing> listed = listing.wait();
    EXPECT_TRUE(listed);
    if (!listed) return found;
    for (const ListedObject& object : listed->objects) found += object.key.back();
    return found;
  };
  EXPECT_EQ(names(ListingOrder::front_first, 2), "1358");
  EXPECT_EQ(names(ListingOrder::back_first, 2), "2357");
  const std::string sharded = names(ListingOrder::in_shards, 3);
  EXPECT_NE(sharded.find('3'), std::string::npos);
  EXPECT_NE(sharded.find('5'), std::string::npos);
}

TEST_F(Faulty, HoldsRequestsAndAnswers) {
  faulty_->add({.request = RequestKind::put, .fault = Fault::hold_request, .key_part = "request"});
  faulty_->add({.request = RequestKind::put, .fault = Fault::hold_answer, .key_part = "answer"});
  const Answer<void> request;
  const Answer<void> answer;
  faulty_->put("request", copy_bytes("x"), request.done());
  faulty_->put("answer", copy_bytes("x"), answer.done());
  faulty_->wait_for_held(2);
  EXPECT_FALSE(landed("request"));
  EXPECT_TRUE(landed("answer"));
  EXPECT_FALSE(answer.ready());
  EXPECT_EQ(faulty_->release(1), 1U);
  EXPECT_TRUE(request.wait());
  EXPECT_FALSE(answer.ready());
  EXPECT_EQ(faulty_->release(), 1U);
  EXPECT_TRUE(answer.wait());
  EXPECT_TRUE(landed("request"));
}

TEST_F(Faulty, AnswersWhatItHoldsWhenDestroyed) {
  faulty_->add({.fault = Fault::hold_request});
  faulty_->add({.request = RequestKind::get, .fault = Fault::hold_answer});
  const Answer<void> put;
  const Answer<Bytes> get;
  faulty_->put_if_absent("a", copy_bytes("x"), put.done());
  faulty_->get("b", {}, get.done());
  faulty_->wait_for_held(2);
  faulty_.reset();
  ASSERT_TRUE(put.ready());
  EXPECT_EQ(put.wait().error().code(), Code::closed);
  EXPECT_EQ(put.wait().error().outcome(), WriteOutcome::unknown);
  ASSERT_TRUE(get.ready());
  EXPECT_EQ(get.wait().error().code(), Code::closed);
  EXPECT_FALSE(landed("a"));
}

TEST_F(Faulty, FlipsOneBit) {
  ASSERT_TRUE(put_now(*faulty_, "a", copy_bytes("abc")));
  faulty_->add({.request = RequestKind::get, .fault = Fault::corrupt_bytes});
  const auto bent = get_now(*faulty_, "a");
  ASSERT_TRUE(bent);
  EXPECT_EQ(bent->data[1], std::byte{'b' ^ 1});
  EXPECT_EQ(get_now(*faulty_, "a")->data[1], std::byte{'b'});
}

TEST(Metered, CountsWhatPasses) {
  const auto faulty = std::make_shared<FaultyStore>(*open_store("mem://metered-test"));
  MeteredStore metered(faulty);
  faulty->add({.fault = Fault::hold_request, .times = 2});
  const Answer<void> first;
  const Answer<void> second;
  metered.put_if_absent("a", copy_bytes("12345"), first.done());
  metered.put_if_absent("a", copy_bytes("123"), second.done());
  faulty->release();
  EXPECT_NE(first.wait().has_value(), second.wait().has_value());
  ASSERT_TRUE(get_now(metered, "a", {.offset = 1, .length = 2}));
  ASSERT_FALSE(get_now(metered, "b"));

  const RequestCounts puts = metered.counts(RequestKind::put_if_absent);
  EXPECT_EQ(puts.started, 2U);
  EXPECT_EQ(puts.succeeded, 1U);
  EXPECT_EQ(puts.failed, 1U);
  EXPECT_EQ(puts.bytes, 8U);
  EXPECT_EQ(puts.open_max, 2U);
  const RequestCounts gets = metered.counts(RequestKind::get);
  EXPECT_EQ(gets.started, 2U);
  EXPECT_EQ(gets.bytes, 2U);
  EXPECT_EQ(gets.open_max, 1U);
  EXPECT_EQ(metered.counts(RequestKind::put).started, 0U);
}

}  // namespace
}  // namespace varve::object_store
