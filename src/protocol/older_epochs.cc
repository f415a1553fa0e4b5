#include "protocol/older_epochs.h"

#include <fmt/format.h>

#include "format/seal.h"
#include "protocol/recovery_scan.h"

namespace varve::protocol {

std::optional<Error> prepend_older_epochs(format::EpochHistory& history, const Reply& reply) {
  const Result<format::Header> header = header_in(reply);
  if (!header) return header.error();
  if (header->kind != format::Kind::seal || header->seq != reply.seq) {
    return Error(Code::corruption, fmt::format("object {} is not the seal of its epoch", reply.seq));
  }
  const Result<format::SealBody> body = format::decode_seal(reply.bytes, *header);
  if (!body) return body.error().with_context(fmt::format("object {}", reply.seq));
  if (body->history.empty() || body->history.front().seal >= history.front().seal) {
    return Error(Code::corruption, fmt::format("no epoch is known before that of seal {}", reply.seq));
  }
  history.insert(history.begin(), body->history.begin(), body->history.end());
  return std::nullopt;
}

}  // namespace varve::protocol
