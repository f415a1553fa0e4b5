// Where the time of a writer's objects went, and what they held.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "append/batching/batch.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/recorder.h"
#include "format/header.h"
#include "varve/metrics.h"

namespace varve::append {

/// When an object passed its stations.
struct UploadTimeline {
  using Clock = std::chrono::steady_clock;
  Clock::time_point submitted = base::now();
  std::optional<Clock::time_point> stored = {};
  std::optional<Clock::time_point> ordered = {};  ///< with a second store: all before it are stored, too
};

/// Filled by the pilot and the acknowledger, for an object at a time; read by any thread.
class alignas(cache_line_bytes) UploadMetrics {
 public:
  /// `batch_bytes`: what a full batch holds.
  explicit UploadMetrics(std::uint64_t batch_bytes) : batch_bytes_(batch_bytes) {}

  /// It leaves for the store, `queued_ms` after its first record was appended.
  void submitted(std::int64_t queued_ms) noexcept {
    queue_.record_span(std::chrono::milliseconds(queued_ms));
  }

  /// It was compressed with `codec`, or tried: `none`.
  void packed(format::Codec codec, std::chrono::nanoseconds took) noexcept {
    compress_.record_span(took);
    if (codec == format::Codec::lz4) lz4_objects_.add();
    if (codec == format::Codec::zstd) zstd_objects_.add();
  }

  /// The store has it. Counted once, at the first word of that.
  void stored(UploadTimeline& timeline) noexcept {
    if (timeline.stored) return;
    timeline.stored = base::now();
    upload_.record_span(*timeline.stored - timeline.submitted);
  }

  /// It and all before it are stored in the first store, and it waits for the second.
  void ordered(UploadTimeline& timeline) noexcept {
    stored(timeline);
    timeline.ordered = base::now();
  }

  /// It and all before it are stored.
  void acknowledged(UploadTimeline& timeline, std::uint64_t records, std::uint64_t record_bytes,
                    std::uint64_t object_bytes) noexcept {
    stored(timeline);
    const auto now = base::now();
    order_wait_.record_span(timeline.ordered.value_or(now) - *timeline.stored);
    if (timeline.ordered) standby_wait_.record_span(now - *timeline.ordered);
    records_.add(records);
    record_bytes_.add(record_bytes);
    objects_.add();
    object_bytes_.add(object_bytes);
    if (records > 0) batch_fill_.record(record_bytes * 100 / batch_bytes_);
  }

  /// Handed to the acknowledger so long ago; its callbacks have run.
  void told(std::chrono::nanoseconds after) noexcept { callback_.record_span(after); }

  void slowed_down() noexcept { slowdowns_.add(); }

  /// Acknowledged so far.
  [[nodiscard]] std::uint64_t objects() const noexcept { return objects_.value(); }

  /// Into the fields that are known here.
  void fill(WriterMetrics& metrics) const {
    metrics.records = records_.value();
    metrics.record_bytes = record_bytes_.value();
    metrics.objects = objects_.value();
    metrics.object_bytes = object_bytes_.value();
    metrics.batch_fill_percent = batch_fill_.snapshot();
    metrics.queue_us = queue_.snapshot();
    metrics.upload_us = upload_.snapshot();
    metrics.compress_us = compress_.snapshot();
    metrics.lz4_objects = lz4_objects_.value();
    metrics.zstd_objects = zstd_objects_.value();
    metrics.order_wait_us = order_wait_.snapshot();
    metrics.standby_wait_us = standby_wait_.snapshot();
    metrics.callback_us = callback_.snapshot();
    metrics.slowdowns = slowdowns_.value();
  }

 private:
  const std::uint64_t batch_bytes_;
  base::Counter records_;
  base::Counter record_bytes_;
  base::Counter objects_;
  base::Counter object_bytes_;
  base::Counter slowdowns_;
  base::Counter lz4_objects_;
  base::Counter zstd_objects_;
  base::PercentRecorder batch_fill_;
  base::LatencyRecorder queue_;
  base::LatencyRecorder compress_;
  base::LatencyRecorder upload_;
  base::LatencyRecorder order_wait_;
  base::LatencyRecorder standby_wait_;
  // The acknowledger's, apart from the pilot's.
  alignas(cache_line_bytes) base::LatencyRecorder callback_;
};

}  // namespace varve::append
