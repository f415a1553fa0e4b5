// From files and pipes into a writer, record by record, until the input ends or something stops it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/framing.h"
#include "varve/writer.h"

namespace varve::cli {

class Input;
class Wakeup;

/// Outlives its writer's callbacks: close the writer first.
class Feeder {
 public:
  /// Stops reading when `stop` is set, and sets it itself when an append fails.
  Feeder(Writer& writer, Framing framing, Wakeup& stop);

  /// Appends all records of `files`, in order; "-" is standard input. Returns early when stopped or
  /// when the writer fails, which its `status` tells. Errors are those of the inputs alone.
  Result<void> feed(const std::vector<std::string>& files);

  /// All input was read and appended.
  [[nodiscard]] bool complete() const noexcept { return complete_; }

  // Appended so far; any thread may ask.
  [[nodiscard]] std::uint64_t records() const noexcept { return records_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

  // What became of appended records that were not acknowledged. After the writer's end.
  [[nodiscard]] std::uint64_t unknown_records() const noexcept { return unknown_; }
  [[nodiscard]] std::uint64_t not_written_records() const noexcept { return not_written_; }

 private:
  Result<void> feed_one(Input& input);
  bool append(std::span<const std::byte> record);
  void count_failure(const Error& error);

  Writer& writer_;
  const Framing framing_;
  Wakeup& stop_;
  bool complete_ = false;
  std::vector<std::byte> buffer_;
  std::atomic<std::uint64_t> records_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> not_written_{0};  // or fenced: certainly not in the log
};

}  // namespace varve::cli
