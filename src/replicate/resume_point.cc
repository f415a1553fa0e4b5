#include "replicate/resume_point.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/checkpoint.h"
#include "object_store/probe/create_probe.h"
#include "replicate/divergence.h"

namespace varve::replicate {

using format::Header;
using format::Kind;
using log::LogStore;
using protocol::LogState;
using protocol::MirroringStart;
using protocol::Reply;
using protocol::Request;

namespace {

// So often a store may say that something is there which is not.
constexpr int false_alarms_max = 8;
// As `Begin::looks_cut_off`.
constexpr std::uint32_t most_when_cut_off = 16;

class Begin {
 public:
  Begin(const LogStore& source, const LogStore& destination, const MirrorOptions& options,
        const read::WaitLimit& patience)
      : source_(source), destination_(destination), options_(options), patience_(patience) {}

  Result<ResumePoint> run();

 private:
  Result<std::optional<format::Checkpoint>> checkpoint() const;
  Result<bool> is_empty() const;
  Result<std::vector<Seq>> first_objects() const;
  Result<bool> looks_cut_off() const;
  [[nodiscard]] Error another_log(const format::Id& there) const;
  Result<ResumePoint> anew();
  Result<void> put_first_seal(const Header& first) const;
  Result<void> put_as_is(Seq seq, const std::vector<std::byte>& object) const;
  Result<ResumePoint> go_on(const format::Checkpoint& known);
  Result<std::optional<Header>> stored_last(const format::Checkpoint& known);
  Result<ResumePoint> attach();

  const LogStore& source_;
  const LogStore& destination_;
  const MirrorOptions& options_;
  const read::WaitLimit& patience_;
  LogState view_;  // of the source
};

Result<std::optional<format::Checkpoint>> Begin::checkpoint() const {
  const auto reply = ask(destination_, Request::make(Request::Kind::get_checkpoint), patience_);
  if (!reply) return reply.error();
  if (reply->is(Code::not_found)) return std::optional<format::Checkpoint>();
  if (reply->error) return *reply->error;
  auto found = format::decode_checkpoint(reply->bytes);
  if (!found) return std::optional<format::Checkpoint>();  // a hint, and none
  return std::optional(*std::move(found));
}

Result<bool> Begin::is_empty() const {
  const auto reply = ask(destination_, Request::make(Request::Kind::list, 0, 1), patience_);
  if (!reply) return reply.error();
  if (reply->error) return *reply->error;
  return reply->listed.empty() && reply->foreign.empty();
}

Error Begin::another_log(const format::Id& there) const {
  return {Code::foreign,
          fmt::format("{} has log {}, and {} has log {}: no mirror of one another; choose an empty place",
                      destination_.name_of_log(), to_hex(there), source_.name_of_log(),
                      to_hex(view_.tail.log_id))};
}

// So many at most as a few mirrors leave that were cut off at their beginning, or one more.
Result<std::vector<Seq>> Begin::first_objects() const {
  std::vector<Seq> seqs;
  bool more = true;
  while (more && seqs.size() <= most_when_cut_off) {
    const Seq from = seqs.empty() ? 0 : seqs.back() + 1;
    const auto page =
        ask(destination_, Request::make(Request::Kind::list, from, most_when_cut_off + 1), patience_);
    if (!page) return page.error();
    if (page->error) return *page->error;
    for (const protocol::ListedSeq& object : page->listed) seqs.push_back(object.seq);
    more = page->truncated && !page->listed.empty();
  }
  return seqs;
}

// A mirror that was cut off before the checkpoint that says so has left what the source began with then, and
// the seal before that. More may be a log of its own that has lost its checkpoint: nothing is put there.
Result<bool> Begin::looks_cut_off() const {
  const auto seqs = first_objects();
  if (!seqs) return seqs.error();
  for (const Seq seq : *seqs) {
    const auto header = header_at(destination_, seq, patience_);
    if (!header) return header.error();
    if (!*header) continue;
    const bool same = (*header)->log_id == view_.tail.log_id && (*header)->window == view_.tail.window;
    if (!same) return another_log((*header)->log_id);
    if ((*header)->seq > view_.lowest_live()) return false;
    if (!(*header)->has(format::flag::promoted)) continue;
    // Else it is a copy of the seal that promoted the source.
    const auto here = promoted_by(destination_, seq, destination_, patience_);
    if (!here) return here.error();
    if (*here) return false;
  }
  return !seqs->empty() && seqs->size() <= most_when_cut_off;
}

Result<ResumePoint> Begin::run() {
  auto view = read::read_log_state(source_, patience_);
  if (!view) return view.error();
  view_ = *std::move(view);
  auto known = checkpoint();
  if (!known) return known.error();
  const auto empty = is_empty();
  if (!empty) return empty.error();
  if (*empty && !*known) return anew();
  if (!*known) known = checkpoint();  // another mirror may have begun it just now
  if (!known) return known.error();
  if (*known && ((*known)->log_id != view_.tail.log_id || (*known)->window != view_.tail.window)) {
    return another_log((*known)->log_id);
  }
  if (*known && (*known)->mirror) return go_on(**known);
  if (options_.attach) return attach();
  const auto cut_off = looks_cut_off();
  if (!cut_off) return cut_off.error();
  if (*cut_off && !*known) return anew();
  return Error(
      Code::fenced,
      fmt::format("{} does not say of itself that it is a mirror; if it is to become one of {}, compare "
                  "and go on there with --attach",
                  destination_.name_of_log(), source_.name_of_log()));
}

// From the lowest live object on, and before it the seal of its epoch, which whoever looks for offsets reads.
Result<ResumePoint> Begin::anew() {
  if (destination_.store().requests_are_priced()) {
    const auto proof = object_store::prove_create_if_absent(
        destination_.store(), destination_.address().path + "/", patience_.deadline);
    if (!proof) return proof.error();
  }
  const auto reply = ask(source_, Request::make(Request::Kind::get_header, view_.lowest_live()), patience_);
  if (!reply) return reply.error();
  const Result<Header> first = protocol::header_in(*reply);
  if (!first) return first.error().with_context(source_.name_of_log());
  if (first->seq != view_.lowest_live() || first->log_id != view_.tail.log_id ||
      first->has(format::flag::ahead)) {
    return Error(Code::corruption,
                 fmt::format("{} is not the object that belongs there", source_.name_of(reply->seq)));
  }
  if (const auto put = put_first_seal(*first); !put) return put.error();
  MirroringStart start{.next = protocol::position_of(*first), .history = view_.history, .state = {}};
  start.state.begins_offset = view_.start_offset();
  start.state.keeps = options_.keep_trimmed;
  start.state.source = source_.name_of_log();
  return ResumePoint{std::move(start), view_};
}

Result<void> Begin::put_first_seal(const Header& first) const {
  if (first.kind == Kind::seal) return {};  // it is the first object
  const auto reply = ask(source_, Request::make(Request::Kind::get_object, first.epoch), patience_);
  if (!reply) return reply.error();
  const Result<Header> seal = protocol::header_in(*reply);
  if (!seal) return seal.error().with_context(source_.name_of_log());
  const bool sound = seal->kind == Kind::seal && format::decode_seal(reply->bytes, *seal);
  if (!sound || seal->seq != first.epoch || seal->log_id != first.log_id ||
      seal->writer_id != first.writer_id) {
    return Error(Code::corruption,
                 fmt::format("{} is not the seal of object {}", source_.name_of(first.epoch), first.seq));
  }
  return put_as_is(first.epoch, reply->bytes);
}

// "Exists" with nothing there is a false alarm.
Result<void> Begin::put_as_is(Seq seq, const std::vector<std::byte>& object) const {
  for (int alarms = 0; alarms < false_alarms_max; ++alarms) {
    Request request = Request::make(Request::Kind::put_object, seq);
    request.body = object;
    const auto put = ask(destination_, std::move(request), patience_);
    if (!put) return put.error();
    if (!put->error) return {};
    if (!put->is(Code::already_exists)) return *put->error;
    const auto there = ask(destination_, Request::make(Request::Kind::get_object, seq), patience_);
    if (!there) return there.error();
    if (there->is(Code::not_found)) continue;
    if (there->error) return *there->error;
    if (there->bytes == object) return {};
    return Error(Code::foreign, fmt::format("{} is not the source's object {}; choose an empty place",
                                            destination_.name_of(seq), seq));
  }
  return Error(Code::unavailable,
               fmt::format("{} is said to exist, and does not; try again", destination_.name_of(seq)));
}

// What the checkpoint names. It may have come late: then what it names was swept, or was followed by what the
// source has no longer, and a look tells more. Nothing, if that cannot be told but the destination has what
// the source begins with: everything from there on was copied, or can be.
Result<std::optional<Header>> Begin::stored_last(const format::Checkpoint& known) {
  const auto named = header_at(destination_, known.anchor, patience_);
  if (!named) return named.error();
  if (*named) {
    const auto next = step(protocol::position_of(**named), **named);
    if (!next) return next.error();
    if (next->seq >= view_.lowest_live()) return *named;
  }
  const auto whole = read::read_log_state(destination_, patience_);
  if (const auto promotion = whole ? whole->newest_promotion() : std::nullopt) {
    const auto here = promoted_by(destination_, *promotion, destination_, patience_);
    if (!here) return here.error();
    if (*here) {
      return Error(Code::foreign, destination_.name_of_log() + " was promoted, and goes on by itself");
    }
  }
  if (whole) return std::optional(whole->newest_owned);
  if (whole.error().code() != Code::corruption) return whole.error();
  const auto first = header_at(destination_, view_.lowest_live(), patience_);
  if (!first) return first.error();
  const auto original = header_at(source_, view_.lowest_live(), patience_);
  if (!original) return original.error();
  if (*first && *first == *original && !known.mirror->keeps) return std::optional<Header>();
  return whole.error().with_context("the mirror " + destination_.name_of_log());
}

Result<ResumePoint> Begin::go_on(const format::Checkpoint& known) {
  const auto ours = stored_last(known);
  if (!ours) return ours.error();
  if (!*ours) return anew();
  const Seq anchor = (*ours)->seq;
  const auto theirs = header_at(source_, anchor, patience_);
  if (!theirs) return theirs.error();
  if (*theirs && **theirs != **ours && anchor >= view_.lowest_live()) {
    return differ(source_, destination_, **theirs, **ours);
  }
  if (!*theirs && anchor >= view_.lowest_live()) {  // was it trimmed away since that was looked at?
    auto now = read::read_log_state(source_, patience_);
    if (!now) return now.error();
    view_ = *std::move(now);
  }
  if (!*theirs && anchor >= view_.lowest_live()) {
    return Error(Code::foreign,
                 fmt::format("{} has {}, which {} has not: it is no mirror of that",
                             destination_.name_of_log(), protocol::describe(**ours), source_.name_of_log()));
  }
  const auto next = step(protocol::position_of(**ours), **ours);
  if (!next) return next.error();
  if (next->seq < view_.lowest_live()) return trimmed_past(source_, *next, view_);
  MirroringStart start{.next = *next,
                       .history = view_.history,
                       .state = *known.mirror,
                       .anchor = anchor,
                       .anchor_is_said = anchor == known.anchor,
                       .swept_below = known.swept_below};
  start.state.source = source_.name_of_log();
  return ResumePoint{std::move(start), view_};
}

// A log of its own becomes a mirror. All that is there must be the beginning of the source.
Result<ResumePoint> Begin::attach() {
  const auto mine = read::read_log_state(destination_, patience_);
  if (!mine) return mine.error();
  if (mine->tail.log_id != view_.tail.log_id) return another_log(mine->tail.log_id);
  // Two that mirror each other would have no owner.
  if (view_.mirror) {
    return Error(Code::invalid_argument,
                 fmt::format("{} is itself a mirror, of {}: nothing can be attached to it",
                             source_.name_of_log(), view_.mirror->source));
  }
  if (const auto prefix = check_prefix(source_, view_, destination_, *mine, patience_); !prefix) {
    return prefix.error();
  }
  format::Checkpoint checkpoint{.log_id = mine->tail.log_id,
                                .anchor = mine->newest_owned.seq,
                                .window = mine->tail.window,
                                .history = mine->history};
  std::erase_if(checkpoint.history, [&](const auto& entry) { return entry.seal > checkpoint.anchor; });
  checkpoint.mirror = format::MirrorState{.begins_seq = mine->lowest_live(),
                                          .begins_offset = mine->start_offset(),
                                          .keeps = options_.keep_trimmed,
                                          .copied_offset = mine->newest_owned.end_offset(),
                                          .source_end = view_.tail.offset,
                                          .source = source_.name_of_log()};
  Request request = Request::make(Request::Kind::put_checkpoint);
  request.body = format::encode_checkpoint(checkpoint);
  const auto put = ask(destination_, std::move(request), patience_);
  if (!put) return put.error();
  if (put->error) return *put->error;
  return go_on(checkpoint);
}

}  // namespace

Result<Reply> ask(const LogStore& log_store, Request request, const read::WaitLimit& patience) {
  Reply answer;
  const auto on = [&](const Reply& reply) {
    answer = reply;
    return protocol::Requests();
  };
  const auto driven = log_store.drive({std::move(request)}, on, patience.deadline, patience.stop);
  if (!driven) return driven.error();
  return answer;
}

Error trimmed_past(const LogStore& source, const protocol::Position& wanted, const LogState& view) {
  return Error(Code::out_of_range,
               fmt::format(
                   "{} begins at offset {} (object {}) now, and only what is below offset {} (object {}) "
                   "has been copied: what lies between is gone; mirror it to an empty place",
                   source.name_of_log(), view.start_offset(), view.lowest_live(), wanted.offset, wanted.seq))
      .with_valid_range({view.start_offset(), view.tail.offset});
}

Result<ResumePoint> begin(const LogStore& source, const LogStore& destination, const MirrorOptions& options,
                          const read::WaitLimit& patience) {
  return Begin(source, destination, options, patience).run();
}

}  // namespace varve::replicate
