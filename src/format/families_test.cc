#include "format/families.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "format/key.h"

namespace varve::format {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Families, HaveOneRowEachAndNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Family& one : families) {
    EXPECT_EQ(&family(one.id), &one);
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
  }
}

TEST(Families, EveryKeyThatALogMakesHasOne) {
  EXPECT_EQ(family_of("a/b", wal_key("a/b", 7)), FamilyId::chain);
  EXPECT_EQ(family_of("a/b", checkpoint_key("a/b")), FamilyId::checkpoint);
  EXPECT_EQ(family_of("a/b", promotion_key("a/b", {})), FamilyId::promotions);
  EXPECT_EQ(family_of("a/b", cursor_key("a/b", "c", 0)), FamilyId::cursors);
  EXPECT_EQ(family_of("a/b", "a/b/.varve-doctor/0123/x"), FamilyId::probes);
  for (const Family& one : families) {
    const std::string prefix = "a/b/" + std::string(one.name);
    EXPECT_TRUE(one.id != FamilyId::chain || wal_prefix("a/b") == prefix + "/");
    EXPECT_TRUE(one.id != FamilyId::cursors || cursors_prefix("a/b") == prefix + "/");
  }
}

TEST(Families, StrangersHaveNone) {
  for (const char* key :
       {"a/b/", "a/b/wal/", "a/b/wal/.nfs000000000123", "a/b/wal/.DS_Store", "a/b/wal/7",
        "a/b/wal/00000000000000000064~", "a/b/wal/00000000000000000065.tmp.1",
        "a/b/wal/wal/00000000000000000000", "a/b/wal/checkpoint", "a/b/checkpoint2", "a/b/checkpoint/x",
        "a/b/readme", "a/b/cursors/c/readme", "a/b/cursors/.x/00000000000000000000", "a/b/promotions/xyz",
        "a/bc/checkpoint", "a/checkpoint"}) {
    EXPECT_FALSE(family_of("a/b", key)) << key;
  }
}

TEST(Families, ALogAmongAnotherLogsObjectsIsSeenByItsPath) {
  EXPECT_THAT(enclosing_paths("orders"), IsEmpty());
  EXPECT_THAT(enclosing_paths("a/orders/eu"), IsEmpty());
  EXPECT_THAT(enclosing_paths("orders/cursors"), ElementsAre("orders"));
  EXPECT_THAT(enclosing_paths("a/orders/wal"), ElementsAre("a/orders"));
  EXPECT_THAT(enclosing_paths("orders/cursors/x/wal"), ElementsAre("orders", "orders/cursors/x"));
  EXPECT_THAT(enclosing_paths("wal/x"), IsEmpty());
  EXPECT_THAT(enclosed_paths("o"),
              ElementsAre("o/wal", "o/promotions", "o/claims", "o/cursors", "o/.varve-doctor"));
}

}  // namespace
}  // namespace varve::format
