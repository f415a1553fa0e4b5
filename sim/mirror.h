// A mirror in the simulation: the real mirroring, surveys and sweep, put together as the library's mirror
// puts them together (src/mirror), without its threads. It begins, or goes on; reads the source's chain
// object by object; and is over when something ends it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "chain/mirroring.h"
#include "chain/survey.h"
#include "chain/sweep.h"
#include "sim/call.h"

namespace varve::sim {

class Mirror {
 public:
  struct Options {
    chain::MirroringOptions mirroring;
    bool keeps = false;
  };
  explicit Mirror(Options options) : options_(options) {}

  void start();
  void on(const Call& call, const chain::Reply& reply, std::uint64_t now_ms);
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
  [[nodiscard]] const std::optional<chain::Mirroring>& mirroring() const { return mirroring_; }

 private:
  enum class Stage : std::uint8_t {
    source,      // where does it stand?
    checkpoint,  // of the destination
    emptiness,   // is anything there?
    each,        // of the few objects that are: was a mirror cut off?
    named,       // the object that the checkpoint names
    whole,       // what does a survey of the destination find?
    begun,       // has it what the source begins with?
    first,       // the source's lowest live object
    seal,        // and its epoch's seal,
    seal_put,    // which is put,
    seal_there,  // or is there
    theirs,      // at the source, what is gone on from
    gone,        // or was it trimmed away since?
    room,        // waits for some, or at the tail
    object,      // the next one
    at_hole,     // nothing there: is that the tail?
    seal_asked,  // a seal: is its place on the chain?
    doubt,       // what came does not fit: was the source trimmed past it?
  };

  void ask(Stage stage, bool there, chain::Request request);
  void survey(Stage stage, bool there);
  void on_survey(std::uint64_t now_ms);
  void on_view(const Result<chain::TailView>& view, std::uint64_t now_ms);
  void on_answer(const chain::Reply& reply, std::uint64_t now_ms);
  void on_checkpoint(const chain::Reply& reply);
  void on_emptiness(const chain::Reply& reply);
  void next_of_cut_off();
  void on_each(const chain::Reply& reply);
  void on_named(const chain::Reply& reply);
  void on_whole(const Result<chain::TailView>& view);
  void on_first(const chain::Reply& reply);
  void on_seal(const chain::Reply& reply);
  void put_seal();
  void anew();
  void begin();
  void go_on_from(const format::Header& ours);
  void go_on();
  void on_theirs(const chain::Reply& reply);
  void on_object(const chain::Reply& reply, std::uint64_t now_ms);
  void on_standing(const chain::TailView& view);
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
  Stage stage_ = Stage::source;
  std::optional<chain::Survey> survey_;
  chain::TailView view_;  // of the source
  Seq target_ = 0;        // its tail when it was looked at first
  std::optional<format::Checkpoint> known_;
  std::vector<Seq> cut_off_;
  std::optional<format::Header> ours_;   // to go on from; or what the destination has where the source begins
  std::optional<format::Header> first_;  // what the source begins with
  std::vector<std::byte> object_;        // about to be offered, or the first seal
  std::optional<chain::Mirroring> mirroring_;
  std::map<Seq, std::vector<std::byte>> copies_;
  std::optional<chain::Sweep> sweep_;
  Seq sweeping_below_ = 0;
  std::uint32_t doubts_ = 0;
  std::optional<Error> doubted_;
  bool waits_ = false;
  bool damaged_ = false;
  std::optional<Error> error_;
};

}  // namespace varve::sim
