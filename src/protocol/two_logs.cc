#include "protocol/two_logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "format/key.h"
#include "protocol/takeover.h"

namespace varve::protocol {

using format::Header;
using format::Kind;

namespace {

// So many pages of a listing are asked for at once.
constexpr std::uint64_t pages_at_once = 16;
// A chain of more places than this in pages is not followed to its end.
constexpr std::uint32_t rounds_max = 1U << 16U;

// The destination's name for a place is its key below the log's name.
Requests requests_for_headers(const std::vector<Seq>& seqs) {
  Requests requests;
  for (const Seq seq : seqs) requests.push_back(Request::make(Request::Kind::get_header, seq));
  return requests;
}

void note_newest(std::vector<Seq>& newest, Seq seq, std::uint32_t window) {
  if (newest.size() > window) newest.erase(newest.begin());
  newest.push_back(seq);
}

Conversation::Listener listener_of(RecoveryScan& scan) {
  return [&scan](const Reply& reply) { return scan.on(reply); };
}

/// The chain object at or before `seq`: in a void, the seal before it.
Seq on_chain(const LogState& view, Seq seq) {
  const auto after = std::ranges::upper_bound(view.history, seq, {}, &format::EpochEntry::seal);
  if (after == view.history.begin()) return seq;
  const Seq seal = (after - 1)->seal;
  return seq - seal < view.tail.window ? seal : seq;
}

}  // namespace

void ChainPlaces::advance() {
  at += std::ranges::binary_search(seals, at, {}, &format::EpochEntry::seal) ? window : 1;
}

format::EpochHistory merged(const format::EpochHistory& one, const format::EpochHistory& other) {
  format::EpochHistory all;
  std::ranges::set_union(one, other, std::back_inserter(all), {}, &format::EpochEntry::seal,
                         &format::EpochEntry::seal);
  return all;
}

std::string TwoLogs::name_of(Side side, Seq seq) const { return format::wal_key(name(side), seq); }

Task<Result<LogState>> TwoLogs::scan(Side side) {
  RecoveryScan scan({.want_history = true});
  Requests first = scan.start();
  co_await talk.run(side, std::move(first), listener_of(scan));
  if (!scan.result()) co_return scan.result().error().with_context(name(side));
  if (!scan.result()->exists) {
    const Error nothing = nothing_there(*scan.result());
    if (nothing.code() != Code::not_found) co_return nothing.with_context(name(side));
    co_return Error(Code::not_found, fmt::format("there is no log at {}; check the name", name(side)));
  }
  co_return scan.result();
}

Task<Result<std::optional<Header>>> TwoLogs::header_at(Side side, Seq seq) {
  for (std::uint32_t reads = 1;; ++reads) {
    const Reply reply = co_await talk.ask(side, Request::make(Request::Kind::get_header, seq));
    if (reply.is(Code::not_found)) co_return std::optional<Header>();
    const Result<Header> header = header_in(reply);
    if (header) co_return std::optional(*header);
    if (reads == reads_max || reply.error) co_return header.error().with_context(name_of(side, seq));
  }
}

Task<Result<std::vector<Header>>> TwoLogs::headers_at(Side side, std::vector<Seq> seqs) {
  Requests requests = requests_for_headers(seqs);
  std::vector<Reply> replies = co_await talk.ask_all(side, std::move(requests));
  std::ranges::sort(replies, {}, &Reply::seq);
  std::vector<Header> headers;
  for (const Reply& reply : replies) {
    const Result<Header> header = header_in(reply);
    if (header) {
      headers.push_back(*header);
      continue;
    }
    const Result<std::optional<Header>> again = co_await header_at(side, reply.seq);
    if (!again) co_return again.error();
    if (!*again) co_return Error(Code::not_found, fmt::format("{} is gone", name_of(side, reply.seq)));
    headers.push_back(**again);
  }
  co_return headers;
}

Task<Result<std::optional<TwoLogs::SealObject>>> TwoLogs::seal_at(Side side, Seq seq) {
  for (std::uint32_t reads = 1;; ++reads) {
    const Reply reply = co_await talk.ask(side, Request::make(Request::Kind::get_object, seq));
    if (reply.is(Code::not_found)) co_return std::optional<SealObject>();
    const Result<Header> header = header_in(reply);
    if (header && header->kind == Kind::seal && header->seq == seq) {
      Result<format::SealBody> body = format::decode_seal(reply.bytes, *header);
      if (body) {
        SealObject seal;
        seal.header = *header;
        seal.body = *std::move(body);
        seal.bytes = reply.bytes;
        co_return std::optional(std::move(seal));
      }
    }
    const bool newer = !header && header.error().code() == Code::unsupported;
    if (reply.error || newer) co_return header.error().with_context(name(side));
    if (reads < reads_max) continue;
    co_return Error(Code::corruption, fmt::format("{} is not the seal of its epoch", name_of(side, seq)));
  }
}

Task<Result<TwoLogs::KnownCheckpoint>> TwoLogs::checkpoint_of(Side side) {
  for (std::uint32_t reads = 1;; ++reads) {
    const Reply reply = co_await talk.ask(side, Request::make(Request::Kind::get_checkpoint));
    if (reply.is(Code::not_found)) co_return KnownCheckpoint{};
    if (reply.error) co_return *reply.error;
    Result<format::Checkpoint> found = format::decode_checkpoint(reply.bytes);
    if (!found && found.error().code() == Code::unsupported)
      co_return found.error().with_context("the checkpoint of " + name(side));
    KnownCheckpoint known;
    known.unreadable = !found;
    const bool is_last = found || reads == reads_max;
    if (found) known.checkpoint = *std::move(found);
    if (is_last) co_return known;
  }
}

Task<Result<void>> TwoLogs::put_checkpoint(Side side, format::Checkpoint checkpoint) {
  Request request = Request::make(Request::Kind::put_checkpoint);
  request.body = format::encode_checkpoint(checkpoint);
  const Reply put = co_await talk.ask(side, std::move(request));
  if (put.error) co_return *put.error;
  co_return Result<void>();
}

Task<Result<bool>> TwoLogs::promoted_here(Side side, Seq seal) {
  const Result<std::optional<Header>> header = co_await header_at(side, seal);
  if (!header) co_return header.error();
  if (!*header) co_return false;
  const Reply noted =
      co_await talk.ask(Side::destination, Request::make(Request::Kind::get_promotion, (*header)->writer_id));
  if (noted.error && !noted.is(Code::not_found)) co_return *noted.error;
  if (!noted.error && !noted.bytes.empty()) co_return newer_note(seal).with_context(name(Side::destination));
  co_return !noted.error;
}

Task<Result<Occupied>> TwoLogs::occupied(Side side, ChainPlaces places, Seq end) {
  Occupied found;
  for (std::uint32_t round = 0; round < rounds_max; ++round) {
    const std::uint64_t pages = 1 + (std::max(places.at, end) - places.at) / page_limit;
    Requests requests;
    for (std::uint64_t page = 0; page < std::min(pages, pages_at_once); ++page)
      requests.push_back(Request::make(Request::Kind::list, places.at + page * page_limit, page_limit));
    std::vector<Reply> replies = co_await talk.ask_all(side, std::move(requests));
    std::ranges::sort(replies, {}, &Reply::seq);
    for (const Reply& reply : replies) {
      if (reply.error) co_return *reply.error;
      if (reply.seq > places.at) break;  // the page before it was cut short
      for (const ListedSeq& object : reply.listed) {
        if (object.seq < places.at) continue;
        found.below = places.at;
        found.more_behind = object.seq > places.at;
        if (found.more_behind) co_return found;
        note_newest(found.newest, places.at, places.window);
        places.advance();
      }
      found.below = places.at;
      if (!reply.truncated || reply.listed.empty()) co_return found;
    }
  }
  co_return Error(Code::unavailable, name(side) + " grows faster than it can be listed; try again");
}

Error TwoLogs::differ(const Header& theirs, const Header& ours) const {
  return {Code::foreign,
          fmt::format(
              "{} and {} part at object {}: there it is of {}, at offset {}; here of {}, at offset {}. "
              "Nothing is merged: read the records from there on out of either, or mirror to an empty place",
              name(Side::source), name(Side::destination), ours.seq, describe(theirs), theirs.first_offset,
              describe(ours), ours.first_offset)};
}

Error TwoLogs::another_log(const format::Id& there, const format::Id& here) const {
  return {Code::foreign,
          fmt::format("{} has log {}, and {} has log {}: no mirror of one another; choose an empty place",
                      name(Side::destination), to_hex(there), name(Side::source), to_hex(here))};
}

Task<Result<bool>> TwoLogs::same_at(Seq seq) {
  const Result<std::optional<Header>> there = co_await header_at(Side::source, seq);
  if (!there) co_return there.error();
  const Result<std::optional<Header>> here = co_await header_at(Side::destination, seq);
  if (!here) co_return here.error();
  co_return *there&&* here&&** there == **here;
}

// Below it all is the same, or trimmed away at one of them.
Task<Result<Seq>> TwoLogs::first_difference(LogState theirs, LogState ours) {
  Seq differs = ours.newest.seq;
  Seq alike = std::max(theirs.lowest_live(), ours.lowest_live());
  while (alike < differs) {
    const Seq middle = on_chain(ours, alike + (differs - alike) / 2);
    if (middle < alike) break;
    const Result<bool> equal = co_await same_at(middle);
    if (!equal) co_return equal.error();
    if (*equal) {
      const bool seal = std::ranges::binary_search(ours.history, middle, {}, &format::EpochEntry::seal);
      alike = middle + (seal ? ours.tail.window : 1);
    } else {
      differs = middle;
    }
  }
  co_return differs;
}

Task<Result<void>> TwoLogs::check_prefix(LogState theirs, LogState ours) {
  // (A seal ahead carries no hash. If it is the newest, the one that does is asked about, too.)
  const Result<bool> newest = co_await same_at(ours.newest.seq);
  if (!newest) co_return newest.error();
  const Result<bool> newest_owned = co_await same_at(ours.newest_owned.seq);
  if (!newest_owned) co_return newest_owned.error();
  if (*newest && *newest_owned) co_return Result<void>();
  if (ours.newest.seq < theirs.lowest_live()) {
    co_return Error(Code::foreign,
                    fmt::format("{} begins at object {} now, behind all of {}: they cannot be compared",
                                name(Side::source), theirs.lowest_live(), name(Side::destination)));
  }
  const Result<Seq> differs = co_await first_difference(theirs, ours);
  if (!differs) co_return differs.error();
  const Result<std::optional<Header>> there = co_await header_at(Side::source, *differs);
  if (!there) co_return there.error();
  const Result<std::optional<Header>> here = co_await header_at(Side::destination, *differs);
  if (!here) co_return here.error();
  if (*there && *here) co_return differ(**there, **here);
  if (!*here)
    co_return Error(Code::foreign, fmt::format("{} is missing", name_of(Side::destination, *differs)));
  co_return Error(
      Code::foreign,
      fmt::format(
          "{} goes on at object {} (offset {}, of {}), where {} has nothing: it is longer. Nothing is "
          "merged; is it the source that should be the mirror?",
          name(Side::destination), *differs, (*here)->first_offset, describe(**here), name(Side::source)));
}

}  // namespace varve::protocol
