#include "consume/cursor_history.h"

#include <fmt/format.h>

#include <memory>

#include "base/clock.h"
#include "base/mutant.h"
#include "format/key.h"
#include "log/request.h"
#include "log/system.h"

namespace varve::consume {
namespace {

// Whoever asks again after a lost race meets somebody else's move each time; so many in a row are not
// a race any more.
constexpr int races_max = 64;

}  // namespace

Result<Revisions> Moves::list_all(Deadline deadline) const {
  return list(format::cursors_prefix(log_.path), deadline);
}

CursorMove Moves::draw(Offset offset, std::uint64_t revision) const {
  return {revision, log_id_, log::random_id(), false, offset, base::unix_ms()};
}

std::string Moves::where(std::string_view name, std::uint64_t revision) const {
  return fmt::format("{}/{}", log_.store->describe(), format::cursor_key(log_.path, name, revision));
}

Result<Revisions> Moves::list(const std::string& prefix, Deadline deadline) const {
  Revisions revisions;
  std::string after;
  while (true) {
    const auto page = log::ask<Listing>(
        [&](Store::Done<Listing> done) { log_.store->list(prefix, after, 1000, std::move(done)); }, deadline);
    if (!page) return page.error().with_context(prefix);
    take(revisions, *page, log_.path);
    if (!page->truncated || page->objects.empty()) return revisions;
    after = page->objects.back().key;
  }
}

Result<CursorMove> Moves::read(std::string_view name, std::uint64_t revision, Deadline deadline) const {
  const std::string key = format::cursor_key(log_.path, name, revision);
  const auto bytes =
      log::ask<Bytes>([&](Store::Done<Bytes> done) { log_.store->get(key, {}, std::move(done)); }, deadline);
  if (!bytes) return bytes.error().with_context(where(name, revision));
  auto move = format::decode_cursor(bytes->data);
  if (!move) return move.error().with_context(where(name, revision));
  if (move->revision != revision) {
    return Error(Code::corruption,
                 fmt::format("{} holds revision {}", where(name, revision), move->revision));
  }
  if (move->log_id != log_id_) {
    return Error(Code::foreign,
                 fmt::format("{} is of another log that was here before; delete it if that log is gone",
                             where(name, revision)));
  }
  return move;
}

Result<std::optional<Moves::Newest>> Moves::newest(std::string_view name, Deadline deadline) const {
  auto listed = list(format::cursor_prefix(log_.path, name), deadline);
  if (!listed) return listed.error();
  if (listed->empty()) return std::optional<Newest>();
  return newest(name, std::move(listed->begin()->second), deadline);
}

Result<std::optional<Moves::Newest>> Moves::newest(std::string_view name, std::vector<std::uint64_t> listed,
                                                   Deadline deadline) const {
  // The newest is never deleted, so what was listed last and is gone has been passed: look again.
  for (int race = 0; race < races_max; ++race) {
    auto move = read(name, listed.back(), deadline);
    if (move) return std::optional(Newest{*move, std::move(listed)});
    if (move.error().code() != Code::not_found) return move.error();
    auto again = list(format::cursor_prefix(log_.path, name), deadline);
    if (!again) return again.error();
    if (again->empty()) return std::optional<Newest>();
    listed = std::move(again->begin()->second);
  }
  return Error(Code::unavailable,
               fmt::format("cursor '{}' moves faster than it can be read; try again", name));
}

Result<bool> Moves::make(std::string_view name, const CursorMove& move, Deadline deadline) const {
  const std::string key = format::cursor_key(log_.path, name, move.revision);
  const auto owner = std::make_shared<const std::vector<std::byte>>(format::encode_cursor(move));
  const auto created = log::ask<void>(
      [&](Store::Done<void> done) {
        log_.store->put_if_absent(key, {*owner, owner}, std::move(done));
      },
      deadline);
  if (!created) {
    if (created.error().code() != Code::already_exists)
      return created.error().with_context(where(name, move.revision));
    // Perhaps an earlier try of ours. Gone already: it was passed, whoever made it.
    const auto there = read(name, move.revision, deadline);
    if (!there && there.error().code() == Code::not_found) return false;
    if (!there) return there.error();
    if (*there != move && !mutated(Mutant::move_exists_is_ours)) return false;
  }
  if (mutated(Mutant::no_look_back)) return true;
  // Who slept before creating may have landed in a place that was passed and deleted meanwhile.
  const auto later = log::ask<Listing>(
      [&](Store::Done<Listing> done) {
        log_.store->list(format::cursor_prefix(log_.path, name), key, 1, std::move(done));
      },
      deadline);
  if (!later)
    return later.error().with_context(where(name, move.revision)).with_outcome(WriteOutcome::unknown);
  return later->objects.empty();
}

void Moves::forget(std::string_view name, const std::vector<std::uint64_t>& revisions,
                   std::uint64_t below) const {
  std::vector<std::string> keys;
  for (const std::uint64_t revision : revisions) {
    if (revision < below && keys.size() < 1000) keys.push_back(format::cursor_key(log_.path, name, revision));
  }
  if (!keys.empty()) log_.store->remove(std::move(keys), [](const Result<std::vector<RemoveFailure>>&) {});
}

Result<CursorMove> Moves::change(std::string_view name, const Decide& decide, Deadline until) const {
  for (int race = 0; race < races_max; ++race) {
    const auto before = newest(name, until);
    if (!before) return before.error();
    const auto wanted = decide(*before);
    if (!wanted) return wanted.error();
    if (!*wanted) return *before ? (*before)->move : CursorMove{};
    const auto made = make(name, **wanted, until);
    if (!made) return made.error();
    if (!*made) continue;
    if (*before) forget(name, (*before)->revisions, (*wanted)->revision);
    return **wanted;
  }
  return Error(Code::unavailable,
               fmt::format("cursor '{}' is moved by others all the time; try again", name));
}

}  // namespace varve::consume
