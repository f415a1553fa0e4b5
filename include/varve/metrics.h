// varve/metrics.h - what a writer, a reader and a store have done, in numbers.
//
// Always counted, for an object or a request at a time, never for a record of many: what it costs is in
// docs/performance.md. Counters begin at 0 when a writer or reader is opened, and only grow. A snapshot
// is taken without stopping anybody: what happens meanwhile may be in one number and not in another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "varve/result.h"

namespace varve {

/// How many values fell into which range.
struct Histogram {
  /// `counts[i]` values were at most `upper_bounds[i]`, and above the bound before it. `counts` has one
  /// more: those above every bound. The bounds live as long as the program.
  std::span<const std::uint64_t> upper_bounds;
  std::vector<std::uint64_t> counts;
  std::uint64_t sum = 0;  ///< of all values

  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] double mean() const noexcept;
  /// The value that this part (0 to 1) of all do not exceed, as far as the ranges tell: within one it
  /// is interpolated, and never above the last bound. 0 without values.
  [[nodiscard]] double quantile(double part) const noexcept;
};

/// How many requests, by what a store asks money for.
struct RequestTotals {
  std::uint64_t puts = 0;
  std::uint64_t gets = 0;
  std::uint64_t lists = 0;
  std::uint64_t deletes = 0;  ///< of up to 1000 objects each
};

/// Requests of one kind, as they were asked of a `Store`.
struct RequestMetrics {
  std::uint64_t asked = 0;
  std::uint64_t bytes = 0;  ///< bodies handed in (PUT) or received (GET)
  /// Answered with an error, by `Code`. A store's "not found" and "exists already" are here as well.
  std::array<std::uint64_t, code_count> errors{};
  Histogram latency_us;  ///< from the call to its answer, whatever that was

  /// Answered with an error that is no information: neither `not_found` nor `already_exists`.
  [[nodiscard]] std::uint64_t failed() const noexcept;
};

/// All requests that one writer or reader asked of its store.
struct StoreRequests {
  RequestMetrics put;
  RequestMetrics get;
  RequestMetrics list;
  RequestMetrics remove;

  [[nodiscard]] RequestTotals totals() const noexcept;
};

/// What a store's client did to answer those who use it, all of them together.
struct StoreMetrics {
  RequestTotals sent;  ///< what really went out, retries and duplicates included; what is paid for
  std::uint64_t retries_throttled = 0;    ///< the store said: slow down
  std::uint64_t retries_failed = 0;       ///< no answer, a broken one, or "try again"
  std::uint64_t retries_credentials = 0;  ///< credentials had to be renewed
  std::uint64_t retries_clock = 0;        ///< signed anew by the store's clock
  std::uint64_t hedges = 0;               ///< slow requests that were sent a second time
  std::uint64_t hedges_won = 0;           ///< of these, answered first by the second sending
};

/// What a writer has done since it was opened. Its present state: `Writer::status`.
struct WriterMetrics {
  // Acknowledged.
  std::uint64_t records = 0;
  std::uint64_t record_bytes = 0;  ///< as stored: with a record's header and padding
  std::uint64_t objects = 0;       ///< those without records included (trims, the last one)
  std::uint64_t object_bytes = 0;
  std::uint64_t lz4_objects = 0;  ///< of these, compressed so
  std::uint64_t zstd_objects = 0;
  /// How full the objects' batches were, in percent of `WriterOptions::batch_bytes`; a record in an
  /// object of its own may be more than 100.
  Histogram batch_fill_percent;

  // Where an object's time went. Together: from a batch's first record to its acknowledgement.
  Histogram queue_us;         ///< first append to upload: company, pacing, a full window (in whole ms)
  Histogram compress_us;      ///< within that: being compressed, of objects where it was tried
  Histogram upload_us;        ///< upload to stored, tries and waits between them included
  Histogram order_wait_us;    ///< stored to durable: until all objects before it are stored
  Histogram standby_wait_us;  ///< with a standby: from then until the standby has it, too
  Histogram callback_us;      ///< durable to told: callbacks of batches before it and its own

  std::uint64_t truncated_tail_objects = 0;  ///< an unfinished tail of the writer before, cut off by `open`
  std::uint64_t slowdowns = 0;               ///< how often the writer began to wait for its store
  std::uint64_t degradations = 0;            ///< how often it went on without its standby
  StoreRequests requests;                    ///< by this writer, opening included
  std::optional<StoreMetrics> store = {};    ///< unless the store does not tell; of all its users
};

/// What a reader has done since it was opened.
struct ReaderMetrics {
  Offset offset = 0;          ///< of the object last begun, its first record that was wanted
  std::uint64_t records = 0;  ///< in the objects begun, from where they were wanted
  std::uint64_t objects = 0;  ///< begun
  std::uint64_t object_bytes = 0;
  std::uint64_t checksum_failures = 0;  ///< headers and records that were damaged when read
  std::uint64_t polls = 0;              ///< the tail was asked for more and had none
  std::uint64_t refreshes = 0;  ///< the state of the whole log was read again, since an object was missing
  StoreRequests requests;       ///< by this reader, opening included
  std::optional<StoreMetrics> store = {};
};

/// What a point reader has done since it was opened.
struct PointReaderMetrics {
  std::uint64_t records = 0;            ///< read
  std::uint64_t record_bytes = 0;       ///< of these, their own bytes
  std::uint64_t failures = 0;           ///< reads that ended with an error
  std::uint64_t cache_hits = 0;         ///< a record's object was known already
  std::uint64_t searches = 0;           ///< it was not, and was searched for
  std::uint64_t refreshes = 0;          ///< the state of the whole log was read again
  std::uint64_t checksum_failures = 0;  ///< headers, indexes and records that were damaged when read
  std::uint64_t cached_objects = 0;     ///< whose header is known now
  std::uint64_t cached_bytes = 0;       ///< what these headers and indexes take now
  StoreRequests requests;               ///< by this reader, opening included
  std::optional<StoreMetrics> store = {};
};

}  // namespace varve
