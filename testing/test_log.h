// For tests: a log in memory that answers the chain's requests, and a builder of logs whose every
// object is known.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "format/checkpoint.h"
#include "format/header.h"
#include "format/records.h"
#include "format/seal.h"
#include "format/trailer.h"
#include "protocol/appender.h"
#include "protocol/position.h"
#include "protocol/recovery_scan.h"
#include "protocol/request.h"
#include "protocol/search.h"

namespace varve::protocol {

[[nodiscard]] inline format::Id test_id(std::uint64_t number) {
  format::Id id;
  std::memcpy(id.bytes.data(), &number, sizeof(number));
  id.bytes.back() = 0xee;
  return id;
}

/// What a test's record at `offset` says: who wrote it, and where.
[[nodiscard]] inline std::uint64_t test_payload(const format::Id& writer, Offset offset) {
  std::uint64_t number = 0;
  std::memcpy(&number, writer.bytes.data(), sizeof(number));
  return number << 32 ^ offset;
}

inline constexpr std::size_t test_record_bytes = format::stored_bytes(sizeof(std::uint64_t));

/// A batch of `records` records of 8 bytes.
[[nodiscard]] inline BatchShape test_batch(std::uint32_t records, bool closing = false) {
  const std::uint64_t body_end = format::header_bytes + records * test_record_bytes;
  return {.record_count = records,
          .body_end = body_end,
          .object_bytes = body_end + format::trailer_bytes(format::index_entries(body_end)),
          .first_append_unix_ms = records == 0 ? 0 : 1,
          .closing = closing};
}

/// The DATA object that `header`, made from a `test_batch`, stands for.
[[nodiscard]] inline std::vector<std::byte> test_object(const format::Header& header) {
  std::vector<std::byte> object(header.object_bytes);
  const std::span<std::byte> bytes(object);
  format::encode_header(header, bytes.first<format::header_bytes>());
  std::vector<format::IndexEntry> index(format::index_entries(header.body_end));
  std::size_t at = format::header_bytes;
  for (std::uint32_t i = 0; i < header.record_count; ++i) {
    const std::uint64_t payload = test_payload(header.writer_id, header.first_offset + i);
    format::write_record(&object[at], std::as_bytes(std::span(&payload, 1)), header.first_offset + i);
    format::index_record(index, at, at + test_record_bytes, i + 1);
    at += test_record_bytes;
  }
  format::encode_trailer(index, bytes.subspan(header.body_end));
  return object;
}

/// Objects by seq, and the requests of the chain answered from them at once.
class TestLog {
 public:
  std::map<Seq, std::vector<std::byte>> objects;
  std::optional<std::vector<std::byte>> checkpoint;
  std::vector<format::Id> promotions;
  std::vector<format::Id> claims;
  std::vector<format::Id> revoked;
  std::size_t claims_page = page_limit;  ///< the most claims that a listing returns
  std::uint32_t page = page_limit;       ///< the most that a listing returns
  std::set<Seq> unremovable;
  std::optional<std::int64_t> stored_unix_ms;  ///< what listings say, by a clock of the store's
  std::map<Request::Kind, std::size_t> asked;

  Reply answer(const Request& request) {
    ++asked[request.kind];
    Reply reply;
    reply.kind = request.kind;
    reply.seq = request.seq;
    switch (request.kind) {
      case Request::Kind::get_checkpoint:
        if (checkpoint) {
          reply.bytes = *checkpoint;
        } else {
          reply.error = Error(Code::not_found, "no checkpoint");
        }
        break;
      case Request::Kind::put_checkpoint:
        checkpoint = request.body;
        break;
      case Request::Kind::list:
        list(request, reply);
        break;
      case Request::Kind::get_header:
      case Request::Kind::get_object:
        get(request, reply);
        break;
      case Request::Kind::put_object:
        if (!objects.emplace(request.seq, request.body).second) {
          reply.error = Error(Code::already_exists, "the place is taken");
        }
        break;
      case Request::Kind::get_promotion:
        if (!has(promotions, request.writer)) {
          reply.error = Error(Code::not_found, "not of this place");
        }
        break;
      case Request::Kind::list_promotions:
        if (promotions.empty()) reply.error = Error(Code::not_found, "no promotion");
        break;
      case Request::Kind::put_promotion:
        promotions.push_back(request.writer);
        break;
      case Request::Kind::put_claim:
      case Request::Kind::get_revoked:
      case Request::Kind::get_claim:
      case Request::Kind::list_claims:
      case Request::Kind::revoke_claim:
      case Request::Kind::remove_claim:
        answer_about_claims(request, reply);
        break;
      case Request::Kind::remove:
        for (const Seq seq : request.seqs) {
          if (unremovable.contains(seq)) {
            reply.not_removed.push_back(seq);
          } else {
            objects.erase(seq);
          }
        }
        break;
    }
    return reply;
  }

 private:
  [[nodiscard]] static bool has(const std::vector<format::Id>& ids, const format::Id& id) {
    return std::ranges::find(ids, id) != ids.end();
  }
  static void create(std::vector<format::Id>& ids, const format::Id& id, Reply& reply) {
    if (has(ids, id)) {
      reply.error = Error(Code::already_exists, "it is there");
    } else {
      ids.push_back(id);
    }
  }

  void answer_about_claims(const Request& request, Reply& reply) {
    switch (request.kind) {
      case Request::Kind::put_claim:
        create(claims, request.writer, reply);
        break;
      case Request::Kind::revoke_claim:
        create(revoked, request.writer, reply);
        break;
      case Request::Kind::get_revoked:
        if (!has(revoked, request.writer)) reply.error = Error(Code::not_found, "not revoked");
        break;
      case Request::Kind::get_claim:
        reply.claim = request.writer;
        if (!has(claims, request.writer)) reply.error = Error(Code::not_found, "no such claim");
        break;
      case Request::Kind::list_claims:
        list_claims(request, reply);
        break;
      case Request::Kind::remove_claim:
        std::erase(claims, request.writer);
        std::erase(revoked, request.writer);
        break;
      default:
        break;
    }
  }

  // In the order in which they were made; they have no other one here.
  void list_claims(const Request& request, Reply& reply) const {
    auto at = claims.begin();
    if (request.writer != format::Id{}) at = std::next(std::ranges::find(claims, request.writer));
    for (std::size_t listed = 0; at != claims.end() && listed < claims_page; ++at, ++listed) {
      if (!has(revoked, *at)) reply.claims.push_back(*at);
      if (std::next(at) != claims.end()) reply.more_claims_behind = *at;
    }
    if (at == claims.end()) reply.more_claims_behind.reset();
    std::ranges::copy_if(revoked, std::back_inserter(reply.ended_claims),
                         [this](const format::Id& claim) { return !has(claims, claim); });
  }

  void list(const Request& request, Reply& reply) const {
    const std::uint32_t most = std::min(request.limit, page);
    for (auto at = objects.lower_bound(request.seq); at != objects.end(); ++at) {
      if (reply.listed.size() == most) {
        reply.truncated = true;
        break;
      }
      reply.listed.push_back({at->first, at->second.size(), stored_unix_ms});
    }
  }

  void get(const Request& request, Reply& reply) const {
    const auto found = objects.find(request.seq);
    if (found == objects.end()) {
      reply.error = Error(Code::not_found, "no such object");
      return;
    }
    reply.bytes = found->second;
    if (request.kind == Request::Kind::get_header) {
      reply.bytes.resize(
          std::min(reply.bytes.size(), std::max<std::size_t>(request.limit, format::header_bytes)));
    }
  }
};

/// Answers `first` and all that `on` asks for after it. With `shuffle`, replies come in any order.
template <class On>
void drive(TestLog& log, Requests first, On on, std::minstd_rand* shuffle = nullptr) {
  std::deque<Request> waiting(std::make_move_iterator(first.begin()), std::make_move_iterator(first.end()));
  while (!waiting.empty()) {
    if (shuffle != nullptr) std::swap(waiting.front(), waiting[(*shuffle)() % waiting.size()]);
    const Request request = std::move(waiting.front());
    waiting.pop_front();
    for (Request& more : on(log.answer(request))) waiting.push_back(std::move(more));
  }
}

/// Runs a machine with `start()`, `on(reply)` and `result()` against `log`.
template <class Machine>
auto run(TestLog& log, Machine machine, std::minstd_rand* shuffle = nullptr) {
  drive(
      log, machine.start(), [&machine](const Reply& reply) { return machine.on(reply); }, shuffle);
  return machine.result();
}

/// The place that a search finds.
inline Result<Position> find(TestLog& log, Search machine, std::minstd_rand* shuffle = nullptr) {
  const Result<SearchResult> found = run(log, std::move(machine), shuffle);
  if (!found) return found.error();
  return found->at;
}

/// Runs `machine` to its end, each time with the answers to all that it has asked for; how often that was.
/// (Nobody waits for the removal of a claim.)
template <class Machine>
std::size_t round_trips(TestLog& log, Machine& machine) {
  std::size_t trips = 0;
  for (Requests wave = machine.start(); !wave.empty(); ++trips) {
    Requests next;
    for (const Request& request : wave) {
      for (Request& more : machine.on(log.answer(request))) {
        if (more.kind == Request::Kind::remove_claim) {
          log.answer(more);
        } else {
          next.push_back(std::move(more));
        }
      }
    }
    wave = std::move(next);
  }
  return trips;
}

/// Writes a log, one chain object after the other.
class TestChain {
 public:
  explicit TestChain(TestLog& log, std::uint32_t window, std::uint64_t log_number = 7) : log_(log) {
    at_ = {.log_id = test_id(log_number), .window = window, .seq = 0, .epoch = 0, .offset = 0};
    seal(1, format::flag::fences_nobody);
  }

  /// Every chain object there ever was, from seal 0 on.
  [[nodiscard]] const std::vector<format::Header>& headers() const { return headers_; }
  [[nodiscard]] const Position& tail() const { return at_; }
  [[nodiscard]] Offset start_offset() const { return start_offset_; }
  [[nodiscard]] Seq lowest_live() const { return lowest_live_; }
  [[nodiscard]] const format::EpochHistory& history() const { return history_; }

  /// The time from which the next objects are made.
  void set_clock(std::int64_t unix_ms) { now_unix_ms_ = unix_ms; }

  /// A DATA object; when it was made, its writer knew all but the last `lag` objects stored.
  /// `stored` false: the upload never arrives.
  const format::Header& data(std::uint32_t records = 1, std::size_t lag = 0, bool stored = true,
                             bool closing = false) {
    const BatchShape batch = test_batch(records, closing);
    format::Header header = blank(lag);
    header.flags = closing ? format::flag::closing : 0;
    header.epoch = at_.epoch;
    header.record_count = records;
    header.body_end = batch.body_end;
    header.object_bytes = batch.object_bytes;
    header.first_append_unix_ms = batch.first_append_unix_ms;
    return add(header, test_object(header), stored);
  }

  const format::Header& close() { return data(0, 0, true, true); }

  /// A seal at the tail, by `writer`, who owns the log then.
  const format::Header& seal(std::uint64_t writer, std::uint32_t flags = 0) {
    format::Header header = blank(0);
    header.kind = format::Kind::seal;
    header.flags = flags;
    header.writer_id = test_id(writer);
    header.epoch = header.seq;
    header.anchor = newest_owned_;
    header.durable_seq = at_.seq;
    header.durable_offset = at_.offset;
    const bool ahead = header.has(format::flag::ahead);
    if (ahead) header.first_offset = header.previous_hash = 0;
    const format::SealBody body{
        .history = ahead ? format::EpochHistory() : history_, .host = "test", .pid = 1};
    history_.push_back({header.seq, at_.offset, flags});
    if (!ahead) writer_ = header.writer_id;
    return add(format::seal_header(header, body), format::encode_seal(header, body), true);
  }

  /// From the next object on the log starts at the `index`th chain object.
  void trim_to(std::size_t index) {
    start_offset_ = headers_.at(index).first_offset;
    lowest_live_ = std::min(headers_.at(index).seq, newest_owned_);
  }
  /// Deletes what lies below the trim point that the last object tells; seals of epochs that are over
  /// as well if `seals`.
  void sweep(bool seals) {
    const Seq below = headers_.back().lowest_live;
    for (const format::Header& header : headers_) {
      if (header.kind == format::Kind::data && header.seq < below) log_.objects.erase(header.seq);
    }
    for (std::size_t i = 1; seals && i < history_.size(); ++i) {
      if (history_[i].seal <= below) log_.objects.erase(history_[i - 1].seal);
    }
  }

  [[nodiscard]] format::Checkpoint checkpoint() const {
    return {.log_id = at_.log_id,
            .anchor = newest_owned_,
            .window = at_.window,
            .swept_below = 0,
            .history = history_of(newest_owned_)};
  }

 private:
  format::Header blank(std::size_t lag) const {
    format::Header header;
    header.log_id = at_.log_id;
    header.writer_id = writer_;
    header.seq = at_.seq;
    header.first_offset = at_.offset;
    header.window = at_.window;
    header.start_offset = start_offset_;
    header.previous_hash = at_.previous_hash;
    header.created_unix_ms = now_unix_ms_;
    if (headers_.empty()) return header;
    // A writer knows its own seal stored, and has at most W objects beyond what it knows.
    std::size_t unknown = 0;
    for (lag = std::min<std::size_t>(lag, at_.window - 1); unknown < lag; ++unknown) {
      if (headers_[headers_.size() - 1 - unknown].seq <= at_.epoch) break;
    }
    lag = unknown;
    const format::Header& durable = headers_[headers_.size() - 1 - lag];
    header.anchor = durable.seq;
    header.durable_seq = durable.seq + (durable.kind == format::Kind::seal ? at_.window : 1);
    header.durable_offset = durable.end_offset();
    header.lowest_live = std::min(lowest_live_, header.anchor);
    header.start_offset = std::min(start_offset_, header.durable_offset);
    return header;
  }

  const format::Header& add(const format::Header& header, std::vector<std::byte> object, bool stored) {
    at_ = step(at_, header).value();
    if (stored) log_.objects[header.seq] = std::move(object);
    if (!header.has(format::flag::ahead)) newest_owned_ = header.seq;
    return headers_.emplace_back(header);
  }

  [[nodiscard]] format::EpochHistory history_of(Seq seq) const {
    format::EpochHistory history;
    for (const format::EpochEntry& epoch : history_) {
      if (epoch.seal <= seq) history.push_back(epoch);
    }
    return history;
  }

  TestLog& log_;
  Position at_;
  format::Id writer_;
  Seq newest_owned_ = 0;
  std::int64_t now_unix_ms_ = 1000;
  Offset start_offset_ = 0;
  Seq lowest_live_ = 0;
  std::vector<format::Header> headers_;
  format::EpochHistory history_;
};

/// Writes epochs of all lengths, stopped and orderly ones, at a clock that stands or goes on from 1000.
[[nodiscard]] inline TestChain random_chain(TestLog& log, std::minstd_rand& random) {
  TestChain chain(log, static_cast<std::uint32_t>(1 + random() % 5));
  std::int64_t now_unix_ms = 1000;
  for (auto i = random() % 80; i > 0; --i) {
    chain.set_clock(now_unix_ms += static_cast<std::int64_t>(random() % 3));
    const auto draw = chain.tail().owned ? random() % 12 : 0;
    if (draw == 0) {
      chain.seal(random() % 9 + 1);
    } else if (draw == 1) {
      chain.seal(9, format::flag::ahead);
    } else {
      chain.data(static_cast<std::uint32_t>(random() % 4));
    }
  }
  return chain;
}

/// Trims to any DATA object, durably, and sweeps.
inline void random_trim(TestChain& chain, std::minstd_rand& random) {
  std::size_t index = random() % chain.headers().size();
  while (chain.headers()[index].kind != format::Kind::data && index > 0) --index;
  if (index > 0) chain.trim_to(index);
  chain.data(0);
  chain.data(1);
  chain.sweep(false);
}

/// What a survey sees of `log` now.
[[nodiscard]] inline LogState view_of(TestLog& log) {
  return run(log, RecoveryScan({.want_history = true})).value();
}

}  // namespace varve::protocol
