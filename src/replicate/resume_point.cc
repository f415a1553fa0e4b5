#include "replicate/resume_point.h"

#include "log/nesting.h"
#include "object_store/probe/create_probe.h"
#include "replicate/drive.h"

namespace varve::replicate {

using log::LogStore;
using protocol::MirrorStart;

namespace {

Result<void> prove(const LogStore& destination, const read::WaitLimit& patience) {
  if (const auto apart = log::check_nesting(destination, patience.deadline); !apart) return apart;
  if (!destination.store().requests_are_priced()) return {};
  return object_store::prove_create_if_absent(destination.store(), destination.address().path + "/",
                                              patience.deadline);
}

}  // namespace

Error trimmed_past(const LogStore& source, const protocol::Position& wanted, const protocol::LogState& view) {
  return protocol::trimmed_past(source.name_of_log(), wanted.seq, wanted.offset, view);
}

Result<protocol::ResumePoint> begin(const LogStore& source, const LogStore& destination,
                                    const MirrorOptions& options, const read::WaitLimit& patience,
                                    Look look) {
  MirrorStart machine({.source = source.name_of_log(),
                       .destination = destination.name_of_log(),
                       .keep_trimmed = options.keep_trimmed,
                       .attach = options.attach,
                       .verify = look == Look::whole});
  const auto on = [&machine](const protocol::Reply& reply) { return machine.on(reply); };
  protocol::SidedRequests next = machine.start();
  while (!machine.done()) {
    if (machine.wants_proof()) next = machine.store_proven(prove(destination, patience));
    if (const auto driven = drive(source, destination, std::move(next), on, patience); !driven)
      return driven.error();
    next.clear();
  }
  return machine.result();
}

}  // namespace varve::replicate
