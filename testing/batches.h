// What the tests of batches share: a listener that counts, and a pilot's eyes on a taken batch.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <optional>
#include <semaphore>
#include <vector>

#include "append/batching/batch_pool.h"
#include "format/records.h"

namespace varve::append {

/// Counts notices and lets a pilot wait for them.
class CountingListener final : public BatchListener {
 public:
  void first_record() noexcept override {
    first_records.fetch_add(1);
    notice.release();
  }
  void batch_ready() noexcept override {
    batches_ready.fetch_add(1);
    notice.release();
  }
  std::int64_t now_unix_ms() noexcept override { return now; }

  std::atomic<int> first_records{0};
  std::atomic<int> batches_ready{0};
  std::counting_semaphore<> notice{0};
  std::int64_t now = 1'700'000'000'000;
};

/// Makes the object of a taken batch as the pilot does, and reads it as a reader does: every record,
/// with its checksum, at the next offset.
inline void read_as_object(Batch& batch, const std::function<void(const format::RecordView&)>& seen) {
  format::Header header;
  header.first_offset = batch.first_offset();
  header.record_count = batch.records();
  header.body_end = batch.body_end();
  header.object_bytes = batch.object_bytes();
  format::encode_trailer(batch.index(), batch.trailer());
  const std::span<const std::byte> object(batch.at(0), batch.object_bytes());

  const auto index = format::decode_trailer(object, header);
  ASSERT_TRUE(index.has_value()) << index.error().message();
  std::vector<std::size_t> positions;
  format::RecordCursor cursor(object, header);
  for (;;) {
    const Result<std::optional<format::RecordView>> record = cursor.next();
    ASSERT_TRUE(record.has_value()) << record.error().message();
    if (!*record) break;
    ASSERT_EQ((*record)->offset, batch.first_offset() + positions.size());
    positions.push_back((*record)->position);
    if (seen) seen(**record);
  }
  ASSERT_EQ(positions.size(), batch.records());

  // The index, by its definition: the first record that begins at or after the start of the stride.
  positions.push_back(batch.body_end());
  std::size_t record = 0;
  for (std::size_t stride = 0; stride < index->size(); ++stride) {
    const std::size_t start = format::header_bytes + stride * format::index_stride_bytes;
    while (record < batch.records() && positions[record] < start) ++record;
    ASSERT_EQ((*index)[stride].record, record);
    ASSERT_EQ((*index)[stride].position, positions[record]);
  }
}

}  // namespace varve::append
