// Listing a log's objects among names that no log makes; and where no log may be made.
#include "log/log_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "format/key.h"
#include "log/nesting.h"
#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/memory/memory_store.h"

namespace varve::log {
namespace {

using protocol::Reply;
using protocol::Request;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ObjectNames : public ::testing::Test {
 protected:
  LogStore log{LogAddress{.store = std::make_shared<object_store::MemoryStore>("names"), .path = "o"}};

  void put(const std::string& key) const {
    ASSERT_TRUE(object_store::put_now(log.store(), key, object_store::copy_bytes("x")));
  }
  [[nodiscard]] Reply list(Seq from, std::uint32_t limit) const {
    Reply answer;
    const auto on = [&](const Reply& reply) {
      answer = reply;
      return protocol::Requests();
    };
    EXPECT_TRUE(log.drive({Request::make(Request::Kind::list, from, limit)}, on));
    return answer;
  }
  static std::vector<Seq> seqs(const Reply& reply) {
    std::vector<Seq> found;
    for (const auto& object : reply.listed) found.push_back(object.seq);
    return found;
  }
};

// Every machine takes an empty page for "nothing from here on", and one that is not truncated for the last.
TEST_F(ObjectNames, StrangersHideNothing) {
  for (const Seq seq : {3U, 4U, 9U}) put(format::wal_key("o", seq));
  for (int i = 0; i < 2500; ++i) put(fmt::format("o/wal/.nfs{:05}", i));
  for (int i = 0; i < 2500; ++i) put(fmt::format("{}.tmp.{:05}", format::wal_key("o", 4), i));
  put("o/wal/checkpoint");
  for (int i = 0; i < 10; ++i) put(format::wal_key("o/wal", static_cast<Seq>(i)));
  for (const std::uint32_t limit : {1U, 2U, 3U, 1000U}) {
    SCOPED_TRACE(limit);
    std::vector<Seq> all;
    Seq next = 0;
    for (bool more = true; more;) {
      const Reply page = list(next, limit);
      ASSERT_FALSE(page.error);
      if (page.listed.empty()) {
        EXPECT_FALSE(page.truncated);
        break;
      }
      ASSERT_LE(page.listed.size(), limit);
      for (const Seq seq : seqs(page)) all.push_back(seq);
      more = page.truncated;
      next = all.back() + 1;
    }
    EXPECT_THAT(all, ElementsAre(3, 4, 9));
  }
  EXPECT_THAT(seqs(list(5, 1)), ElementsAre(9));
  const Reply none = list(10, 1);
  EXPECT_THAT(none.listed, IsEmpty());
  EXPECT_FALSE(none.truncated);
  EXPECT_THAT(list(0, 1000).strangers, SizeIs(::testing::Ge(5001U)));
}

TEST_F(ObjectNames, TheLastPageSaysSo) {
  put(format::wal_key("o", 3));
  EXPECT_FALSE(list(3, 2).truncated);
  put(format::wal_key("o", 4));
  EXPECT_TRUE(list(0, 1).truncated);
  EXPECT_FALSE(list(3, 2).truncated);
}

TEST_F(ObjectNames, NoLogIsMadeAmongAnothersObjects) {
  put(format::wal_key("o", 0));
  const auto may_be = [&](const std::string& path) {
    return check_nesting(LogStore(LogAddress{.store = log.address().store, .path = path}), Deadline::max());
  };
  for (const char* path :
       {"o/wal", "o/cursors", "o/cursors/x", "o/promotions", "o/wal/x/y", "o/.varve-doctor"}) {
    ASSERT_FALSE(may_be(path)) << path;
    EXPECT_EQ(may_be(path).error().code(), Code::invalid_argument);
  }
  for (const char* path : {"o/eu", "p", "p/wal", "wal", "oo/cursors"}) EXPECT_TRUE(may_be(path)) << path;
  put(format::wal_key("q/cursors", 0));
  EXPECT_FALSE(may_be("q"));
}

}  // namespace
}  // namespace varve::log
