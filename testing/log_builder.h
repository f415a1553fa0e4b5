// Builds logs for tests, object by object: what the protocol's machines would store, put into the
// store (or lost, or delayed) exactly when the test says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/blocks.h"
#include "log/log_store.h"
#include "object_store/memory/memory_store.h"
#include "protocol/appender.h"
#include "varve/store.h"

namespace varve::testing {

/// The record at `offset` in every log built here: its number as text, filled up to `bytes`.
[[nodiscard]] std::string payload_of(Offset offset, std::size_t bytes = 0);

/// An object made and not stored.
struct Unstored {
  Seq seq = 0;
  std::vector<std::byte> body;
};

class LogBuilder;

/// A writer that took the log over. Must not outlive its builder.
class BuiltWriter {
 public:
  /// From now on objects are compressed, if that makes them shorter.
  void pack_with(const format::Packing& packing) { packing_ = packing; }
  /// Makes the next object, with `count` records.
  Unstored make(std::size_t count, std::size_t record_bytes = 0, bool closing = false);
  /// Stores it, and tells the appender.
  void land(const Unstored& object);
  /// Both: returns its seq.
  Seq put(std::size_t count, std::size_t record_bytes = 0);

  /// Makes `before` the start, durably, with one more object; deletes nothing.
  Seq trim(Offset before);
  /// Deletes what the trims left.
  void sweep();
  void close();
  void write_checkpoint();

  [[nodiscard]] protocol::Appender& appender() { return appender_; }

 private:
  friend class LogBuilder;
  BuiltWriter(LogBuilder& log, const protocol::Ownership& ownership);

  LogBuilder* log_;
  protocol::Appender appender_;
  format::Packing packing_;
};

class LogBuilder {
 public:
  explicit LogBuilder(std::uint32_t window = 4);
  LogBuilder(LogAddress log, std::uint32_t window);

  [[nodiscard]] const LogAddress& address() const { return log_store_.address(); }
  [[nodiscard]] const log::LogStore& log_store() const { return log_store_; }

  /// Takes the log over, or creates it.
  BuiltWriter open();
  /// The seal that an opener that looks at the log now would place at its tail, or ahead of it.
  Unstored make_seal();
  Unstored make_seal_ahead();

  void store(const Unstored& object);
  [[nodiscard]] std::vector<std::byte> load(Seq seq) const;
  void remove(Seq seq);
  void remove_checkpoint();
  /// Puts other bytes in an object's place.
  void replace(Seq seq, const std::vector<std::byte>& body);
  void flip_bit(Seq seq, std::size_t byte);
  [[nodiscard]] std::vector<Seq> stored() const;

 private:
  friend class BuiltWriter;
  struct Extent {
    Seq seq;
    Offset begin;
    Offset end;
  };

  protocol::Claimant next_claimant();

  log::LogStore log_store_;
  std::uint32_t window_;
  std::uint8_t claimants_ = 0;
  std::int64_t unix_ms_ = 1'700'000'000'000;
  std::vector<Extent> extents_;  // of every DATA object made
};

}  // namespace varve::testing
