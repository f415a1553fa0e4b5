#include "mirror/comparison.h"

#include <fmt/format.h>

#include "mirror/beginning.h"

namespace varve::mirror {

using courier::Courier;
using format::Header;

Result<std::optional<Header>> header_at(const Courier& log, Seq seq, const reader::Patience& patience) {
  const auto reply = ask(log, chain::Request::make(chain::Request::Kind::get_header, seq), patience);
  if (!reply) return reply.error();
  if (reply->is(Code::not_found)) return std::optional<Header>();
  const Result<Header> header = chain::header_in(*reply);
  if (!header) return header.error().with_context(log.name_of(seq));
  return std::optional(*header);
}

Error differ(const Courier& source, const Courier& destination, const Header& theirs, const Header& ours) {
  return {Code::foreign,
          fmt::format(
              "{} and {} part at object {}: there it is of {}, at offset {}; here of {}, at offset {}. "
              "Nothing is merged: read the records from there on out of either, or mirror to an empty place",
              source.name_of_log(), destination.name_of_log(), ours.seq, chain::describe(theirs),
              theirs.first_offset, chain::describe(ours), ours.first_offset)};
}

}  // namespace varve::mirror
