#include "protocol/sweep.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/mutant.h"
#include "format/seal.h"
#include "protocol/recovery_scan.h"

namespace varve::protocol {

using format::EpochEntry;
using format::Header;
using format::Kind;

Requests Sweep::start() {
  if (next_ >= plan_.below || mutated(Mutant::claims_unheeded)) return next_page();
  return {Request::make(Request::Kind::list_claims, 0, page_limit)};
}

// A claim that was stored before this began is listed, whatever comes and goes meanwhile: who made it may be
// looking at what is about to be deleted. One that comes later finds the new start in the log itself.
Requests Sweep::on_claims(const Reply& reply) {
  if (reply.error) return stop(*reply.error);
  more_claims_behind_ = reply.more_claims_behind;
  Requests requests;
  for (const format::Id& claim : reply.claims) {
    requests.push_back(Request::make(Request::Kind::revoke_claim, claim));
  }
  for (const format::Id& claim : reply.ended_claims) {
    requests.push_back(Request::make(Request::Kind::get_claim, claim));
  }
  outstanding_ = requests.size();
  return requests.empty() ? more_claims_or_pages() : requests;
}

// Only the mark was listed. The claim may have been made after its name was looked at, so it is asked for: a
// mark comes after its claim, and only the claimant removes that, at its end. Then nobody needs the mark any
// more.
Requests Sweep::on_ended_claim(const Reply& reply) {
  const bool ended = reply.is(Code::not_found) || mutated(Mutant::listed_mark_removed);
  Requests requests;
  if (ended) requests.push_back(Request::make(Request::Kind::remove_claim, reply.claim));
  if (--outstanding_ == 0) std::ranges::move(more_claims_or_pages(), std::back_inserter(requests));
  return requests;
}

Requests Sweep::on_revoked(const Reply& reply) {
  if (reply.error && !reply.is(Code::already_exists)) return stop(*reply.error);
  return --outstanding_ > 0 ? Requests{} : more_claims_or_pages();
}

Requests Sweep::more_claims_or_pages() {
  if (!more_claims_behind_) return next_page();
  Request more = Request::make(Request::Kind::list_claims, *more_claims_behind_);
  more.limit = page_limit;
  return {std::move(more)};
}

Requests Sweep::stop(const Error& error) {
  error_ = error;
  done_ = true;
  return {};
}

Requests Sweep::next_page() {
  if (last_page_ || next_ >= plan_.below) {
    done_ = true;
    return {};
  }
  return {Request::make(Request::Kind::list, next_, page_limit)};
}

Requests Sweep::on(const Reply& reply) {
  if (done_) return {};
  switch (reply.kind) {
    case Request::Kind::list_claims:
      return on_claims(reply);
    case Request::Kind::revoke_claim:
      return on_revoked(reply);
    case Request::Kind::get_claim:
      return on_ended_claim(reply);
    case Request::Kind::list:
      return on_page(reply);
    case Request::Kind::get_header:
      return on_header(reply);
    case Request::Kind::remove:
      return on_removed(reply);
    default:
      return {};
  }
}

// Whether every record of the epoch that `seal` began lies below the trim point.
bool Sweep::epoch_is_over(Seq seal) const {
  const auto after = std::ranges::upper_bound(plan_.history, seal, {}, &EpochEntry::seal);
  if (mutated(Mutant::live_epoch_over)) return true;
  return after != plan_.history.end() && after->seal <= plan_.below;
}

Sweep::Verdict Sweep::judge(Seq seq) const {
  if (plan_.history.empty() || seq < plan_.history.front().seal) return Verdict::read_header;
  const auto entry = std::ranges::lower_bound(plan_.history, seq, {}, &EpochEntry::seal);
  const bool seal = entry != plan_.history.end() && entry->seal == seq;
  if (!seal || mutated(Mutant::seals_swept))
    return Verdict::remove;  // a record's object, or something lost in a void
  if (!epoch_is_over(seq)) return Verdict::keep;
  if ((entry->flags & format::flag::fences_nobody) != 0) return Verdict::remove;
  return plan_.clocks ? Verdict::read_header : Verdict::keep;
}

Requests Sweep::on_page(const Reply& reply) {
  if (reply.error) {
    error_ = reply.error;
    done_ = true;
    return {};
  }
  last_page_ = !reply.truncated || reply.listed.empty();
  if (!reply.listed.empty()) next_ = reply.listed.back().seq + 1;
  Requests requests;
  for (const ListedSeq& object : reply.listed) {
    if (object.seq >= plan_.below + (mutated(Mutant::lowest_live_swept) ? 1 : 0)) {
      last_page_ = true;
      break;
    }
    switch (judge(object.seq)) {
      case Verdict::remove:
        removable_.push_back(object.seq);
        break;
      case Verdict::keep:
        break;
      case Verdict::read_header:
        // Who sealed stands in the body.
        requests.push_back(
            Request::make(Request::Kind::get_header, object.seq, plan_.clocks ? format::max_seal_bytes : 0));
        if (object.stored_unix_ms) stored_unix_ms_.insert_or_assign(object.seq, *object.stored_unix_ms);
        break;
    }
  }
  outstanding_ = requests.size();
  return requests.empty() ? remove_or_continue() : requests;
}

Requests Sweep::on_header(const Reply& reply) {
  const Result<Header> header = header_in(reply);
  if (!header) {
    if (!reply.is(Code::not_found)) ++left_;
    if (header.error().code() == Code::unsupported) error_ = header.error();
  } else if (header->kind == Kind::data) {
    removable_.push_back(reply.seq);
  } else if (epoch_is_over(reply.seq)) {
    if (header->has(format::flag::fences_nobody) || may_be_forgotten(reply, *header)) {
      removable_.push_back(reply.seq);
    }
  }
  return --outstanding_ > 0 ? Requests{} : remove_or_continue();
}

bool Sweep::may_be_forgotten(const Reply& reply, const Header& seal) const {
  if (!plan_.clocks) return false;
  AgingSeal aging{.seq = seal.seq,
                  .host = host_in(reply, seal).value_or(std::string()),
                  .created_unix_ms = seal.created_unix_ms,
                  .stored_unix_ms = {}};
  if (const auto stored = stored_unix_ms_.find(reply.seq); stored != stored_unix_ms_.end()) {
    aging.stored_unix_ms = stored->second;
  }
  return outlives_sleepers(aging, *plan_.clocks);
}

Requests Sweep::remove_or_continue() {
  if (removable_.empty()) return next_page();
  Request request = Request::make(Request::Kind::remove);
  request.seqs = removable_;
  return {std::move(request)};
}

Requests Sweep::on_removed(const Reply& reply) {
  stored_unix_ms_.clear();
  const std::size_t asked = std::exchange(removable_, {}).size();
  if (reply.error) {
    left_ += asked;
    error_ = reply.error;
    done_ = true;
    return {};
  }
  left_ += reply.not_removed.size();
  removed_ += asked - reply.not_removed.size();
  return next_page();
}

}  // namespace varve::protocol
