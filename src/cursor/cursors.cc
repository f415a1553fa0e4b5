#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "courier/ask.h"
#include "courier/system.h"
#include "cursor/revisions.h"
#include "format/cursor.h"
#include "format/key.h"
#include "reader/place.h"
#include "varve/cursor.h"

namespace varve {

using courier::Deadline;
using format::CursorMove;

namespace {

// Whoever asks again after a lost race meets somebody else's move each time; so many in a row are not
// a race any more.
constexpr int races_max = 64;

Result<void> check_name(std::string_view name) {
  if (format::is_cursor_name(name)) return {};
  return Error(
      Code::invalid_argument,
      fmt::format("'{}' is no cursor's name: it has 1 to {} letters, digits, '-', '_' and '.', and does not "
                  "begin with '.'",
                  name, format::max_cursor_name));
}

Error passed(std::string_view name, Offset at, Offset wanted) {
  return Error(Code::out_of_range,
               fmt::format(
                   "cursor '{}' is at offset {} and does not go back to {}; remove it first if it shall",
                   name, at, wanted))
      .with_valid_range({at, UINT64_MAX});
}

Error moved_by_another(std::string_view name) {
  return {Code::fenced,
          fmt::format("cursor '{}' was moved by somebody else meanwhile: two consumers work under one "
                      "name; end one of them",
                      name)};
}

Cursor to_cursor(std::string_view name, const CursorMove& move) {
  return {std::string(name), move.offset, move.moved_unix_ms, move.revision};
}

}  // namespace

class Cursors::Impl {
 public:
  Impl(LogAddress log, format::Id log_id, CursorOptions options)
      : log_(std::move(log)), log_id_(log_id), options_(options) {}

  [[nodiscard]] Deadline deadline() const { return courier::Courier::after(options_.give_up_ms); }

  /// The newest move of a cursor, and the revisions that were listed (that one last). Nothing: it never was.
  struct Newest {
    CursorMove move;
    std::vector<std::uint64_t> revisions;
  };
  Result<std::optional<Newest>> newest(std::string_view name, Deadline deadline) const;

  /// Whether `move` became the cursor's newest: false if its revision was taken, or had been passed.
  Result<bool> make(std::string_view name, const CursorMove& move, Deadline deadline) const;

  /// What the cursor is to become, from what it is; nothing if it shall stay.
  using Decide = std::function<Result<std::optional<CursorMove>>(const std::optional<Newest>&)>;
  Result<CursorMove> change(std::string_view name, const Decide& decide) const;

  Result<cursor::Revisions> list_all(Deadline deadline) const {
    return list(format::cursors_prefix(log_.path), deadline);
  }
  /// Deletes what newer moves have made useless. It may fail: the next move tries again.
  void forget(std::string_view name, const std::vector<std::uint64_t>& revisions, std::uint64_t below) const;

  [[nodiscard]] CursorMove move_to(Offset offset, std::uint64_t revision) const {
    return {revision, log_id_, courier::random_id(), false, offset, courier::unix_ms()};
  }
  [[nodiscard]] std::string where(std::string_view name, std::uint64_t revision) const {
    return fmt::format("{}/{}", log_.store->describe(), format::cursor_key(log_.path, name, revision));
  }

 private:
  Result<cursor::Revisions> list(const std::string& prefix, Deadline deadline) const;
  Result<CursorMove> read(std::string_view name, std::uint64_t revision, Deadline deadline) const;

  LogAddress log_;
  format::Id log_id_;
  CursorOptions options_;
};

Result<cursor::Revisions> Cursors::Impl::list(const std::string& prefix, Deadline deadline) const {
  cursor::Revisions revisions;
  std::string after;
  while (true) {
    const auto page = courier::ask<Listing>(
        [&](Store::Done<Listing> done) { log_.store->list(prefix, after, 1000, std::move(done)); }, deadline);
    if (!page) return page.error().with_context(prefix);
    cursor::take(revisions, *page, log_.path);
    if (!page->truncated || page->objects.empty()) return revisions;
    after = page->objects.back().key;
  }
}

Result<CursorMove> Cursors::Impl::read(std::string_view name, std::uint64_t revision,
                                       Deadline deadline) const {
  const std::string key = format::cursor_key(log_.path, name, revision);
  const auto bytes = courier::ask<Bytes>(
      [&](Store::Done<Bytes> done) { log_.store->get(key, {}, std::move(done)); }, deadline);
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

Result<std::optional<Cursors::Impl::Newest>> Cursors::Impl::newest(std::string_view name,
                                                                   Deadline deadline) const {
  // The newest is never deleted, so what was listed last and is gone has been passed: look again.
  for (int race = 0; race < races_max; ++race) {
    auto listed = list(format::cursor_prefix(log_.path, name), deadline);
    if (!listed) return listed.error();
    if (listed->empty()) return std::optional<Newest>();
    std::vector<std::uint64_t> revisions = std::move(listed->begin()->second);
    auto move = read(name, revisions.back(), deadline);
    if (move) return std::optional(Newest{*move, std::move(revisions)});
    if (move.error().code() != Code::not_found) return move.error();
  }
  return Error(Code::unavailable,
               fmt::format("cursor '{}' moves faster than it can be read; try again", name));
}

Result<bool> Cursors::Impl::make(std::string_view name, const CursorMove& move, Deadline deadline) const {
  const std::string key = format::cursor_key(log_.path, name, move.revision);
  const auto owner = std::make_shared<const std::vector<std::byte>>(format::encode_cursor(move));
  const auto created = courier::ask<void>(
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
    if (*there != move) return false;
  }
  // Who slept before creating may have landed in a place that was passed and deleted meanwhile.
  const auto later = courier::ask<Listing>(
      [&](Store::Done<Listing> done) {
        log_.store->list(format::cursor_prefix(log_.path, name), key, 1, std::move(done));
      },
      deadline);
  if (!later)
    return later.error().with_context(where(name, move.revision)).with_outcome(WriteOutcome::unknown);
  return later->objects.empty();
}

void Cursors::Impl::forget(std::string_view name, const std::vector<std::uint64_t>& revisions,
                           std::uint64_t below) const {
  std::vector<std::string> keys;
  for (const std::uint64_t revision : revisions) {
    if (revision < below && keys.size() < 1000) keys.push_back(format::cursor_key(log_.path, name, revision));
  }
  if (!keys.empty()) log_.store->remove(std::move(keys), [](const Result<std::vector<RemoveFailure>>&) {});
}

Result<CursorMove> Cursors::Impl::change(std::string_view name, const Decide& decide) const {
  if (const auto named = check_name(name); !named) return named.error();
  const Deadline until = deadline();
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

Cursors::Cursors(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Cursors> Cursors::open(LogAddress log, CursorOptions options) {
  const courier::Courier courier(log);
  const auto view =
      reader::look_at(courier, {.deadline = courier::Courier::after(options.give_up_ms), .stop = {}});
  if (!view) return view.error();
  return Cursors(std::make_shared<const Impl>(std::move(log), view->tail.log_id, options));
}

Result<Cursor> Cursors::get(std::string_view name) const {
  if (const auto named = check_name(name); !named) return named.error();
  const auto found = impl_->newest(name, impl_->deadline());
  if (!found) return found.error();
  if (!*found || (*found)->move.removed) {
    return Error(Code::not_found, fmt::format("there is no cursor '{}'", name));
  }
  return to_cursor(name, (*found)->move);
}

Result<std::vector<Cursor>> Cursors::list() const {
  const Deadline until = impl_->deadline();
  const auto listed = impl_->list_all(until);
  if (!listed) return listed.error();
  std::vector<Cursor> cursors;
  for (const auto& [name, revisions] : *listed) {
    const auto found = impl_->newest(name, until);
    if (!found) return found.error();
    if (*found && !(*found)->move.removed) cursors.push_back(to_cursor(name, (*found)->move));
  }
  return cursors;
}

Result<Cursor> Cursors::set(std::string_view name, Offset offset) const {
  const auto forward = [&](const std::optional<Impl::Newest>& now) -> Result<std::optional<CursorMove>> {
    if (!now) return std::optional(impl_->move_to(offset, 0));
    if (now->move.removed || now->move.offset < offset) {
      return std::optional(impl_->move_to(offset, now->move.revision + 1));
    }
    if (now->move.offset > offset) return passed(name, now->move.offset, offset);
    return std::optional<CursorMove>();
  };
  const auto moved = impl_->change(name, forward);
  if (!moved) return moved.error();
  return to_cursor(name, *moved);
}

Result<Cursor> Cursors::advance(const Cursor& last, Offset offset) const {
  if (const auto named = check_name(last.name); !named) return named.error();
  if (offset < last.offset) return passed(last.name, last.offset, offset);
  if (offset == last.offset) return last;
  const CursorMove move = impl_->move_to(offset, last.revision + 1);
  const auto made = impl_->make(last.name, move, impl_->deadline());
  if (!made) return made.error();
  if (!*made) return moved_by_another(last.name);
  impl_->forget(last.name, {last.revision}, move.revision);
  return to_cursor(last.name, move);
}

Result<void> Cursors::remove(std::string_view name) const {
  const auto gone = [&](const std::optional<Impl::Newest>& now) -> Result<std::optional<CursorMove>> {
    if (!now || now->move.removed) return std::optional<CursorMove>();
    CursorMove move = impl_->move_to(now->move.offset, now->move.revision + 1);
    move.removed = true;
    return std::optional(move);
  };
  const auto removed = impl_->change(name, gone);
  if (!removed) return removed.error();
  return {};
}

}  // namespace varve
