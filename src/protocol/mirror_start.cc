#include "protocol/mirror_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>

namespace varve::protocol {

using format::Checkpoint;
using format::Header;
using format::Kind;

namespace {

// A few mirrors that were cut off at their beginning leave no more seals than this.
constexpr std::uint32_t first_seals_max = 16;
// So often the source may be trimmed past what was just found to be copied.
constexpr std::uint32_t looks_max = 4;

bool is_data(const Header& header) { return header.kind == Kind::data; }

bool is_ahead(const Header& header) { return header.kind == Kind::seal && header.has(format::flag::ahead); }

format::EpochHistory up_to(format::EpochHistory history, Seq seq) {
  std::erase_if(history, [seq](const format::EpochEntry& entry) { return entry.seal > seq; });
  return history;
}

/// Of a log that is no mirror.
Checkpoint own_checkpoint(const LogState& view) {
  return {.log_id = view.tail.log_id,
          .anchor = view.newest_owned.seq,
          .window = view.tail.window,
          .history = up_to(view.history, view.newest_owned.seq)};
}

}  // namespace

Error trimmed_past(const std::string& source, Seq seq, Offset offset, const LogState& view) {
  return Error(Code::out_of_range,
               fmt::format(
                   "{} begins at offset {} (object {}) now, and only what is below offset {} (object {}) "
                   "has been copied: what lies between is gone; mirror it to an empty place",
                   source, view.start_offset(), view.lowest_live(), offset, seq))
      .with_valid_range({view.start_offset(), view.tail.offset});
}

struct MirrorStart::ProofGiven {
  MirrorStart* machine;
  [[nodiscard]] bool await_ready() const noexcept { return machine->proof_ == Proof::given; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept {
    machine->proof_ = Proof::wanted;
    machine->waiting_for_proof_ = waiting;
  }
  [[nodiscard]] Result<void> await_resume() const { return machine->proven_; }
};

MirrorStart::MirrorStart(MirrorStartOptions options)
    : options_(std::move(options)), logs_(options_.source, options_.destination), task_(run()) {}

SidedRequests MirrorStart::start() {
  task_.begin();
  return logs_.talk.take_requests();
}

SidedRequests MirrorStart::on(const Reply& reply) {
  logs_.talk.on(reply);
  task_.rethrow();
  return logs_.talk.take_requests();
}

SidedRequests MirrorStart::store_proven(const Result<void>& result) {
  proven_ = result;
  proof_ = Proof::given;
  std::exchange(waiting_for_proof_, {}).resume();
  task_.rethrow();
  return logs_.talk.take_requests();
}

Error MirrorStart::no_mirror() const {
  return {Code::fenced,
          fmt::format("{} does not say of itself that it is a mirror; if it is to become one of {}, compare "
                      "and go on there with --attach",
                      options_.destination, options_.source)};
}

Error MirrorStart::was_promoted() const {
  return {Code::foreign, options_.destination + " was promoted, and goes on by itself"};
}

Error MirrorStart::trimmed_past(Seq seq, Offset offset) const {
  return protocol::trimmed_past(options_.source, seq, offset, view_);
}

Task<MirrorStart::Resume> MirrorStart::run() {
  Result<LogState> view = co_await logs_.scan(Side::source);
  if (!view) co_return view.error();
  view_ = *std::move(view);
  Result<TwoLogs::KnownCheckpoint> known = co_await logs_.checkpoint_of(Side::destination);
  if (!known) co_return known.error();
  const Reply page = co_await logs_.talk.ask(Side::destination, Request::make(Request::Kind::list, 0, 1));
  if (page.error) co_return *page.error;
  const bool empty = page.listed.empty();
  if (!empty && !known->checkpoint) {  // another mirror may have begun it just now
    known = co_await logs_.checkpoint_of(Side::destination);
    if (!known) co_return known.error();
  }
  const std::optional<Checkpoint>& checkpoint = known->checkpoint;
  if (checkpoint && (checkpoint->log_id != view_.tail.log_id || checkpoint->window != view_.tail.window))
    co_return logs_.another_log(checkpoint->log_id, view_.tail.log_id);
  if (checkpoint && checkpoint->mirror) co_return co_await go_on(*checkpoint);
  if (empty && !checkpoint && !known->unreadable) co_return co_await begin_anew(options_.keep_trimmed);
  if (options_.attach) co_return co_await attach();
  if (known->unreadable) {
    co_return Error(Code::corruption,
                    fmt::format("the checkpoint of {} can't be read, so it is not known what lies there; if "
                                "it is a mirror of {}, go on there with --attach",
                                options_.destination, options_.source));
  }
  if (checkpoint) co_return no_mirror();
  const Result<bool> cut_off = co_await holds_only_seals();
  if (!cut_off) co_return cut_off.error();
  if (!*cut_off) co_return no_mirror();
  co_return co_await begin_anew(options_.keep_trimmed);
}

// A mirror that was cut off at its beginning has put the seal of an epoch, and its checkpoint before anything
// else. So where there is more, or another's, it is a log of its own: nothing is put there.
Task<Result<bool>> MirrorStart::holds_only_seals() {
  const Reply page =
      co_await logs_.talk.ask(Side::destination, Request::make(Request::Kind::list, 0, first_seals_max + 1));
  if (page.error) co_return *page.error;
  if (page.listed.empty() || page.listed.size() > first_seals_max || page.truncated || view_.mirror)
    co_return false;
  for (const ListedSeq& object : page.listed) {
    const Result<std::optional<Header>> header = co_await logs_.header_at(Side::destination, object.seq);
    if (!header) co_return header.error();
    if (!*header) continue;
    const bool same = (*header)->log_id == view_.tail.log_id && (*header)->window == view_.tail.window;
    if (!same) co_return logs_.another_log((*header)->log_id, view_.tail.log_id);
    if (is_data(**header) || object.seq > view_.lowest_live()) co_return false;
    if (!(*header)->has(format::flag::promoted)) continue;
    // Else it is a copy of the seal that promoted the source.
    const Result<bool> here = co_await logs_.promoted_here(Side::destination, object.seq);
    if (!here) co_return here.error();
    if (*here) co_return false;
  }
  co_return true;
}

// From the lowest live object on, and before it the seal of its epoch, which whoever looks for offsets reads.
Task<MirrorStart::Resume> MirrorStart::begin_anew(bool keeps) {
  const Result<void> proven = co_await ProofGiven{this};
  if (!proven) co_return proven.error();
  const Seq begins = view_.lowest_live();
  const Result<std::optional<Header>> first = co_await logs_.header_at(Side::source, begins);
  if (!first) co_return first.error();
  if (!*first) {
    co_return co_await begin_anew_if_trimmed(
        begins, keeps, Error(Code::unavailable, logs_.name_of(Side::source, begins) + " is gone; try again"));
  }
  if ((*first)->seq != begins || (*first)->log_id != view_.tail.log_id || is_ahead(**first)) {
    co_return Error(Code::corruption, fmt::format("{} is not the object that belongs there",
                                                  logs_.name_of(Side::source, begins)));
  }
  if (is_data(**first)) {
    const auto seal = co_await logs_.seal_at(Side::source, (*first)->epoch);
    if (!seal) co_return seal.error();
    if (!*seal || (*seal)->header.log_id != (*first)->log_id ||
        (*seal)->header.writer_id != (*first)->writer_id) {
      co_return co_await begin_anew_if_trimmed(
          begins, keeps,
          Error(Code::corruption, fmt::format("{} is not the seal of object {}",
                                              logs_.name_of(Side::source, (*first)->epoch), begins)));
    }
    const Result<void> sealed = co_await put_first_seal((*seal)->header, (*seal)->bytes);
    if (!sealed) co_return sealed.error();
    const Result<void> said =
        co_await logs_.put_checkpoint(Side::destination, first_checkpoint(**first, keeps));
    if (!said) co_return said.error();
  }
  co_return resume_with(**first, keeps);
}

// The source may have been trimmed since it was surveyed: then it begins further on. Else `otherwise`.
Task<MirrorStart::Resume> MirrorStart::begin_anew_if_trimmed(Seq begins, bool keeps, Error otherwise) {
  Result<LogState> now = co_await logs_.scan(Side::source);
  if (!now) co_return now.error();
  view_ = *std::move(now);
  if (view_.lowest_live() == begins) co_return otherwise;
  if (++looks_ >= looks_max)
    co_return Error(Code::unavailable,
                    options_.source + " is trimmed faster than it can be looked at; try again");
  co_return co_await begin_anew(keeps);
}

ResumePoint MirrorStart::resume_with(const Header& first, bool keeps) const {
  MirroringStart start{.next = position_of(first), .history = view_.history, .state = {}};
  start.state.begins_offset = view_.start_offset();
  start.state.keeps = keeps;
  start.state.source = options_.source;
  return {std::move(start), view_};
}

// "Exists" with nothing there is a false alarm.
Task<Result<void>> MirrorStart::put_first_seal(Header seal, std::vector<std::byte> bytes) {
  for (int alarms = 0; alarms < false_alarms_max; ++alarms) {
    Request request = Request::make(Request::Kind::put_object, seal.seq);
    request.body = bytes;
    const Reply put = co_await logs_.talk.ask(Side::destination, std::move(request));
    if (!put.error) co_return Result<void>();
    if (!put.is(Code::already_exists)) co_return *put.error;
    const Result<std::optional<Header>> there = co_await logs_.header_at(Side::destination, seal.seq);
    if (!there) co_return there.error();
    if (!*there) continue;
    if (**there == seal) co_return Result<void>();
    co_return Error(Code::foreign, fmt::format("{} is not the source's object {}; choose an empty place",
                                               logs_.name_of(Side::destination, seal.seq), seal.seq));
  }
  co_return Error(Code::unavailable, fmt::format("{} is said to exist, and does not; try again",
                                                 logs_.name_of(Side::destination, seal.seq)));
}

// Before the first record: so what lies there without such a checkpoint is a log of its own. What it names is
// about to be put; until it is there, nothing is.
Checkpoint MirrorStart::first_checkpoint(const Header& first, bool keeps) const {
  Checkpoint checkpoint{.log_id = first.log_id,
                        .anchor = first.seq,
                        .window = first.window,
                        .history = up_to(view_.history, first.seq)};
  checkpoint.mirror = format::MirrorState{.begins_seq = first.seq,
                                          .begins_offset = view_.start_offset(),
                                          .keeps = keeps,
                                          .copied_offset = view_.start_offset(),
                                          .source_end = view_.tail.offset,
                                          .source = options_.source};
  return checkpoint;
}

// A checkpoint is a hint that may come late, but what it says was so: all up to what it names was stored.
Task<MirrorStart::Resume> MirrorStart::go_on(Checkpoint known) {
  const Result<std::optional<Header>> named = co_await logs_.header_at(Side::destination, known.anchor);
  if (!named) co_return named.error();
  if (*named) {
    const Result<Position> next = step(position_of(**named), **named);
    if (!next) co_return next.error().with_context(options_.destination);
    if (next->seq >= view_.lowest_live() && !options_.verify) co_return co_await go_on_behind(known, **named);
  }
  co_return co_await find_place(known, *named);
}

// What the checkpoint names is not enough. So the places that the source's chain has are looked for, by their
// names: the first that is empty is the one to go on with.
Task<MirrorStart::Resume> MirrorStart::find_place(Checkpoint known, std::optional<Header> named) {
  const bool keeps = known.mirror->keeps;
  bool stored_there = named.has_value();
  if (known.nothing_copied()) {
    const Seq next = known.anchor + (named ? 1 : 0);
    const Reply behind =
        co_await logs_.talk.ask(Side::destination, Request::make(Request::Kind::list, next, 1));
    if (behind.error) co_return *behind.error;
    if (behind.listed.empty() && !named) co_return co_await begin_anew(keeps);
    // It came late, if another mirror has begun anew since, there or further on.
    const Seq begun_from = known.anchor + (named ? 2 * Seq{known.window} : 0);
    if (!behind.listed.empty() && behind.listed.front().seq >= begun_from) {
      const Result<Checkpoint> begun = co_await begun_at(known, behind.listed.front().seq);
      if (!begun) co_return begun.error();
      known = *begun;
      stored_there = true;
    }
  }
  const Result<std::vector<Seq>> whole = co_await whole_below(known, stored_there);
  if (!whole) co_return whole.error();
  Result<Occupied> stored = Occupied{};
  for (const Seq seq : *whole) {
    stored = co_await logs_.occupied(Side::destination, places_from(seq, known), view_.tail.seq);
    if (!stored) co_return stored.error();
    if (!stored->newest.empty()) break;
  }
  if (stored->below >= view_.lowest_live() && !stored->newest.empty())
    co_return co_await go_on_before(known, *stored);
  // Behind the gap nothing that the source has can be put. But a seal behind it, and no record anywhere, is
  // what another mirror has left that began anew there and was cut off: no other puts a seal behind a gap,
  // and none can promote what looks like that.
  if (stored->more_behind) {
    const Result<bool> begun = co_await holds_only_seals();
    if (!begun) co_return begun.error();
    if (*begun) co_return co_await begin_anew(keeps);
  }
  if (const Result<void> own = co_await expect_mirror_still(); !own) co_return own.error();
  co_return trimmed_past(stored->below, std::min(known.mirror->copied_offset, view_.start_offset()));
}

// Places of which it is known that all before them was stored; the highest first.
Task<Result<std::vector<Seq>>> MirrorStart::whole_below(Checkpoint known, bool named_is_there) {
  std::vector<Seq> seqs;
  if (!known.mirror->keeps) {
    const Result<std::optional<Seq>> swept = co_await lowest_live_there(known.anchor);
    if (!swept) co_return swept.error();
    if (*swept && **swept >= known.anchor) seqs.push_back(**swept);
  }
  if (named_is_there) seqs.push_back(known.anchor);
  if (!seqs.empty()) co_return seqs;
  if (const Result<void> own = co_await expect_mirror_still(); !own) co_return own.error();
  co_return Error(
      Code::corruption,
      fmt::format("the mirror {}: object {} is missing: its checkpoint names it as stored; mirror "
                  "to an empty place",
                  options_.destination, known.anchor));
}

// As `known`, but for where the mirror begins.
Task<Result<Checkpoint>> MirrorStart::begun_at(Checkpoint known, Seq first) {
  const Result<std::optional<Header>> header = co_await logs_.header_at(Side::destination, first);
  if (!header) co_return header.error();
  if (!*header)
    co_return Error(Code::unavailable, options_.destination + " is being changed by others; try again");
  known.anchor = known.mirror->begins_seq = first;
  known.mirror->begins_offset = known.mirror->copied_offset =
      std::max(known.mirror->begins_offset, (*header)->first_offset);
  co_return known;
}

ChainPlaces MirrorStart::places_from(Seq at, const Checkpoint& known) const {
  return {.seals = merged(view_.history, known.history), .window = known.window, .at = at};
}

// A copy that tells of a trim was put when all was stored that the trim leaves. So below what the newest
// copies tell, all was stored here, and may have been swept.
Task<Result<std::optional<Seq>>> MirrorStart::lowest_live_there(Seq from) {
  std::deque<Seq> newest;
  for (bool more = true; more;) {
    const Reply page =
        co_await logs_.talk.ask(Side::destination, Request::make(Request::Kind::list, from, page_limit));
    if (page.error) co_return *page.error;
    for (const ListedSeq& object : page.listed) newest.push_back(object.seq);
    while (newest.size() > std::size_t{view_.tail.window} + 1) newest.pop_front();
    more = page.truncated && !page.listed.empty();
    if (more) from = page.listed.back().seq + 1;
  }
  const std::vector<Seq> seqs(newest.begin(), newest.end());
  const Result<std::vector<Header>> headers = co_await logs_.headers_at(Side::destination, seqs);
  if (!headers) co_return headers.error();
  std::optional<Seq> lowest;
  for (const Header& header : *headers) {
    if (header.log_id == view_.tail.log_id) lowest = std::max(lowest.value_or(0), header.lowest_live);
  }
  co_return lowest;
}

// The headers at the end of what is copied, W + 1 of them if there are so many, each of which names the one
// before it. What others have put after a promotion is not among them: copies end a window behind its seal.
Task<Result<std::vector<Header>>> MirrorStart::linked_headers(std::vector<Seq> seqs) {
  Result<std::vector<Header>> headers = co_await logs_.headers_at(Side::destination, std::move(seqs));
  if (!headers) co_return headers.error();
  std::optional<Position> at;
  for (const Header& header : *headers) {
    if (!at && is_ahead(header)) continue;
    const Result<Position> next = step(at.value_or(position_of(header)), header);
    if (next) {
      at = *next;
      continue;
    }
    if (const Result<void> own = co_await expect_not_promoted(header); !own) co_return own.error();
    co_return Error(Code::foreign,
                    fmt::format("the mirror {}: {}", options_.destination, next.error().message()));
  }
  co_return headers;
}

// Was it promoted, and has long gone on by itself?
Task<Result<void>> MirrorStart::expect_mirror_still() {
  const Result<LogState> now = co_await logs_.scan(Side::destination);
  const std::optional<Seq> promotion = now ? now->newest_promotion() : std::nullopt;
  if (!promotion) co_return Result<void>();
  const Result<bool> here = co_await logs_.promoted_here(Side::destination, *promotion);
  if (!here) co_return here.error();
  if (*here) co_return was_promoted();
  co_return Result<void>();
}

// By what the newest object's epoch knows of those before it.
Task<Result<void>> MirrorStart::expect_not_promoted(Header newest) {
  const auto seal = co_await logs_.seal_at(Side::destination, newest.epoch);
  if (!seal) co_return seal.error();
  if (!*seal) co_return Result<void>();
  format::EpochHistory history = (*seal)->body.history;
  history.push_back({(*seal)->header.seq, (*seal)->header.first_offset, (*seal)->header.flags});
  const auto promotion = std::ranges::find_if(history.rbegin(), history.rend(), [](const auto& entry) {
    return (entry.flags & format::flag::promoted) != 0;
  });
  if (promotion == history.rend()) co_return Result<void>();
  const Result<bool> here = co_await logs_.promoted_here(Side::destination, promotion->seal);
  if (!here) co_return here.error();
  if (*here) co_return was_promoted();
  co_return Result<void>();
}

// Whether there is a place below those that was lost since: it is copied again.
Task<Result<Occupied>> MirrorStart::verified(Checkpoint known, Occupied stored) {
  const Seq begins = known.mirror->begins_seq;
  const Seq from = known.mirror->keeps ? begins : std::max(begins, view_.lowest_live());
  if (!options_.verify || from >= stored.below) co_return stored;
  const Result<Occupied> live =
      co_await logs_.occupied(Side::destination, places_from(from, known), view_.tail.seq);
  if (!live) co_return live.error();
  if (live->below >= stored.below) co_return stored;
  if (const Result<void> own = co_await expect_mirror_still(); !own) co_return own.error();
  // The source may have been trimmed since it was looked at, and another mirror may have swept what that
  // leaves.
  const Seq lowest_live = view_.lowest_live();
  Result<LogState> now = co_await logs_.scan(Side::source);
  if (!now) co_return now.error();
  view_ = *std::move(now);
  if (!known.mirror->keeps && view_.lowest_live() > lowest_live) {
    if (++looks_ < looks_max) co_return co_await verified(std::move(known), std::move(stored));
    co_return Error(Code::unavailable,
                    options_.source + " is trimmed faster than it can be looked at; try again");
  }
  if (!live->newest.empty() && live->below >= view_.lowest_live()) co_return *live;
  co_return Error(
      Code::corruption,
      fmt::format("the mirror {} has lost object {}, which the source has no longer, or with which it "
                  "begins; mirror to an empty place",
                  options_.destination, live->below));
}

// At the first empty place, behind what is occupied without a gap.
Task<MirrorStart::Resume> MirrorStart::go_on_before(Checkpoint known, Occupied stored) {
  const Result<Occupied> occupied = co_await verified(known, std::move(stored));
  if (!occupied) co_return occupied.error();
  const Result<std::vector<Header>> headers = co_await linked_headers(occupied->newest);
  if (!headers) co_return headers.error();
  const auto last = std::ranges::find_if(headers->rbegin(), headers->rend(),
                                         [](const Header& header) { return !is_ahead(header); });
  if (last == headers->rend())
    co_return Error(Code::unavailable, options_.destination + " is being changed by others; try again");
  if (last->seq < view_.lowest_live()) {  // the source can't be asked about it
    if (const Result<void> own = co_await expect_not_promoted(*last); !own) co_return own.error();
  }
  co_return co_await go_on_behind(known, *last);
}

Task<MirrorStart::Resume> MirrorStart::go_on_behind(Checkpoint known, Header ours) {
  if (ours.seq >= view_.tail.seq) {  // another mirror has copied what the source has got since
    Result<LogState> now = co_await logs_.scan(Side::source);
    if (!now) co_return now.error();
    view_ = *std::move(now);
  }
  const Result<std::optional<Header>> theirs = co_await logs_.header_at(Side::source, ours.seq);
  if (!theirs) co_return theirs.error();
  if ((!*theirs || **theirs != ours) && ours.seq >= view_.lowest_live()) {
    // Was it trimmed away since that was looked at? A seal of a claimant that slept may even lie there now.
    Result<LogState> now = co_await logs_.scan(Side::source);
    if (!now) co_return now.error();
    view_ = *std::move(now);
    if (ours.seq >= view_.lowest_live()) {
      if (const Result<void> own = co_await expect_not_promoted(ours); !own) co_return own.error();
      if (*theirs) co_return logs_.differ(**theirs, ours);
      co_return Error(Code::foreign, fmt::format("{} has {}, which {} has not: it is no mirror of that",
                                                 options_.destination, describe(ours), options_.source));
    }
    if (++looks_ >= looks_max)
      co_return Error(Code::unavailable,
                      options_.source + " is trimmed faster than it can be looked at; try again");
    co_return co_await go_on(known);
  }
  const Result<Position> next = step(position_of(ours), ours);
  if (!next) co_return next.error();
  if (next->seq < view_.lowest_live()) co_return trimmed_past(next->seq, next->offset);
  co_return resume_at(*next, ours, known);
}

ResumePoint MirrorStart::resume_at(const Position& next, const Header& ours, const Checkpoint& known) const {
  MirroringStart start{.next = next,
                       .history = view_.history,
                       .state = *known.mirror,
                       .anchor = ours.seq,
                       .anchor_is_said = ours.seq == known.anchor,
                       .swept_below = known.swept_below,
                       .lowest_live = ours.lowest_live};
  start.state.source = options_.source;
  return {std::move(start), view_};
}

// A log of its own becomes a mirror. All that is there must be the beginning of the source.
Task<MirrorStart::Resume> MirrorStart::attach() {
  const Result<LogState> mine = co_await logs_.scan(Side::destination);
  if (!mine) co_return mine.error();
  if (mine->tail.log_id != view_.tail.log_id)
    co_return logs_.another_log(mine->tail.log_id, view_.tail.log_id);
  // Two that mirror each other would have no owner.
  if (view_.mirror) {
    co_return Error(Code::invalid_argument,
                    fmt::format("{} is itself a mirror, of {}: nothing can be attached to it",
                                options_.source, view_.mirror->source));
  }
  const Result<void> prefix = co_await logs_.check_prefix(view_, *mine);
  if (!prefix) co_return prefix.error();
  const Checkpoint checkpoint = attached_checkpoint(*mine);
  const Result<void> put = co_await logs_.put_checkpoint(Side::destination, checkpoint);
  if (!put) co_return put.error();
  const Result<void> alone = co_await expect_source_is_no_mirror(*mine);
  if (!alone) co_return alone.error();
  co_return co_await go_on(checkpoint);
}

Checkpoint MirrorStart::attached_checkpoint(const LogState& mine) const {
  Checkpoint checkpoint = own_checkpoint(mine);
  checkpoint.mirror = format::MirrorState{.begins_seq = mine.lowest_live(),
                                          .begins_offset = mine.start_offset(),
                                          .keeps = options_.keep_trimmed,
                                          .copied_offset = mine.newest_owned.end_offset(),
                                          .source_end = view_.tail.offset,
                                          .source = options_.source};
  return checkpoint;
}

// Looks back: the source may have been attached to the destination just now. Of two that do so at the same
// time one at least sees the other's checkpoint, which was put before it looked, and takes its own back.
Task<Result<void>> MirrorStart::expect_source_is_no_mirror(LogState mine) {
  const Result<LogState> now = co_await logs_.scan(Side::source);
  if (!now) co_return now.error();
  if (!now->mirror) co_return Result<void>();
  const Result<void> put = co_await logs_.put_checkpoint(Side::destination, own_checkpoint(mine));
  if (!put) co_return put.error();
  co_return Error(
      Code::unavailable,
      fmt::format("{} became a mirror while {} was attached to it, which was taken back; decide which of "
                  "the two is the source, and try again",
                  options_.source, options_.destination));
}

}  // namespace varve::protocol
