#include "append/compression/compression_stage.h"

#include <utility>

#include "base/clock.h"

namespace varve::append {

namespace {

// What a codec is asked for by name.
constexpr int zstd_usual_level = 3;

format::Packing packing_of(Compression compression, int level) {
  switch (compression) {
    case Compression::lz4:
      return {.codec = format::Codec::lz4};
    case Compression::zstd:
      return {.codec = format::Codec::zstd, .level = level == 0 ? zstd_usual_level : level};
    default:
      return {};
  }
}

}  // namespace

CompressionStage::CompressionStage(Compression compression, int level, Offset begins_at,
                                   UploadMetrics& metrics, std::function<void()> on_done)
    : packing_(packing_of(compression, level)),
      metrics_(metrics),
      compressor_(Compressor::usual_threads(), std::move(on_done)),
      cost_model_(compression == Compression::adaptive ? std::optional<CostModel>(Compressor::usual_threads())
                                                       : std::nullopt),
      end_offset_(begins_at) {}

void CompressionStage::add(Batch& batch, bool others_wait, bool uploads_full) {
  end_offset_ = batch.first_offset() + batch.records();
  if (!cost_model_) return compressor_.add(batch, {.packing = packing_});
  const bool full = line_is_full() || uploads_full;
  compressor_.add(
      batch, cost_model_->choose(batch.body_bytes(), {.others_wait = full || others_wait, .line_full = full},
                                 base::now()));
}

std::optional<Compressed> CompressionStage::take() {
  std::optional<Compressed> compressed = compressor_.take();
  if (!compressed) return compressed;
  if (compressed->took.count() > 0)
    metrics_.packed(compressed->is_packed ? compressed->packing.codec : format::Codec::none,
                    compressed->took);
  if (cost_model_) {
    const std::uint64_t bytes = compressed->batch->body_bytes();
    cost_model_->done(
        {.packing = compressed->packing,
         .bytes = bytes,
         .packed_bytes = compressed->is_packed ? compressed->packed.packed_end - format::header_bytes : bytes,
         .cpu = compressed->cpu,
         .sample_cpu = compressed->sample_cpu,
         .sample = compressed->sample});
  }
  return compressed;
}

void CompressionStage::sent(std::uint64_t object_bytes) {
  if (cost_model_) cost_model_->line().depart(object_bytes);
}

void CompressionStage::answered(std::uint64_t object_bytes) {
  if (cost_model_) cost_model_->line().arrive(object_bytes, base::now());
}

void CompressionStage::acknowledged(const CompressionJob& job, std::uint64_t record_bytes,
                                    std::uint64_t object_bytes) {
  if (cost_model_) cost_model_->acknowledged(job, record_bytes, object_bytes, base::now());
}

}  // namespace varve::append
