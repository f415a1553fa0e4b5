// A takeover against a log that goes on, trims and sweeps at every moment between, over listings that report
// each name as of a moment of its own. Orders are drawn from fixed seeds.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "protocol/recovery_scan.h"
#include "protocol/sweep.h"
#include "protocol/takeover.h"
#include "testing/test_log.h"

namespace varve::protocol {
namespace {

/// The writer in office: appends, trims all but the newest object, and sweeps, one request after the other,
/// until it finds its place taken.
class BusyOwner {
 public:
  BusyOwner(TestLog& log, std::size_t objects) : log_(log), chain_(log, 2), left_(objects) {
    for (int i = 0; i < 3; ++i) chain_.data();
  }

  void step() {
    if (!requests_.empty()) {
      const Request request = std::move(requests_.front());
      requests_.pop_front();
      send(sweep_->on(log_.answer(request)));
    } else if (left_ > 0 && !log_.objects.contains(chain_.tail().seq)) {
      --left_;
      if (left_ % 2 != 0) chain_.trim_to(chain_.headers().size() - 1);
      chain_.data();
      if (left_ % 2 != 0) sweep();
    }
  }
  [[nodiscard]] Offset end() const { return chain_.tail().offset; }

 private:
  void sweep() {
    sweep_.emplace(
        SweepPlan{.from = 0, .below = chain_.lowest_live(), .history = chain_.history(), .clocks = {}});
    send(sweep_->start());
  }
  void send(Requests requests) { std::ranges::move(requests, std::back_inserter(requests_)); }

  TestLog& log_;
  TestChain chain_;
  std::size_t left_;
  std::optional<Sweep> sweep_;
  std::deque<Request> requests_;
};

/// A listing between its request and its answer.
struct ListingUnderWay {
  Request request;
  std::set<Seq> always;
  std::set<Seq> ever;

  void see(const std::set<Seq>& now) {
    std::erase_if(always, [&](Seq seq) { return !now.contains(seq); });
    ever.insert(now.begin(), now.end());
  }
  [[nodiscard]] Reply answer(std::minstd_rand& random) const {
    Reply reply;
    reply.kind = request.kind;
    reply.seq = request.seq;
    const bool none = random() % 2 == 0;
    for (const Seq seq : ever) {
      if (seq < request.seq || (!always.contains(seq) && (none || random() % 2 == 0))) continue;
      reply.truncated = reply.listed.size() == request.limit;
      if (reply.truncated) break;
      reply.listed.push_back({seq, 0});
    }
    return reply;
  }
};

std::set<Seq> names_in(const TestLog& log) {
  std::set<Seq> names;
  for (const auto& [seq, object] : log.objects) names.insert(seq);
  return names;
}

/// Who takes the log over, its requests in any order.
class SlowClaimant {
 public:
  SlowClaimant()
      : machine_({.writer_id = test_id(3), .new_log_id = test_id(4), .new_window = 2, .host = "h"}) {
    accept(machine_.start(1));
  }

  void step(TestLog& log, std::minstd_rand& random) {
    const std::size_t which = random() % (waiting_.size() + listings_.size());
    if (which >= waiting_.size()) {
      const auto listing = listings_.begin() + static_cast<std::ptrdiff_t>(which - waiting_.size());
      const Reply reply = listing->answer(random);
      listings_.erase(listing);
      return accept(machine_.on(reply, 1));
    }
    const Request request = std::move(waiting_[which]);
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(which));
    if (request.kind != Request::Kind::list) return accept(machine_.on(log.answer(request), 1));
    const std::set<Seq> now = names_in(log);
    listings_.push_back({request, now, now});
  }
  void see(const TestLog& log) {
    for (ListingUnderWay& listing : listings_) listing.see(names_in(log));
  }
  [[nodiscard]] bool done() const { return machine_.done(); }
  [[nodiscard]] const Result<Ownership>& result() const { return machine_.result(); }

 private:
  void accept(Requests requests) { std::ranges::move(requests, std::back_inserter(waiting_)); }

  Takeover machine_;
  std::vector<Request> waiting_;
  std::vector<ListingUnderWay> listings_;
};

TEST(ClaimRace, WhoOwnsTheLogIsAtItsEndWhateverListingsMiss) {
  for (std::uint32_t seed = 1; seed <= 5'000; ++seed) {
    SCOPED_TRACE(seed);
    std::minstd_rand random(seed);
    TestLog log;
    BusyOwner owner(log, 20);
    SlowClaimant claimant;
    // From a log that hardly moves to one that moves a dozen steps between two of the claimant's.
    const std::uint32_t haste = 1 + seed % 12;
    while (!claimant.done()) {
      if (random() % (haste + 1) == 0) {
        claimant.step(log, random);
      } else {
        owner.step();
      }
      claimant.see(log);
    }
    ASSERT_TRUE(claimant.result()) << claimant.result().error().message();
    for (int steps = 0; steps < 100; ++steps) owner.step();
    const Result<LogState> view = run(log, RecoveryScan({.want_history = true}));
    ASSERT_TRUE(view) << view.error().message();
    ASSERT_EQ(view->newest_owned.writer_id, test_id(3)) << "it owns the log, and another goes on in it";
    ASSERT_EQ(claimant.result()->next.offset, owner.end());
  }
}

}  // namespace
}  // namespace varve::protocol
