// Somebody who promotes a mirror in the simulation, by the library's own machine (`protocol::Promotion`):
// first asks what it would do, then does it, with the source sealed first, or without it. Cut off, the next
// one goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/promotion.h"
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
  void record(const Recorder& recorder) { recorder_ = &recorder; }
  /// The writer id's number by which it seals the source.
  [[nodiscard]] std::uint64_t retiring_number() const { return options_.number + 1; }
  void note_damage() { damaged_ = true; }
  [[nodiscard]] bool damaged() const { return damaged_; }
  /// The destination's end as it was told before: no more than what lies behind it is given up.
  [[nodiscard]] Offset told_end() const { return told_end_; }
  [[nodiscard]] const std::optional<protocol::Ownership>& owned() const { return owned_; }

 private:
  void begin(bool plan_only);
  void ask(protocol::SidedRequests requests);
  void copy();
  void ended();
  void fail(Error error) { error_ = std::move(error); }

  Options options_;
  std::vector<Call> calls_;
  std::optional<protocol::Promotion> promotion_;
  bool planning_ = true;
  std::optional<Mirror> mirror_;
  std::optional<protocol::Ownership> owned_;
  Offset told_end_ = 0;
  bool done_ = false;
  bool damaged_ = false;
  std::optional<Error> error_;
  const Recorder* recorder_ = nullptr;
};

}  // namespace varve::sim
