#include "protocol/older_epochs.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/seal.h"
#include "protocol/recovery_scan.h"

namespace varve::protocol {

Seq oldest_that_knows(const format::EpochHistory& history) {
  const auto regular = std::ranges::find_if(
      history, [](const format::EpochEntry& entry) { return (entry.flags & format::flag::ahead) == 0; });
  return regular == history.end() ? history.front().seal : regular->seal;
}

std::optional<Error> prepend_older_epochs(format::EpochHistory& history, const Reply& reply) {
  const Result<format::Header> header = header_in(reply);
  if (!header) return header.error();
  if (header->kind != format::Kind::seal || header->seq != reply.seq) {
    return Error(Code::corruption, fmt::format("object {} is not the seal of its epoch", reply.seq));
  }
  const Result<format::SealBody> body = format::decode_seal(reply.bytes, *header);
  if (!body) return body.error().with_context(fmt::format("object {}", reply.seq));
  const auto known =
      std::ranges::lower_bound(body->history, history.front().seal, {}, &format::EpochEntry::seal);
  if (known == body->history.begin()) {
    return Error(Code::corruption, fmt::format("no epoch is known before that of seal {}", reply.seq));
  }
  history.insert(history.begin(), body->history.begin(), known);
  return std::nullopt;
}

}  // namespace varve::protocol
