#include "sim/recorder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "format/checkpoint.h"
#include "format/seal.h"

namespace varve::sim {

using format::Header;
using protocol::Reply;
using protocol::Request;
using Kind = Request::Kind;

namespace {

std::string flags_of(std::uint32_t flags) {
  namespace flag = format::flag;
  std::vector<std::string_view> names;
  if ((flags & flag::closing) != 0) names.emplace_back("\"Closing\"");
  if ((flags & flag::ahead) != 0) names.emplace_back("\"Ahead\"");
  if ((flags & flag::fences_nobody) != 0) names.emplace_back("\"FencesNobody\"");
  if ((flags & flag::retired) != 0) names.emplace_back("\"Retired\"");
  if ((flags & flag::promoted) != 0) names.emplace_back("\"Promoted\"");
  return fmt::format("[{}]", fmt::join(names, ","));
}

// Hashes have 64 bits, more than a JSON number holds.
std::string hash_text(std::uint64_t hash) { return fmt::format("\"{:016x}\"", hash); }
std::string hash_text(const Header& object) { return hash_text(hash_of(object)); }

std::uint64_t number_of(const format::Id& writer) {
  std::uint64_t number = 0;
  for (std::size_t i = sizeof(number); i-- > 0;) number = number << 8 | writer.bytes.at(i);
  return number;
}

std::string history_text(const format::EpochHistory& history) {
  std::vector<std::string> entries;
  entries.reserve(history.size());
  for (const format::EpochEntry& entry : history)
    entries.push_back(fmt::format("[{},{},{}]", entry.seal, entry.first_offset, flags_of(entry.flags)));
  return fmt::format("[{}]", fmt::join(entries, ","));
}

std::string object_text(const std::vector<std::byte>& bytes) {
  const Result<Header> header = format::decode_header(bytes);
  if (!header) return R"("unreadable")";
  const Header& o = *header;
  std::string history = "[]";
  if (o.kind == format::Kind::seal) {
    if (const auto seal = format::decode_seal(bytes, o)) history = history_text(seal->history);
  }
  return fmt::format(
      R"({{"id":{},"kind":"{}","window":{},"seq":{},"epoch":{},"writer":{},"first":{},"records":{},"link":{},)"
      R"("flags":{},"start":{},"lowest":{},"anchor":{},"durable":{},"durableOffset":{},"history":{}}})",
      hash_text(o), o.kind == format::Kind::seal ? "Seal" : "Data", o.window, o.seq, o.epoch,
      number_of(o.writer_id), o.first_offset, o.record_count, hash_text(o.previous_hash), flags_of(o.flags),
      o.start_offset, o.lowest_live, o.anchor, o.durable_seq, o.durable_offset, history);
}

std::string mirror_text(const format::MirrorState& state) {
  return fmt::format(R"({{"begins":{},"beginsOffset":{},"keeps":{},"copied":{}}})", state.begins_seq,
                     state.begins_offset, state.keeps, state.copied_offset);
}

std::string checkpoint_text(const std::vector<std::byte>& bytes) {
  const auto checkpoint = format::decode_checkpoint(bytes);
  if (!checkpoint) return R"("unreadable")";
  const auto& mirror = checkpoint->mirror;
  return fmt::format(R"({{"anchor":{},"history":{},"mirror":[{}]}})", checkpoint->anchor,
                     history_text(checkpoint->history), mirror ? mirror_text(*mirror) : "");
}

std::string_view name_of(Call::Purpose purpose) {
  switch (purpose) {
    case Call::Purpose::takeover:
      return "takeover";
    case Call::Purpose::put:
      return "put";
    case Call::Purpose::look:
      return "look";
    case Call::Purpose::checkpoint:
      return "checkpoint";
    case Call::Purpose::sweep:
      return "sweep";
    case Call::Purpose::trim:
      return "trim";
    default:
      return "reading";
  }
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::get_checkpoint:
      return "get checkpoint";
    case Kind::put_checkpoint:
      return "put checkpoint";
    case Kind::list:
      return "list";
    case Kind::get_header:
      return "get header";
    case Kind::get_object:
      return "get object";
    case Kind::put_object:
      return "put object";
    case Kind::remove:
      return "remove";
    case Kind::get_promotion:
    case Kind::put_promotion:
    case Kind::list_promotions:
      return "promotion";
    case Kind::put_claim:
      return "put claim";
    case Kind::get_revoked:
      return "get revoked";
    case Kind::get_claim:
      return "get claim";
    case Kind::list_claims:
      return "list claims";
    case Kind::revoke_claim:
      return "revoke claim";
    case Kind::remove_claim:
      return "remove claim";
  }
  return "unknown";
}

// One that is named; a listing of claims names none.
std::string claim_text(const Request& request) {
  const bool named = request.kind == Kind::put_claim || request.kind == Kind::get_revoked ||
                     request.kind == Kind::get_claim || request.kind == Kind::revoke_claim ||
                     request.kind == Kind::remove_claim;
  return named ? fmt::format(R"(,"claim":"{}")", to_hex(request.writer)) : "";
}

std::string_view where(bool there) { return there ? R"(,"there":true)" : ""; }

std::string call_text(const Call& call) {
  return fmt::format(R"("for":"{}","what":"{}","seq":{}{}{})", name_of(call.purpose),
                     name_of(call.request.kind), call.request.seq, claim_text(call.request),
                     where(call.there));
}

std::string_view answer_of(const Reply& reply, bool damaged) {
  if (damaged) return "damaged";
  if (!reply.error) return "done";
  switch (reply.error->code()) {
    case Code::already_exists:
      return "exists";
    case Code::not_found:
      return "absent";
    default:
      return reply.error->outcome() == WriteOutcome::not_written ? "refused" : "unknown";
  }
}

}  // namespace

void Recorder::event(std::string_view name, Client by, const std::string& fields) const {
  line_(fmt::format(R"({{"event":"{}","by":{}{}{}}})", name, by, fields.empty() ? "" : ",", fields));
}

void Recorder::sends(Client by, const Call& call) const {
  const Request& request = call.request;
  std::string fields = call_text(call);
  if (request.kind == Kind::put_object) fields += R"(,"object":)" + object_text(request.body);
  if (request.kind == Kind::put_checkpoint) fields += R"(,"checkpoint":)" + checkpoint_text(request.body);
  if (request.kind == Kind::remove) fields += fmt::format(R"(,"seqs":[{}])", fmt::join(request.seqs, ","));
  event("sends", by, fields);
}

void Recorder::serves(Client by, const Call& call, bool more) const {
  event("serves", by, call_text(call) + fmt::format(R"(,"more":{})", more));
}

void Recorder::hears(Client by, const Call& call, const Reply& reply, bool damaged) const {
  std::string fields = call_text(call) + fmt::format(R"(,"says":"{}")", answer_of(reply, damaged));
  const bool reads = reply.kind == Kind::get_header || reply.kind == Kind::get_object;
  if (const auto header = format::decode_header(reply.bytes); reads && !reply.error && header)
    fields += R"(,"found":)" + hash_text(*header);
  event("hears", by, fields);
}

void Recorder::object_lands(const std::vector<std::byte>& object, bool there) const {
  const Result<Header> header = format::decode_header(object);
  line_(fmt::format(R"({{"event":"object lands","id":{}{}}})", header ? hash_text(*header) : "\"\"",
                    where(there)));
}

void Recorder::checkpoint_lands(const std::vector<std::byte>& checkpoint, bool there) const {
  line_(fmt::format(R"({{"event":"checkpoint lands","checkpoint":{}{}}})", checkpoint_text(checkpoint),
                    where(there)));
}

void Recorder::deletion_lands(Seq seq, bool there) const {
  line_(fmt::format(R"({{"event":"deletion lands","seq":{}{}}})", seq, where(there)));
}

void Recorder::checkpoint_becomes(const std::optional<std::vector<std::byte>>& checkpoint, bool there) const {
  line_(fmt::format(R"({{"event":"checkpoint becomes","checkpoint":{}{}}})",
                    checkpoint ? checkpoint_text(*checkpoint) : R"("none")", where(there)));
}

void Recorder::claim_lands(const format::Id& claim) const {
  line_(fmt::format(R"({{"event":"claim lands","claim":"{}"}})", to_hex(claim)));
}

void Recorder::revocation_lands(const format::Id& claim) const {
  line_(fmt::format(R"({{"event":"revocation lands","claim":"{}"}})", to_hex(claim)));
}

void Recorder::claim_goes(const format::Id& claim) const {
  line_(fmt::format(R"({{"event":"claim goes","claim":"{}"}})", to_hex(claim)));
}

void Recorder::loses(Seq seq) const { line_(fmt::format(R"({{"event":"loses","seq":{}}})", seq)); }

void Recorder::opens(Client by, protocol::Purpose purpose) const {
  const char* name = purpose == protocol::Purpose::write    ? "Write"
                     : purpose == protocol::Purpose::retire ? "Retire"
                                                            : "Promote";
  event("opens", by, fmt::format(R"("purpose":"{}")", name));
}

void Recorder::owns(Client by, const protocol::Ownership& ownership) const {
  event("owns", by,
        fmt::format(R"("seal":{},"next":{},"offset":{},"history":{})", hash_text(ownership.seal),
                    ownership.next.seq, ownership.next.offset, history_text(ownership.history)));
}

void Recorder::trims(Client by, Offset before, Seq ended) const {
  event("trims", by, fmt::format(R"("before":{},"ended":{})", before, ended));
}

void Recorder::acknowledges(Client by, const Header& object) const {
  event("acknowledges", by, fmt::format(R"("id":{})", hash_text(object)));
}

void Recorder::ends(Client by, Code why, const Fates& fates) const {
  std::vector<std::string> told;
  told.reserve(fates.size());
  for (const auto& [object, outcome] : fates)
    told.push_back(fmt::format(R"([{},"{}"])", hash_text(object), to_string(outcome)));
  event("ends", by, fmt::format(R"("why":"{}","fates":[{}])", to_string(why), fmt::join(told, ",")));
}

void Recorder::closes(Client by) const { event("closes", by, ""); }

void Recorder::is_told(Client by, Code why, Offset at) const {
  event("is told", by, fmt::format(R"("why":"{}","at":{})", to_string(why), at));
}

void Recorder::looks(Client by) const { event("looks", by, ""); }

void Recorder::sees(Client by, const protocol::LogState& state) const {
  if (!state.exists) return event("sees", by, R"("nothing":true)");
  event(
      "sees", by,
      fmt::format(R"("nothing":false,"tail":{},"offset":{},"newest":{},"start":{},"lowest":{},"history":{})",
                  state.tail.seq, state.tail.offset, hash_text(state.newest), state.start_offset(),
                  state.lowest_live(), history_text(state.history)));
}

void Recorder::delivers(Client by, const Header& object, Offset from) const {
  event("delivers", by, fmt::format(R"("id":{},"from":{})", hash_text(object), from));
}

void Recorder::copies_from(Client by, const protocol::MirroringStart& start) const {
  const protocol::Position& next = start.next;
  event("copies from", by,
        fmt::format(
            R"("seq":{},"epoch":{},"offset":{},"link":{},"owned":{},"anchor":{},"said":{},"lowest":{},)"
            R"("history":{},"mirror":{})",
            next.seq, next.epoch, next.offset, hash_text(next.linked ? next.previous_hash : 0), next.owned,
            start.anchor ? static_cast<std::int64_t>(*start.anchor) : -1, start.anchor_is_said,
            start.lowest_live, history_text(start.history), mirror_text(start.state)));
}

void Recorder::takes(Client by, const Header& object) const {
  event("takes", by, fmt::format(R"("id":{})", hash_text(object)));
}

void Recorder::copies_no_more(Client by) const { event("copies no more", by, ""); }

void Recorder::is_promoted() const { line_(R"({"event":"is promoted"})"); }

}  // namespace varve::sim
