#include "replicate/divergence.h"

#include <fmt/format.h>

#include <algorithm>

#include "replicate/resume_point.h"

namespace varve::replicate {

using format::Header;
using log::LogStore;
using protocol::LogState;

Result<std::optional<Header>> header_at(const LogStore& log, Seq seq, const read::WaitLimit& patience) {
  const auto reply = ask(log, protocol::Request::make(protocol::Request::Kind::get_header, seq), patience);
  if (!reply) return reply.error();
  if (reply->is(Code::not_found)) return std::optional<Header>();
  const Result<Header> header = protocol::header_in(*reply);
  if (!header) return header.error().with_context(log.name_of(seq));
  return std::optional(*header);
}

Result<bool> promoted_by(const LogStore& log, Seq seal, const LogStore& place,
                         const read::WaitLimit& patience) {
  const auto header = header_at(log, seal, patience);
  if (!header) return header.error();
  if (!*header) return false;
  const auto noted = ask(
      place, protocol::Request::make(protocol::Request::Kind::get_promotion, (*header)->writer_id), patience);
  if (!noted) return noted.error();
  if (noted->error && !noted->is(Code::not_found)) return *noted->error;
  return !noted->error;
}

Error differ(const LogStore& source, const LogStore& destination, const Header& theirs, const Header& ours) {
  return {Code::foreign,
          fmt::format(
              "{} and {} part at object {}: there it is of {}, at offset {}; here of {}, at offset {}. "
              "Nothing is merged: read the records from there on out of either, or mirror to an empty place",
              source.name_of_log(), destination.name_of_log(), ours.seq, protocol::describe(theirs),
              theirs.first_offset, protocol::describe(ours), ours.first_offset)};
}

namespace {

/// The chain object at or before `seq`: in a void, the seal before it.
Seq on_chain(const LogState& view, Seq seq) {
  const auto after = std::ranges::upper_bound(view.history, seq, {}, &format::EpochEntry::seal);
  if (after == view.history.begin()) return seq;
  const Seq seal = (after - 1)->seal;
  return seq - seal < view.tail.window ? seal : seq;
}

}  // namespace

Result<void> check_prefix(const LogStore& source, const LogState& theirs, const LogStore& destination,
                          const LogState& ours, const read::WaitLimit& patience) {
  const auto same = [&](Seq seq) -> Result<bool> {
    const auto there = header_at(source, seq, patience);
    if (!there) return there.error();
    const auto here = header_at(destination, seq, patience);
    if (!here) return here.error();
    return *there && *here && **there == **here;
  };
  // (A seal ahead carries no hash. If it is the newest, the one that does is asked about, too.)
  Seq differs = ours.newest.seq;
  const auto newest = same(differs);
  if (!newest) return newest.error();
  const auto newest_owned = same(ours.newest_owned.seq);
  if (!newest_owned) return newest_owned.error();
  if (*newest && *newest_owned) return {};
  if (differs < theirs.lowest_live()) {
    return Error(Code::foreign,
                 fmt::format("{} begins at object {} now, behind all of {}: they cannot be compared",
                             source.name_of_log(), theirs.lowest_live(), destination.name_of_log()));
  }
  // What is below `alike` is the same, or trimmed away at one of them.
  Seq alike = std::max(theirs.lowest_live(), ours.lowest_live());
  while (alike < differs) {
    const Seq middle = on_chain(ours, alike + (differs - alike) / 2);
    if (middle < alike) break;
    const auto equal = same(middle);
    if (!equal) return equal.error();
    if (*equal) {
      const bool seal = std::ranges::binary_search(ours.history, middle, {}, &format::EpochEntry::seal);
      alike = middle + (seal ? ours.tail.window : 1);
    } else {
      differs = middle;
    }
  }
  const auto there = header_at(source, differs, patience);
  if (!there) return there.error();
  const auto here = header_at(destination, differs, patience);
  if (!here) return here.error();
  if (*there && *here) return differ(source, destination, **there, **here);
  if (!*here) {
    return Error(Code::foreign, fmt::format("{} is missing", destination.name_of(differs)));
  }
  return Error(
      Code::foreign,
      fmt::format(
          "{} goes on at object {} (offset {}, of {}), where {} has nothing: it is longer. Nothing is "
          "merged; is it the source that should be the mirror?",
          destination.name_of_log(), differs, (*here)->first_offset, protocol::describe(**here),
          source.name_of_log()));
}

}  // namespace varve::replicate
