// One append is interrupted at each place between two of its atomics, one after the other, and what another
// thread could do there is done there: no order of the two may lose, mix or misplace anything. (In builds
// without such places, append/batching/preemption.h, the other comes afterwards.)
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "append/batching/preemption.h"
#include "testing/batches.h"

namespace varve::append {
namespace {

constexpr std::uint32_t places_max = 8;  // more than an append has

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

/// A pool of its own for each place where the append of "first" is interrupted.
class InterruptedAppend {
 public:
  InterruptedAppend()
      : pool_(BatchPool::create(
            {.batch_bytes = std::size_t{64} << 10, .buffered_bytes_max = std::size_t{1} << 20, .window = 4},
            listener_)) {}

  /// False: the append does not come to so many places.
  bool at(std::uint32_t place, const std::function<void()>& other) {
    const bool interrupted = [&] {
      const Interruption interruption(place, other);
      append(first_);
      return interruption.happened();
    }();
    if (!interrupted) other();
    return interrupted;
  }

  void append_second() { append(second_); }
  void close() { pool_->close_active(); }
  /// As the pilot does when it is told.
  void take() {
    Batch* const batch = pool_->take_ready();
    if (batch == nullptr) return;
    read_as_object(*batch, [&](const format::RecordView& record) {
      records_.emplace(reinterpret_cast<const char*>(record.payload.data()), record.payload.size());
    });
    pool_->release(*batch);
  }

  void expect_both_stored() const {
    EXPECT_EQ(offsets_, (std::set<Offset>{0, 1})) << "two records have one place";
    EXPECT_EQ(records_, (std::multiset<std::string>{first_, second_}));
  }
  void expect_told_once() const { EXPECT_EQ(listener_.batches_ready.load(), 1); }

 private:
  void append(const std::string& record) {
    const Result<Offset> offset = pool_->append(bytes_of(record), {});
    ASSERT_TRUE(offset);
    offsets_.insert(*offset);
  }

  const std::string first_ = "first, and longer";
  const std::string second_ = "second";
  CountingListener listener_;
  std::shared_ptr<BatchPool> pool_;
  std::set<Offset> offsets_;
  std::multiset<std::string> records_;
};

TEST(InterruptedAppend, ByAnotherAppendHasItsOwnPlace) {
  for (std::uint32_t place = 1;; ++place) {
    SCOPED_TRACE(place);
    ASSERT_LT(place, places_max);
    InterruptedAppend append;
    const bool interrupted = append.at(place, [&] { append.append_second(); });
    append.close();
    append.take();
    append.expect_both_stored();
    append.expect_told_once();
    if (!interrupted) break;
  }
}

TEST(InterruptedAppend, ByTheBatchesEndIsStoredWhole) {
  for (std::uint32_t place = 2;; ++place) {  // 1: before its claim, so that it would wait for the next batch
    SCOPED_TRACE(place);
    ASSERT_LT(place, places_max);
    InterruptedAppend append;
    append.append_second();
    const bool interrupted = append.at(place, [&] {
      append.close();
      append.take();
    });
    append.take();
    append.expect_both_stored();
    append.expect_told_once();
    if (!interrupted) break;
  }
}

}  // namespace
}  // namespace varve::append
