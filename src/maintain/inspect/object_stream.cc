#include "maintain/inspect/object_stream.h"
#include "maintain/inspect/wait_limit.h"

#include <utility>

#include "format/seal.h"

namespace varve::maintain {

using protocol::ListedSeq;
using protocol::Request;

namespace {

constexpr std::size_t ahead_objects = 8;
constexpr std::uint64_t ahead_bytes = std::uint64_t{64} << 20;
// A seal with the longest host and history takes less.
constexpr std::uint64_t seal_bytes_max = std::uint64_t{32} << 10;
static_assert(format::header_bytes + 512 + format::history_bytes(format::max_epochs) < seal_bytes_max);

}  // namespace

Result<Bytes> fetch(const log::LogStore& log_store, Seq seq) {
  std::optional<Result<Bytes>> fetched;
  const auto on = [&](const protocol::Reply& reply) {
    if (reply.error) {
      fetched = *reply.error;
    } else {
      auto owner = std::make_shared<const std::vector<std::byte>>(reply.bytes);
      fetched = Bytes{.data = *owner, .owner = owner};
    }
    return protocol::Requests();
  };
  const Result<void> driven = log_store.drive({Request::make(Request::Kind::get_object, seq)}, on,
                                              log::LogStore::after(step_give_up_ms));
  if (!driven) return driven.error();
  return *std::move(fetched);
}

Result<void> ObjectStream::list_more() {
  std::optional<Error> error;
  const auto on = [&](const protocol::Reply& page) {
    error = page.error;
    for (const ListedSeq& object : page.listed) {
      if (object.seq <= last_) listed_.push_back(object);
    }
    all_listed_ = !page.truncated || page.listed.empty() || page.listed.back().seq >= last_;
    if (!page.listed.empty()) list_from_ = page.listed.back().seq + 1;
    return protocol::Requests();
  };
  const Result<void> driven =
      log_store_.drive({Request::make(Request::Kind::list, list_from_, protocol::page_limit)}, on,
                       log::LogStore::after(step_give_up_ms));
  if (!driven) return driven;
  if (error) return *error;
  return {};
}

void ObjectStream::ask_ahead() {
  while (!listed_.empty() && pending_.size() < ahead_objects &&
         (pending_.empty() || pending_bytes_ + listed_.front().bytes <= ahead_bytes)) {
    const ListedSeq object = listed_.front();
    listed_.pop_front();
    const bool whole = object.seq >= bodies_from_ || object.bytes <= seal_bytes_max;
    const ByteRange range = whole ? ByteRange() : ByteRange{.offset = 0, .length = format::header_bytes};
    pending_.push_back({object, {}});
    pending_bytes_ += object.bytes;
    log_store_.store().get(log_store_.key_of(object.seq), range, pending_.back().answer.done());
  }
}

Result<std::optional<ObjectStream::Item>> ObjectStream::next() {
  while (listed_.size() < ahead_objects && !all_listed_) {
    const Result<void> listed = list_more();
    if (!listed) return listed.error();
  }
  ask_ahead();
  if (pending_.empty()) return std::optional<Item>();
  const Pending oldest = std::move(pending_.front());
  pending_.pop_front();
  pending_bytes_ -= oldest.listed.bytes;
  Result<Bytes> object = oldest.answer.wait();
  if (!object && object.error().code() != Code::not_found) {
    object = fetch(log_store_, oldest.listed.seq);
    if (!object && object.error().code() != Code::not_found) return object.error();
  }
  return std::optional(Item{.listed = oldest.listed, .object = std::move(object)});
}

}  // namespace varve::maintain
