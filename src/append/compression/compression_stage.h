// What batches pass between the pool and the store where they are compressed: chooses how (cost_model.h), and
// has it done (compressor.h). Gives them back in their order.
#pragma once

#include <functional>
#include <optional>

#include "append/batching/batch.h"
#include "append/compression/compressor.h"
#include "append/compression/cost_model.h"
#include "append/upload_metrics.h"
#include "varve/writer.h"

namespace varve::append {

/// Thread-safety: one thread, the upload loop's.
class CompressionStage {
 public:
  /// `begins_at`: the first batch's first offset. `on_done`: as `Compressor`'s. `metrics` must outlive this.
  CompressionStage(Compression compression, int level, Offset begins_at, UploadMetrics& metrics,
                   std::function<void()> on_done);

  /// Another batch may be added.
  [[nodiscard]] bool has_room() const { return compressor_.has_room(); }
  [[nodiscard]] bool empty() const { return compressor_.empty(); }
  /// No more than keeps the line busy is handed to the store: what waits is compressed by what is known when
  /// it goes.
  [[nodiscard]] bool line_is_full() { return cost_model_ && cost_model_->line().full(); }
  /// The oldest is done, and may go.
  [[nodiscard]] bool ready() { return !line_is_full() && compressor_.ready(); }
  /// Where the batches that were added end.
  [[nodiscard]] Offset end_offset() const { return end_offset_; }

  /// `others_wait`: more batches could be added now. `uploads_full`: no object can be submitted now.
  void add(Batch& batch, bool others_wait, bool uploads_full);
  /// The oldest, if it is done.
  [[nodiscard]] std::optional<Compressed> take();
  /// Nothing will be uploaded any more: the oldest as it is, null if there is none. Blocks for as long as
  /// compressing one batch takes.
  [[nodiscard]] Batch* abandon_oldest() { return compressor_.abandon_oldest(); }

  // What becomes of objects.
  void sent(std::uint64_t object_bytes);
  void answered(std::uint64_t object_bytes);
  void acknowledged(const CompressionJob& job, std::uint64_t record_bytes, std::uint64_t object_bytes);

 private:
  format::Packing packing_;
  UploadMetrics& metrics_;
  Compressor compressor_;
  std::optional<CostModel> cost_model_;  // if it is to choose
  Offset end_offset_;
};

}  // namespace varve::append
