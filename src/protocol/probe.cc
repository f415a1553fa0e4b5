#include "protocol/probe.h"

#include <fmt/format.h>

#include "protocol/recovery_scan.h"

namespace varve::protocol {

Result<format::Header> probed_header(const Reply& reply, const format::Id& log_id) {
  Result<format::Header> header = header_in(reply);
  if (!header) return header;
  if (header->seq != reply.seq || header->log_id != log_id) {
    return Error(Code::corruption,
                 fmt::format("object {} is not the record object that belongs there", reply.seq));
  }
  if (header->kind != format::Kind::data) {
    // A claimant that slept has put its seal where the log was trimmed away since the survey. (Whoever
    // walks there, and was not trimmed away, learns from `step` that it does not belong there.)
    return Error(Code::not_found, fmt::format("object {} went away: a seal is in its place", reply.seq));
  }
  return header;
}

bool is_lost(const Error& error) {
  const Code code = error.code();
  return code == Code::not_found || code == Code::corruption || code == Code::foreign;
}

}  // namespace varve::protocol
