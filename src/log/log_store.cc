#include "log/log_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/condition.h"
#include "base/mutant.h"
#include "format/key.h"
#include "format/seal.h"
#include "log/request.h"

namespace varve::log {

using protocol::Reply;
using protocol::Request;
using protocol::Requests;
using Kind = protocol::Request::Kind;
using Clock = std::chrono::steady_clock;
using object_store::RequestKind;

namespace {

Bytes own(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return {*owner, owner};
}

Reply reply_to(const Request& request) {
  Reply reply;
  reply.kind = request.kind;
  reply.seq = request.seq;
  if (request.kind == Kind::get_claim) reply.claim = request.writer;
  return reply;
}

Store::Done<void> written(const Request& request, const LogStore::Done& done) {
  return [reply = reply_to(request), done](const Result<void>& result) mutable {
    if (!result) reply.error = result.error();
    done(std::move(reply));
  };
}

Store::Done<Bytes> fetched(const Request& request, const LogStore::Done& done) {
  return [reply = reply_to(request), done](const Result<Bytes>& result) mutable {
    if (result) {
      reply.bytes.assign(result->data.begin(), result->data.end());
    } else {
      reply.error = result.error();
    }
    done(std::move(reply));
  };
}

// A few names that no log makes do not end a listing, and do not hide what lies behind them.
constexpr std::size_t strangers_max = 10'000;
constexpr int pages_max = 10'000;

/// A page of a log's objects, out of as many pages of names as it takes.
class ObjectListing : public std::enable_shared_from_this<ObjectListing> {
 public:
  using Send = std::function<void(std::string after, std::uint32_t limit, Store::Done<Listing> done)>;
  ObjectListing(std::string log_path, const Request& request, Send send, LogStore::Done done)
      : path_(std::move(log_path)),
        limit_(request.limit),
        after_(request.seq == 0 ? "" : format::wal_key(path_, request.seq - 1)),
        send_(std::move(send)),
        done_(std::move(done)),
        reply_(reply_to(request)) {}

  void next() {
    const auto self = shared_from_this();
    // Where a stranger was met there may be more of them.
    const std::uint32_t limit = reply_.strangers.empty() ? limit_ : protocol::page_limit;
    send_(after_, limit, [self](const Result<Listing>& page) { self->on(page); });
  }

 private:
  void on(const Result<Listing>& page) {
    if (!page) {
      reply_.error = page.error();
      return done_(std::move(reply_));
    }
    const bool all = take(*page);
    if (all || reply_.truncated) return done_(std::move(reply_));
    if (++pages_ > pages_max) {
      reply_.error =
          Error(Code::foreign, fmt::format("too many names that no log makes lie under {}; move them away",
                                           format::wal_prefix(path_)));
      return done_(std::move(reply_));
    }
    after_ = page->objects.back().key;
    next();
  }

  // True: there is no object behind this page.
  bool take(const Listing& page) {
    const std::string behind_all = format::wal_prefix(path_) + ':';  // the byte after '9'
    for (const ListedObject& object : page.objects) {
      const std::optional<Seq> seq = format::seq_of_key(path_, object.key);
      if (!seq) {
        if (reply_.strangers.size() < strangers_max) reply_.strangers.push_back(object.key);
        continue;
      }
      if (reply_.listed.size() == limit_) {
        reply_.truncated = true;
        return false;
      }
      reply_.listed.push_back({*seq, object.bytes, object.stored_unix_ms});
    }
    if (!page.truncated || page.objects.empty() || page.objects.back().key > behind_all) return true;
    if (reply_.listed.empty() && mutated(Mutant::strangers_end_listing)) return true;
    reply_.truncated = reply_.listed.size() == limit_;
    return false;
  }

  std::string path_;
  std::uint32_t limit_;
  std::string after_;
  Send send_;
  LogStore::Done done_;
  Reply reply_;
  int pages_ = 0;
};

// A claim and the mark that it is revoked stand next to each other. Where a page ends between them, the next
// one begins behind the mark.
void take_claims(Reply& reply, const Listing& listing, std::string_view log_path) {
  for (const ListedObject& object : listing.objects) {
    const auto key = format::parse_claim_key(log_path, object.key);
    if (!key) continue;
    if (!key->revoked) {
      reply.claims.push_back(key->id);
    } else if (!reply.claims.empty() && reply.claims.back() == key->id) {
      reply.claims.pop_back();
    } else {
      reply.ended_claims.push_back(key->id);
    }
    if (listing.truncated) reply.more_claims_behind = key->id;
  }
}

}  // namespace

std::string LogStore::key_of(Seq seq) const { return format::wal_key(log_.path, seq); }
std::string LogStore::name_of(Seq seq) const { return log_.store->describe() + "/" + key_of(seq); }

LogStore::Deadline LogStore::after(std::uint32_t timeout_ms) {
  return timeout_ms == 0 ? never : deadline_after(std::chrono::milliseconds(timeout_ms));
}

void LogStore::put_object(Seq seq, Bytes body, Store::Done<void> done) const {
  const std::uint64_t bytes = body.data.size();
  log_.store->put_if_absent(key_of(seq), std::move(body),
                            tally_->counted<void>(RequestKind::put_if_absent, bytes, std::move(done)));
}

void LogStore::get(std::string key, ByteRange range, Store::Done<Bytes> done) const {
  log_.store->get(std::move(key), range, tally_->counted<Bytes>(RequestKind::get, 0, std::move(done)));
}

void LogStore::get_part(Seq seq, ByteRange range, Store::Done<Bytes> done) const {
  get(key_of(seq), range, std::move(done));
}

void LogStore::get_object(Seq seq, Store::Done<Bytes> done) const { get(key_of(seq), {}, std::move(done)); }

void LogStore::look(Seq seq, const Store::Done<Seen>& done) const {
  get(key_of(seq), {0, format::max_seal_bytes}, [name = name_of(seq), done](const Result<Bytes>& front) {
    if (!front) return done(front.error());
    const Result<format::Header> header = format::decode_header(front->data);
    if (!header) return done(header.error().with_context(name));
    Seen seen{*header, {}};
    if (header->kind == format::Kind::seal) {
      if (const Result<format::SealBody> body = format::decode_seal(front->data, *header)) {
        seen.sealed_by = fmt::format("{}:{}", body->host, body->pid);
      }
    }
    done(std::move(seen));
  });
}

void LogStore::list_promotions(const Done& done) const {
  const auto listed = [done](const Result<Listing>& result) {
    Reply reply;
    reply.kind = Kind::list_promotions;
    if (!result) {
      reply.error = result.error();
    } else if (result->objects.empty()) {
      reply.error = Error(Code::not_found, "no promotion is noted");
    }
    done(std::move(reply));
  };
  log_.store->list(format::promotions_prefix(log_.path), "", 1,
                   tally_->counted<Listing>(RequestKind::list, 0, listed));
}

void LogStore::create(std::string key, Store::Done<void> done) const {
  log_.store->put_if_absent(std::move(key), {},
                            tally_->counted<void>(RequestKind::put_if_absent, 0, std::move(done)));
}

void LogStore::list_claims(const Request& request, const Done& done) const {
  const auto listed = [reply = reply_to(request), path = log_.path,
                       done](const Result<Listing>& page) mutable {
    if (page) {
      take_claims(reply, *page, path);
    } else {
      reply.error = page.error();
    }
    done(std::move(reply));
  };
  const bool from_the_first = request.writer == format::Id{};
  log_.store->list(format::claims_prefix(log_.path),
                   from_the_first ? "" : format::revoked_key(log_.path, request.writer), request.limit,
                   tally_->counted<Listing>(RequestKind::list, 0, listed));
}

void LogStore::remove_claim(const Request& request, const Done& done) const {
  using Failures = std::vector<RemoveFailure>;
  const auto removed = [reply = reply_to(request), done](const Result<Failures>& result) mutable {
    if (!result) reply.error = result.error();
    done(std::move(reply));
  };
  log_.store->remove(
      {format::claim_key(log_.path, request.writer), format::revoked_key(log_.path, request.writer)},
      tally_->counted<Failures>(RequestKind::remove, 0, removed));
}

void LogStore::send_about_promotions(const Request& request, const Done& done) const {
  if (request.kind == Kind::list_promotions) return list_promotions(done);
  std::string key = format::promotion_key(log_.path, request.writer);
  if (request.kind == Kind::put_promotion) return create(std::move(key), written(request, done));
  get(std::move(key), {}, fetched(request, done));
}

void LogStore::send_about_claims(const Request& request, const Done& done) const {
  switch (request.kind) {
    case Kind::put_claim:
      return create(format::claim_key(log_.path, request.writer), written(request, done));
    case Kind::revoke_claim:
      return create(format::revoked_key(log_.path, request.writer), written(request, done));
    case Kind::get_claim:
      return get(format::claim_key(log_.path, request.writer), {}, fetched(request, done));
    case Kind::get_revoked:
      return get(format::revoked_key(log_.path, request.writer), {}, fetched(request, done));
    case Kind::list_claims:
      return list_claims(request, done);
    default:
      return remove_claim(request, done);
  }
}

void LogStore::send(Request request, const Done& done) const {
  Store& store = *log_.store;
  const auto wrote = written(request, done);
  const auto got = fetched(request, done);
  const std::uint64_t body_bytes = request.body.size();
  switch (request.kind) {
    case Kind::get_checkpoint:
      return get(format::checkpoint_key(log_.path), {}, got);
    case Kind::put_checkpoint:
      return store.put(format::checkpoint_key(log_.path), own(std::move(request.body)),
                       tally_->counted<void>(RequestKind::put, body_bytes, wrote));
    case Kind::get_promotion:
    case Kind::list_promotions:
    case Kind::put_promotion:
      return send_about_promotions(request, done);
    case Kind::put_claim:
    case Kind::get_revoked:
    case Kind::get_claim:
    case Kind::list_claims:
    case Kind::revoke_claim:
    case Kind::remove_claim:
      return send_about_claims(request, done);
    case Kind::get_header:
      return get(key_of(request.seq), {0, std::max<std::size_t>(request.limit, format::header_bytes)}, got);
    case Kind::get_object:
      return get(key_of(request.seq), {}, got);
    case Kind::put_object:
      return put_object(request.seq, own(std::move(request.body)), wrote);
    case Kind::list: {
      // It asks again out of the store's own answer, so it must not be what keeps the store alive.
      const auto page = [&store, path = log_.path, tally = tally_](std::string after, std::uint32_t limit,
                                                                   Store::Done<Listing> listed) {
        store.list(format::wal_prefix(path), std::move(after), limit,
                   tally->counted<Listing>(RequestKind::list, 0, std::move(listed)));
      };
      return std::make_shared<ObjectListing>(log_.path, request, page, done)->next();
    }
    case Kind::remove: {
      std::vector<std::string> keys;
      for (const Seq seq : request.seqs) keys.push_back(key_of(seq));
      using Failures = std::vector<RemoveFailure>;
      const auto removed = [reply = reply_to(request), path = log_.path,
                            done](const Result<Failures>& result) mutable {
        if (result) {
          for (const RemoveFailure& failure : *result) {
            if (const auto seq = format::seq_of_key(path, failure.key)) reply.not_removed.push_back(*seq);
          }
        } else {
          reply.error = result.error();
        }
        done(std::move(reply));
      };
      return store.remove(std::move(keys), tally_->counted<Failures>(RequestKind::remove, 0, removed));
    }
  }
}

namespace {

/// Requests of one machine on their way, shared with the store's answers, which may outlive the drive.
struct Traffic {
  struct Arrived {
    std::size_t ticket;
    Reply reply;
  };
  std::mutex mutex;
  base::StoppableCondition arrival;
  std::deque<Arrived> arrived;
};

struct Errand {
  Request request;
  std::uint32_t tries = 0;
};

/// Failed, to be tried again from that time on.
using Resting = std::deque<std::pair<Clock::time_point, Errand>>;

void move_rested(Resting& resting, std::deque<Errand>& waiting, Clock::time_point now) {
  for (std::size_t i = resting.size(); i > 0; --i) {
    auto rested = std::move(resting.front());
    resting.pop_front();
    if (rested.first <= now) {
      waiting.push_back(std::move(rested.second));
    } else {
      resting.push_back(std::move(rested));
    }
  }
}

bool is_an_answer(const Reply& reply) { return !reply.error || log::is_an_answer(*reply.error); }

}  // namespace

Result<void> LogStore::drive(Requests first, const On& on, Deadline deadline,
                             const std::stop_token& stop) const {
  const auto traffic = std::make_shared<Traffic>();
  protocol::Backoff backoff(retry_, static_cast<std::uint64_t>(base::now().time_since_epoch().count()));
  std::deque<Errand> waiting;
  Resting resting;
  std::unordered_map<std::size_t, Errand> in_flight;
  std::size_t next_ticket = 0;
  std::optional<Error> complaint;
  const auto accept = [&](Requests requests) {
    for (Request& request : requests) {
      if (protocol::is_waited_for(request.kind)) {
        waiting.push_back({std::move(request), 0});
      } else {
        send(std::move(request), [](const Reply&) {});
      }
    }
  };
  accept(std::move(first));

  while (!waiting.empty() || !resting.empty() || !in_flight.empty()) {
    if (stop.stop_requested()) return Error(Code::closed, "stopped before the store had answered");
    const Clock::time_point now = base::now();
    if (now >= deadline) {
      return Error(Code::timed_out, log_.store->describe() + ": gave up waiting" +
                                        (complaint ? "; last: " + complaint->message() : std::string()))
          .with_outcome(WriteOutcome::unknown);
    }
    move_rested(resting, waiting, now);
    while (!waiting.empty() && in_flight.size() < protocol::most_at_once) {
      Errand errand = std::move(waiting.front());
      waiting.pop_front();
      ++errand.tries;
      const std::size_t ticket = next_ticket++;
      Request copy = errand.request;
      in_flight.emplace(ticket, std::move(errand));
      send(std::move(copy), [traffic, ticket](Reply reply) {
        const std::lock_guard lock(traffic->mutex);
        traffic->arrived.push_back({ticket, std::move(reply)});
        traffic->arrival.notify_one();
      });
    }
    Clock::time_point wake = deadline;
    for (const auto& rested : resting) wake = std::min(wake, rested.first);
    std::deque<Traffic::Arrived> arrived;
    {
      std::unique_lock lock(traffic->mutex);
      const auto some = [&] { return !traffic->arrived.empty(); };
      if (wake == never) {
        traffic->arrival.wait(lock, stop, some);
      } else {
        traffic->arrival.wait_until(lock, stop, wake, some);
      }
      arrived.swap(traffic->arrived);
    }
    for (Traffic::Arrived& one : arrived) {
      Errand errand = std::move(in_flight.extract(one.ticket).mapped());
      if (is_an_answer(one.reply)) {
        accept(on(one.reply));
      } else {
        complaint = one.reply.error;
        const auto pause = std::chrono::milliseconds(backoff.pause_ms(errand.tries));
        resting.emplace_back(base::now() + pause, std::move(errand));
      }
    }
  }
  return {};
}

}  // namespace varve::log
