#include "replicate/hand_off_queue.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "object_store/bytes.h"

namespace varve::replicate {
namespace {

TEST(HandOffQueue, HoldsTheWritersBytesUntilTheyAreTaken) {
  for (const bool copies : {false, true}) {
    SCOPED_TRACE(copies);
    HandOffQueue queue(copies);
    queue.hand_from(3);
    const Bytes object = object_store::copy_bytes("an object");
    queue.hand(3, object);
    EXPECT_EQ(object.owner.use_count(), 2);
    const auto taken = queue.take(3, log::Deadline::max(), {});
    ASSERT_TRUE(taken);
    EXPECT_EQ(object.owner.use_count(), copies ? 1 : 2) << "the writer's buffer";
    EXPECT_TRUE(std::ranges::equal(taken->data, object.data));
  }
}

}  // namespace
}  // namespace varve::replicate
