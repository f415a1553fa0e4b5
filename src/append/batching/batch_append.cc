// What a producer does with its place in a batch.
#include <algorithm>
#include <utility>

#include "append/batching/batch_pool.h"
#include "append/batching/preemption.h"
#include "base/invariant.h"
#include "base/mutant.h"

namespace varve::append {

namespace {

/// What a record of `bytes` takes; what is too large for any batch stays too large, and can be added up.
std::size_t stored_bytes(std::size_t bytes) {
  return format::stored_bytes(std::min(bytes, max_record_bytes + 1));
}

}  // namespace

Result<Offset> BatchPool::append(std::span<const std::byte> record, AppendCallback callback) {
  const std::size_t stored = stored_bytes(record.size());
  const Claim claim = this->claim(1, stored);
  if (claim.batch == nullptr) return refusal(1, stored);
  std::byte* const at = claim.batch->at(claim.position);
  claim.batch->note_record(claim.index, claim.position, claim.position + stored);
  claim.batch->set_callback(claim.index, 1, callback);
  if (mutated(Mutant::committed_unwritten)) finish(claim, 1);
  preemption_point();
  format::write_record(at, record, claim.offset);
  if (!mutated(Mutant::committed_unwritten)) finish(claim, 1);
  return claim.offset;
}

Result<Offset> BatchPool::append_batch(std::span<const std::span<const std::byte>> records,
                                       AppendCallback callback) {
  if (records.empty()) return Error(Code::invalid_argument, "append_batch needs at least one record");
  std::size_t stored = 0;
  for (const auto& record : records) stored += stored_bytes(record.size());
  const Claim claim = this->claim(records.size(), stored);
  if (claim.batch == nullptr) return refusal(records.size(), stored);
  std::uint32_t done = 0;
  std::size_t position = claim.position;
  for (const auto& record : records) {
    const std::size_t bytes = format::stored_bytes(record.size());
    format::write_record(claim.batch->at(position), record, claim.offset + done);
    claim.batch->note_record(claim.index + done, position, position + bytes);
    position += bytes;
    ++done;
  }
  claim.batch->set_callback(claim.index, done, callback);
  finish(claim, done);
  return claim.offset;
}

Result<Claim> BatchPool::reserve(std::size_t bytes) {
  const std::size_t stored = stored_bytes(bytes);
  const Claim claim = this->claim(1, stored);
  if (claim.batch == nullptr) return refusal(1, stored);
  return claim;
}

void BatchPool::commit(const Claim& claim, std::size_t reserved, std::size_t used, AppendCallback callback) {
  VARVE_INVARIANT(used <= reserved);
  const std::size_t claimed = format::stored_bytes(reserved);
  const std::size_t stored = format::stored_bytes(used);
  std::byte* const at = claim.batch->at(claim.position);
  format::seal_record(at, used, claim.offset);
  if (stored < claimed) format::write_padding(at + stored, claimed - stored);
  claim.batch->note_record(claim.index, claim.position, claim.position + claimed);
  claim.batch->set_callback(claim.index, 1, callback);
  finish(claim, 1);
}

void BatchPool::finish(const Claim& claim, std::uint32_t records) {
  const bool ready = claim.batch->commit(records);
  if (ready) {
    listener_.batch_ready();
  } else if (claim.index == 0) {
    listener_.first_record();
  }
}

}  // namespace varve::append
