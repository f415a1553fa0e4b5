// A mirror in the simulation: the library's own machines say where it begins or goes on
// (`protocol::MirrorStart`) and what it puts (`protocol::Mirroring`); it reads the source's chain object by
// object, as src/replicate/replicator does without its threads; and is over when something ends it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/mirror_start.h"
#include "protocol/mirroring.h"
#include "protocol/recovery_scan.h"
#include "protocol/sweep.h"
#include "sim/call.h"
#include "sim/recorder.h"

namespace varve::sim {

class Mirror {
 public:
  struct Options {
    protocol::MirroringOptions mirroring;
    bool keeps = false;
    bool verify = false;  ///< as `protocol::MirrorStartOptions::verify`
  };
  explicit Mirror(Options options) : options_(options) {}

  /// Tells it, too, of all that this mirror does.
  void record(const Recorder& recorder, Client as) {
    recorder_ = &recorder;
    recorded_as_ = as;
  }
  void start();
  void on(const Call& call, const protocol::Reply& reply, std::uint64_t now_ms);
  void tick(std::uint64_t now_ms);
  [[nodiscard]] std::vector<Call> take_calls() { return std::exchange(calls_, {}); }
  [[nodiscard]] std::optional<std::uint64_t> next_tick_ms() const;

  /// It waits at the source's tail; `poll` makes it look again.
  [[nodiscard]] bool waits() const { return waits_ && !over(); }
  void poll();
  [[nodiscard]] bool over() const { return error_.has_value(); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  void note_damage() { damaged_ = true; }
  [[nodiscard]] bool damaged() const { return damaged_; }

  /// All that the source had when it was first looked at is copied, and the checkpoint knows.
  [[nodiscard]] bool caught_up() const;
  [[nodiscard]] const std::optional<protocol::Mirroring>& mirroring() const { return mirroring_; }

 private:
  enum class Stage : std::uint8_t {
    start,       // where does it begin, or go on?
    room,        // waits for some, or at the tail
    object,      // the next one
    at_hole,     // nothing there: is that the tail?
    seal_asked,  // a seal: is its place on the chain?
    doubt,       // what came does not fit: was the source trimmed past it?
  };

  void ask(Stage stage, bool there, protocol::Request request);
  void scan(Stage stage, bool there);
  void on_scan(std::uint64_t now_ms);
  void on_view(const Result<protocol::LogState>& view, std::uint64_t now_ms);
  void ask_for_start(protocol::SidedRequests requests);
  void begin();
  void on_object(const protocol::Reply& reply, std::uint64_t now_ms);
  void on_standing(const protocol::LogState& view);
  void read();
  void doubt(Error what);
  void offer(std::uint64_t now_ms);
  void sweep();
  void carry_out();
  void fail(Error error);
  [[nodiscard]] Error trimmed_past() const;

  Options options_;
  std::vector<Call> calls_;
  std::uint64_t round_ = 0;
  Stage stage_ = Stage::start;
  std::optional<protocol::RecoveryScan> scan_;
  protocol::LogState view_;  // of the source
  Seq target_ = 0;           // its tail when it was looked at first
  std::optional<protocol::MirrorStart> start_;
  std::vector<std::byte> object_;  // about to be offered
  std::optional<protocol::Mirroring> mirroring_;
  std::map<Seq, std::vector<std::byte>> copies_;
  std::optional<protocol::Sweep> sweep_;
  Seq sweeping_below_ = 0;
  std::uint32_t doubts_ = 0;
  std::optional<Error> doubted_;
  bool waits_ = false;
  bool damaged_ = false;
  std::optional<Error> error_;
  const Recorder* recorder_ = nullptr;
  Client recorded_as_ = 0;
};

}  // namespace varve::sim
