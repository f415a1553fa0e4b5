// The object that a reader hands records out of.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/mapped_memory.h"
#include "format/header.h"
#include "format/records.h"
#include "varve/store.h"

namespace varve::read {

/// Thread-safety: one thread at a time.
class OpenObject {
 public:
  /// Takes `stored`, of which records are wanted, from `first` on. Errors (nothing is taken then):
  /// `corruption`, `no_memory`.
  Result<void> open(const Bytes& stored, const format::Header& header, Offset first);
  void close() noexcept {
    cursor_.reset();
    bytes_ = {};
  }
  [[nodiscard]] bool is_open() const noexcept { return cursor_.has_value(); }

  /// The next of its records; nothing after the last. An error names the object's seq.
  Result<std::optional<format::RecordView>> next() { return cursor_->next(); }

  [[nodiscard]] Seq seq() const noexcept { return seq_; }
  [[nodiscard]] std::int64_t time_unix_ms() const noexcept { return time_unix_ms_; }
  /// Of the log up to it and with it (`ReadMark`).
  [[nodiscard]] std::uint64_t history() const noexcept { return history_; }
  /// Keeps the memory of its records alive.
  [[nodiscard]] const std::shared_ptr<const void>& owner() const noexcept { return bytes_.owner; }

 private:
  // What is kept of the memory that objects are decompressed into: enough for a usual one, and the next.
  static constexpr std::size_t kept_bytes_max = std::size_t{24} << 20;

  std::shared_ptr<object_store::BodyMemory> memory_ = object_store::BodyMemory::create(kept_bytes_max);
  Bytes bytes_;
  Seq seq_ = 0;
  std::int64_t time_unix_ms_ = 0;
  std::uint64_t history_ = 0;
  std::optional<format::RecordCursor> cursor_;
};

}  // namespace varve::read
