// Somebody who promotes a mirror in the simulation, as `varve promote` does (src/replicate/promotion.cc):
// with the source sealed first, or without it. Cut off, the next one goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/takeover.h"
#include "sim/call.h"
#include "sim/mirror.h"

namespace varve::sim {

class Promoter {
 public:
  struct Options {
    std::uint64_t number = 1;  ///< its writer id at the destination; the next is the one at the source
    bool source_at_hand = true;
    Mirror::Options mirror;
  };
  explicit Promoter(Options options) : options_(options) {}

  void start();
  void on(const Call& call, const protocol::Reply& reply, std::uint64_t now_ms);
  void tick(std::uint64_t now_ms);
  [[nodiscard]] std::vector<Call> take_calls();
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;

  [[nodiscard]] bool over() const { return done_ || error_.has_value(); }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  void note_damage() { damaged_ = true; }
  [[nodiscard]] bool damaged() const { return damaged_; }
  /// The destination's end as it was told before: no more than what lies behind it is given up.
  [[nodiscard]] Offset told_end() const { return told_end_; }
  [[nodiscard]] const std::optional<protocol::Ownership>& owned() const { return owned_; }

 private:
  enum class Stage : std::uint8_t { plan, source, retire, rest, promote, checkpoint };

  void scan(Stage stage, bool there);
  void take_over(Stage stage, bool there);
  void claim();
  void on_view(const protocol::LogState& view);
  void on_owned(const protocol::Ownership& ownership);
  void rest();
  void put_checkpoint(const format::Checkpoint& checkpoint);
  void fail(Error error) { error_ = std::move(error); }

  Options options_;
  Stage stage_ = Stage::plan;
  std::vector<Call> calls_;
  std::uint64_t round_ = 0;
  std::optional<protocol::RecoveryScan> scan_;
  std::optional<protocol::Takeover> takeover_;
  std::optional<Mirror> mirror_;
  std::optional<protocol::Ownership> owned_;
  Offset told_end_ = 0;
  format::Id writer_;
  bool noting_ = false;  // which writer seals
  bool done_ = false;
  bool damaged_ = false;
  std::optional<Error> error_;
};

}  // namespace varve::sim
