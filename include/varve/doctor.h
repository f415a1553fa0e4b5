// varve/doctor.h - may a log live in this store? Proves what a log needs, measures, recommends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "varve/metrics.h"
#include "varve/result.h"
#include "varve/store.h"

namespace varve {

/// What a log asks of a store.
enum class Capability : std::uint8_t {
  create_if_absent,  ///< what exists is never created again, and stays as it was
  atomic_create,     ///< of many that create the same name at once exactly one succeeds
  read_after_write,  ///< what was written is read, also by who had just found nothing
  list_after_write,  ///< a listing has what was written and not what was removed
  list_order,        ///< by byte, in pages, after any name
  ranges,            ///< a part of an object: inside, across its end, behind it
  replace,           ///< a second put is what is read from then on (checkpoints)
  remove,            ///< many at once, and they are gone (trims)
  clock,             ///< its time is ours (signatures; never the log's safety)
};

/// The field's name: "atomic_create".
[[nodiscard]] std::string_view to_string(Capability capability) noexcept;

enum class Verdict : std::uint8_t { ok, fails, not_tested };

/// "ok", "fails", "not_tested".
[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;

struct CapabilityReport {
  Capability capability = Capability::create_if_absent;
  Verdict verdict = Verdict::not_tested;
  bool needed = true;     ///< no log may live where this fails
  std::string what = {};  ///< what was tried or seen, for people
  std::string why = {};   ///< what a log needs it for
};

/// How long requests of one kind took, so many at once. Percentiles are times that really occurred
/// (nearest rank): with few requests the high ones are all the slowest.
struct LatencyReport {
  std::string request;  ///< "PUT", "GET", "LIST", "DELETE"
  std::uint64_t body_bytes = 0;
  std::uint32_t in_flight = 1;
  std::uint32_t requests = 0;  ///< how many were timed
  double p50_ms = 0;
  double p95_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
  double requests_per_second = 0;  ///< all together
};

/// `WriterOptions` that suit what was measured, and why.
struct RecommendedSettings {
  std::uint32_t window = 0;
  std::size_t batch_bytes = 0;
  std::uint32_t linger_ms = 0;
  double puts_per_second = 0;  ///< 0: no bound
  std::string why_window = {};
  std::string why_batch_bytes = {};
  std::string why_linger = {};
  std::string why_puts_per_second = {};
};

/// What is written to a log, and how it is used.
struct Traffic {
  double records_per_second = 1000;
  double record_bytes = 1000;
  double retained_days = 7;  ///< until it is trimmed
  double readers = 1;        ///< each reads everything once
};

/// What a store asks for. The defaults are the list prices of AWS S3 Standard in us-east-1.
struct Prices {
  double put_per_1000 = 0.005;   ///< PUT and LIST, in dollars
  double get_per_1000 = 0.0004;  ///< GET; DELETE is free
  double gib_month = 0.023;      ///< a GiB kept for a month, of the first 50 TB
  std::string source = "AWS S3 Standard in us-east-1, list prices of 2025 (aws.amazon.com/s3/pricing)";
};

/// What so many requests cost, in dollars.
[[nodiscard]] double price_of(const RequestTotals& requests, const Prices& prices = {});

/// What keeping so many bytes costs, in dollars a month.
[[nodiscard]] double price_of_keeping(std::uint64_t bytes, const Prices& prices = {});

/// A month (30 days) of a log, in dollars. Without what leaves the region.
struct MonthlyCost {
  double objects_per_second = 0;
  double stored_gib = 0;
  double puts = 0;
  double gets = 0;
  double storage = 0;
  [[nodiscard]] double total() const noexcept { return puts + gets + storage; }
};

struct DoctorOptions {
  /// Scratch objects are made under `prefix + ".varve-doctor/<random>/"`. Empty, or ends in '/'.
  std::string prefix = {};
  /// Fewer rounds and smaller samples: seconds instead of a minute, and weaker proof.
  bool quick = false;
  /// How long one request may take.
  std::uint32_t patience_ms = 60'000;
  Traffic traffic = {};
  /// Unset: the defaults of `Prices` where requests cost money (`Store::requests_are_priced`), no
  /// cost elsewhere.
  std::optional<Prices> prices = {};
  /// Called now and then, from the calling thread: what is being done, and which part of the whole
  /// is done (0 to 1).
  std::function<void(std::string_view doing, double part)> progress = {};
  /// Ends the examination early (`Code::closed`), scratch objects removed.
  std::stop_token stop = {};
};

struct DoctorReport {
  std::string store;  ///< `Store::describe`
  std::vector<CapabilityReport> capabilities;
  std::vector<LatencyReport> latencies;
  RecommendedSettings settings;
  std::optional<MonthlyCost> cost;
  std::string scratch;             ///< where the scratch objects were
  std::uint64_t scratch_left = 0;  ///< of them that could not be removed

  /// A log may live here: nothing it needs fails.
  [[nodiscard]] bool usable() const noexcept;
};

/// Examines a store by using it, and leaves nothing behind. Blocks; other clients are not disturbed
/// but for the load. Proof is by trial: it finds what a store does not do, and cannot show that one
/// will always do what it did today.
///
/// What a store does wrong is in the report. Errors are those that kept it from looking:
/// `unavailable`, `denied`, `no_space`, `timed_out`, `closed` (stopped).
Result<DoctorReport> diagnose(Store& store, const DoctorOptions& options = {});

}  // namespace varve
