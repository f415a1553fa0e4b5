#include "format/key.h"

#include <gtest/gtest.h>

#include <limits>

namespace varve::format {
namespace {

constexpr Seq largest = std::numeric_limits<Seq>::max();

TEST(Key, HasTwentyDigits) {
  EXPECT_EQ(wal_prefix("a/log"), "a/log/wal/");
  EXPECT_EQ(wal_key("a/log", 0), "a/log/wal/00000000000000000000");
  EXPECT_EQ(wal_key("a/log", 4711), "a/log/wal/00000000000000004711");
  EXPECT_EQ(wal_key("a/log", largest), "a/log/wal/18446744073709551615");
  EXPECT_EQ(checkpoint_key("a/log"), "a/log/checkpoint");
  EXPECT_EQ(promotion_key("a/log", {{1, 2, 255}}), "a/log/promotions/0102ff00000000000000000000000000");
}

TEST(Key, OfAPromotionIsKnown) {
  const std::string key = promotion_key("a/log", {{1, 2, 255}});
  EXPECT_TRUE(is_promotion_key("a/log", key));
  EXPECT_FALSE(is_promotion_key("a/lot", key));
  EXPECT_FALSE(is_promotion_key("a/log", key + "0"));
  EXPECT_FALSE(is_promotion_key("a/log", key.substr(0, key.size() - 1) + 'g'));
}

TEST(Key, OfAClaimIsReadBack) {
  const Id id{{1, 2, 255}};
  EXPECT_EQ(claim_key("a/log", id), "a/log/claims/0102ff00000000000000000000000000");
  EXPECT_EQ(revoked_key("a/log", id), "a/log/claims/0102ff00000000000000000000000000.revoked");
  for (const bool revoked : {false, true}) {
    const std::string key = revoked ? revoked_key("a/log", id) : claim_key("a/log", id);
    const auto found = parse_claim_key("a/log", key);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->id, id);
    EXPECT_EQ(found->revoked, revoked);
    EXPECT_FALSE(parse_claim_key("a/lot", key));
    EXPECT_FALSE(parse_claim_key("a/log", key + "0"));
    EXPECT_FALSE(parse_claim_key("a/log", key.substr(0, 20) + 'G' + key.substr(21)));
  }
  EXPECT_FALSE(parse_claim_key("a/log", "a/log/claims/"));
}

TEST(Key, GivesItsSeqBack) {
  for (const Seq seq : {Seq{0}, Seq{1}, Seq{4711}, largest}) {
    EXPECT_EQ(seq_of_key("log", wal_key("log", seq)), seq);
  }
}

TEST(Key, SortsAsSeqsDo) {
  EXPECT_LT(wal_key("log", 9), wal_key("log", 10));
  EXPECT_LT(wal_key("log", largest - 1), wal_key("log", largest));
}

TEST(Key, OfAnythingElseHasNoSeq) {
  for (const char* key : {
           "log/wal/",
           "log/wal/0000000000000000001",       // 19 digits
           "log/wal/000000000000000000001",     // 21 digits
           "log/wal/18446744073709551616",      // one too large
           "log/wal/+0000000000000000001",      // signs and spaces
           "log/wal/-0000000000000000001",      //
           "log/wal/ 0000000000000000001",      //
           "log/wal/0000000000000000001x",      //
           "log/wal/0x000000000000000001",      //
           "log/wal/00000000000000000001.tmp",  //
           "log/wal/00000000000000000001/a",    //
           "log/checkpoint",                    //
           "blog/wal/00000000000000000001",     // another log
           "log/00000000000000000001",          //
           "",
       }) {
    EXPECT_EQ(seq_of_key("log", key), std::nullopt) << key;
  }
}

TEST(CursorKey, GivesNameAndRevisionBack) {
  for (const char* name : {"a", "Z", "az-AZ_09.x", "0", "9", "-", "_"}) {
    const auto parsed = parse_cursor_key("log", cursor_key("log", name, 7));
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->name, name);
    EXPECT_EQ(parsed->revision, 7U);
  }
}

TEST(CursorKey, OfAnythingElseIsNone) {
  for (const char* key : {
           "log/cursors/a",                         // no revision
           "log/cursors/a/1",                       // too few digits
           "log/cursors/a/0000000000000000000x",    // no digit
           "log/cursors//00000000000000000001",     // no name
           "log/cursors/.a/00000000000000000001",   // names around those that are allowed
           "log/cursors/a b/00000000000000000001",  //
           "log/cursors/[/00000000000000000001",    //
           "log/cursors/`/00000000000000000001",    //
           "log/cursors/{/00000000000000000001",    //
           "log/cursors/@/00000000000000000001",    //
           "log/cursors/:/00000000000000000001",    //
           "log/wal/00000000000000000001",          //
           "",
       }) {
    EXPECT_FALSE(parse_cursor_key("log", key)) << key;
  }
}

}  // namespace
}  // namespace varve::format
