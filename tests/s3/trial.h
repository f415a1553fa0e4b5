// What every trial of a whole log on S3 checks: what was acknowledged is there, in order, the same
// bytes, and nothing was told twice or out of turn.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "varve/reader.h"
#include "varve/store.h"
#include "varve/writer.h"

namespace varve::s3_trial {

using Moment = std::chrono::steady_clock::time_point;

/// The gateway that ctest has started (tools/rgw).
struct Gateway {
  std::string script;
  std::string dir;
  int port = 0;

  /// `verb`: "kill" or "up". 0 if it went well.
  [[nodiscard]] int run(const std::string& verb) const;
};
/// Sets the environment as clients need it, too. Nothing if there is no gateway.
std::optional<Gateway> find_gateway();
/// The one found by `main`.
extern Gateway gateway;

/// "s3://bucket/NAME-<random>/log": where no log is yet.
std::string fresh_place(const std::string& name);
/// Reached directly, or through what listens on `port`, with the short patience of a test.
LogAddress at(const std::string& place, std::optional<int> port = std::nullopt,
              const std::string& parameters = "");

/// The record at `offset` of a log tried with `seed`.
std::string record_at(std::uint64_t seed, Offset offset);

/// Hears the outcomes of one writer's appends; for use in their callbacks.
class Outcomes {
 public:
  explicit Outcomes(Offset first) : next_(first) {}

  /// The callback of the append at `offset`.
  AppendCallback of(Offset offset) {
    return [this, offset](const Result<Offset>& outcome) { hear(offset, outcome); };
  }

  struct Failure {
    Offset offset;
    Error error;
  };
  /// Waits until everything below `offset` was told. False if that takes too long.
  [[nodiscard]] bool wait_for(Offset offset, Moment deadline) const;
  [[nodiscard]] Offset acknowledged() const;          ///< all below were
  [[nodiscard]] std::vector<Failure> failed() const;  ///< in the order told
  [[nodiscard]] std::string complaint() const;        ///< what was against the rules, or nothing

 private:
  void hear(Offset offset, const Result<Offset>& outcome);

  mutable std::mutex mutex_;
  mutable std::condition_variable told_;
  Offset next_;
  std::optional<Offset> acknowledged_end_;
  std::vector<Failure> failed_;
  std::string complaint_;
};

/// Appends the records of `seed` up to `end`. What went wrong, or nothing.
std::string append_up_to(Writer& writer, Outcomes& outcomes, std::uint64_t seed, Offset end, Moment deadline);

/// Reads from `from` to `end`, following, and compares. What went wrong, or nothing.
std::string follow(const LogAddress& log, std::uint64_t seed, Offset from, Offset end, Moment deadline);

/// The most memory this process has used since `forget_peak`; 0 where that says nothing about our
/// code (under sanitizers).
std::size_t peak_resident_bytes();
void forget_peak();

}  // namespace varve::s3_trial
