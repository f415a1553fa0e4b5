// All that there is in one state of the exhaustive check: the store, the actors, and requests that may
// still take effect. A value: copies go their own ways.
//
// Two worlds count as one state if nothing can tell them apart from here on. What an actor will do
// follows from all that it was told, in order; but it forgets. So its part of the fingerprint is
//   - nothing at all, once it is over, or has neither a wish left nor a request out;
//   - what it holds, where its machines are at rest: a writer its newest header (with nothing in flight
//     and no trim under way, that and the chain before it are all that its appender and trims know),
//     a reader its place;
//   - otherwise that, and all that it was told since.
// Beside it stand its requests on their way, and what the oracle remembers.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/fingerprint.h"
#include "sim/oracle.h"
#include "sim/reader.h"
#include "sim/writer.h"
#include "testing/test_log.h"

namespace varve::sim {

/// How large the worlds are that are looked at.
struct WorldSize {
  std::uint32_t window = 2;
  std::uint32_t writers = 2;
  std::uint32_t rivals = 0;  ///< beside them: writers that append one object and never trim
  std::uint32_t readers = 0;
  std::uint32_t appends = 1;     ///< objects of each writer
  std::uint32_t trims = 1;       ///< of each writer
  std::uint32_t faults = 1;      ///< PUTs lost, late, repeated, or with their answer lost
  std::uint32_t slow_lists = 0;  ///< listings that report each name as of a moment of its own
};

/// A listing under way: each name is reported as of some moment between its beginning and its end.
struct SlowList {
  std::set<Seq> always;    ///< there at every moment since it began: reported for sure
  std::set<Seq> at_times;  ///< there at some moments and not at others: reported or not
};

struct Actor {
  std::optional<Writer> writer;  // or else
  std::optional<Reader> reader;
  std::vector<Call> waiting;
  std::optional<SlowList> listing;  // the one listing in `waiting`, if it has begun
  Fingerprint heard = {};
  std::uint32_t appends_left = 0;
  std::uint32_t trims_left = 0;
  bool born = false;

  [[nodiscard]] bool over() const { return writer ? writer->over() : reader->over(); }
  [[nodiscard]] Fingerprint fingerprint() const;
  void on(const Call& call, const protocol::Reply& reply, std::uint64_t now, Oracle& oracle);
  void collect();
  /// Forgets what it was told, if its machines have.
  void forget();
};

struct State {
  explicit State(const WorldSize& size);

  protocol::TestLog log;
  Fingerprint stored = {};  // the objects, in any order
  Oracle oracle;
  std::vector<Actor> actors;
  std::vector<protocol::Request> may_land;  // PUTs whose sender has heard of a failure, or of success
  std::uint32_t faults_left;
  std::uint32_t slow_lists_left;
  std::uint64_t now = 1;

  [[nodiscard]] Fingerprint fingerprint() const;

  /// `request` takes effect.
  protocol::Reply apply(const protocol::Request& request);
  void tell(std::size_t actor, const Call& call, const protocol::Reply& reply);
  /// What it wants at once is answered at once: there is no checkpoint, at any time.
  void collect(std::size_t actor);
  /// All but PUTs that it waits for.
  void answer_reads(std::size_t actor);
  /// The listing that it waits for, if that is all.
  [[nodiscard]] const protocol::Request* only_listing(std::size_t actor) const;
  void begin_slow_list(std::size_t actor);
  /// `seen`: of what was there at times.
  void end_slow_list(std::size_t actor, const std::set<Seq>& seen);

  /// How it came to be, for one that is wrong.
  void note(std::size_t actor, const char* what, Seq seq = 0);
  [[nodiscard]] std::string history() const;

 private:
  struct Step {
    std::shared_ptr<const Step> before;
    std::size_t actor;
    const char* what;
    Seq seq;
  };
  std::shared_ptr<const Step> last_;
};

[[nodiscard]] inline bool is_put(const Call& call) {
  return call.request.kind == protocol::Request::Kind::put_object;
}

}  // namespace varve::sim
