#include <memory>
#include <span>
#include <vector>

#include "bindings/c/handles.h"
#include "varve/writer.h"

using varve::Offset;
using varve::Result;
using varve::bindings::guarded;
using varve::bindings::missing;
using varve::bindings::patience_of;

struct varve_writer {
  std::unique_ptr<varve::Writer> writer;
};

namespace varve::bindings {
namespace {

varve_writer_options writer_defaults() {
  const WriterOptions defaults;
  return {.struct_bytes = sizeof(varve_writer_options),
          .batch_bytes = defaults.batch_bytes,
          .linger_ms = defaults.linger_ms,
          .puts_per_second = -1,
          .put_burst = defaults.put_burst,
          .window = defaults.window,
          .buffered_bytes_max = defaults.buffered_bytes_max,
          .give_up_ms = defaults.give_up_ms,
          .open_timeout_ms = defaults.open_timeout_ms,
          .checkpoint_every_objects = defaults.checkpoint_every_objects,
          .must_exist = defaults.must_exist,
          .compression = static_cast<varve_compression>(defaults.compression),
          .compression_level = defaults.compression_level,
          .standby = nullptr,
          .degrades_on_standby_loss = false,
          .standby_patience_ms = defaults.standby_patience_ms};
}

static_assert(VARVE_UNCOMPRESSED == static_cast<int>(Compression::none));
static_assert(VARVE_LZ4 == static_cast<int>(Compression::lz4));
static_assert(VARVE_ZSTD == static_cast<int>(Compression::zstd));
static_assert(VARVE_ADAPTIVE == static_cast<int>(Compression::adaptive));

WriterOptions in_cpp(const varve_writer_options& options) {
  WriterOptions result;
  result.batch_bytes = options.batch_bytes;
  result.linger_ms = options.linger_ms;
  if (!(options.puts_per_second < 0)) result.puts_per_second = options.puts_per_second;
  result.put_burst = options.put_burst;
  result.window = options.window;
  result.buffered_bytes_max = options.buffered_bytes_max;
  result.give_up_ms = options.give_up_ms;
  result.open_timeout_ms = options.open_timeout_ms;
  result.checkpoint_every_objects = options.checkpoint_every_objects;
  result.must_exist = options.must_exist;
  result.compression = static_cast<Compression>(options.compression);
  result.compression_level = options.compression_level;
  if (options.standby != nullptr) result.standby = options.standby->address;
  result.on_standby_loss = options.degrades_on_standby_loss ? OnStandbyLoss::degrade : OnStandbyLoss::wait;
  result.standby_patience_ms = options.standby_patience_ms;
  return result;
}

AppendCallback callback_of(varve_append_done done, void* context) {
  if (done == nullptr) return {};
  return [done, context](const Result<Offset>& result) {
    if (result) return done(context, *result, nullptr);
    const varve_error lent{result.error()};
    done(context, 0, &lent);
  };
}

Result<std::span<const std::byte>> record_of(const void* data, std::size_t bytes) {
  if (data == nullptr && bytes > 0) return missing("data");
  return std::span(static_cast<const std::byte*>(data), bytes);
}

Result<std::vector<std::span<const std::byte>>> batch_of(const varve_bytes* records, std::size_t count) {
  if (records == nullptr && count > 0) return missing("records");
  std::vector<std::span<const std::byte>> batch;
  batch.reserve(count);
  for (const varve_bytes& one : std::span(records, count)) {
    const auto record = record_of(one.data, one.bytes);
    if (!record) return record.error();
    batch.push_back(*record);
  }
  return batch;
}

/// A trim's own way to say it: 32 bits, and 0 for no end.
std::uint32_t trim_patience_of(std::uint64_t timeout_ms) {
  if (timeout_ms > UINT32_MAX) return 0;
  return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(timeout_ms));
}

/// Where C wants the offset, if it does.
Result<void> deliver(const Result<Offset>& appended, std::uint64_t* offset) {
  if (!appended) return appended.error();
  if (offset != nullptr) *offset = *appended;
  return {};
}

}  // namespace
}  // namespace varve::bindings

using varve::bindings::batch_of;
using varve::bindings::callback_of;
using varve::bindings::deliver;
using varve::bindings::record_of;
using varve::bindings::trim_patience_of;

void varve_writer_options_init(varve_writer_options* options, size_t struct_bytes) {
  varve::bindings::initialize(options, struct_bytes, varve::bindings::writer_defaults());
}

varve_code varve_writer_open(const varve_log* log, const varve_writer_options* options, varve_writer** writer,
                             varve_error** error) {
  const auto open = [](const varve::LogAddress& address, const varve_writer_options& wanted,
                       varve_writer& handle) -> Result<void> {
    auto opened = varve::Writer::open(address, varve::bindings::in_cpp(wanted));
    if (!opened) return opened.error();
    handle.writer = *std::move(opened);
    return {};
  };
  return varve::bindings::open_handle(log, options, varve::bindings::writer_defaults(), writer, "writer",
                                      error, open);
}

varve_code varve_writer_append(varve_writer* writer, const void* data, size_t bytes, varve_append_done done,
                               void* context, uint64_t* offset, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    const auto record = record_of(data, bytes);
    if (!record) return record.error();
    return deliver(writer->writer->append(*record, callback_of(done, context)), offset);
  });
}

varve_code varve_writer_append_wait(varve_writer* writer, const void* data, size_t bytes, uint64_t timeout_ms,
                                    varve_append_done done, void* context, uint64_t* offset,
                                    varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    const auto record = record_of(data, bytes);
    if (!record) return record.error();
    return deliver(writer->writer->append_wait(*record, patience_of(timeout_ms), callback_of(done, context)),
                   offset);
  });
}

varve_code varve_writer_append_batch(varve_writer* writer, const varve_bytes* records, size_t count,
                                     varve_append_done done, void* context, uint64_t* first_offset,
                                     varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    const auto batch = batch_of(records, count);
    if (!batch) return batch.error();
    return deliver(writer->writer->append_batch(*batch, callback_of(done, context)), first_offset);
  });
}

varve_code varve_writer_append_batch_wait(varve_writer* writer, const varve_bytes* records, size_t count,
                                          uint64_t timeout_ms, varve_append_done done, void* context,
                                          uint64_t* first_offset, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    const auto batch = batch_of(records, count);
    if (!batch) return batch.error();
    return deliver(
        writer->writer->append_batch_wait(*batch, patience_of(timeout_ms), callback_of(done, context)),
        first_offset);
  });
}

varve_code varve_writer_flush(varve_writer* writer, uint64_t timeout_ms, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    return writer->writer->flush(patience_of(timeout_ms));
  });
}

varve_code varve_writer_wait_durable(varve_writer* writer, uint64_t offset, uint64_t timeout_ms,
                                     varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    return writer->writer->wait_durable(offset, patience_of(timeout_ms));
  });
}

varve_code varve_writer_trim(varve_writer* writer, uint64_t before, uint64_t timeout_ms,
                             uint64_t* objects_left, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    const auto report = writer->writer->trim(before, {.timeout_ms = trim_patience_of(timeout_ms)});
    if (!report) return report.error();
    if (objects_left != nullptr) *objects_left = report->objects_left;
    return {};
  });
}

varve_code varve_writer_offsets(varve_writer* writer, varve_offsets* offsets, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    if (offsets == nullptr) return missing("offsets");
    const varve::WriterStatus status = writer->writer->status();
    *offsets = {.start = status.start_offset, .durable = status.durable_offset, .end = status.end_offset};
    return {};
  });
}

varve_code varve_writer_failure(varve_writer* writer, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    if (const auto failure = writer->writer->status().failure) return *failure;
    return {};
  });
}

varve_code varve_writer_close(varve_writer* writer, uint64_t timeout_ms, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (writer == nullptr) return missing("writer");
    return writer->writer->close(patience_of(timeout_ms));
  });
}

void varve_writer_free(varve_writer* writer) { delete writer; }
