#include "varve/cursor.h"

#include <fmt/format.h>

#include <utility>

#include "base/no_memory.h"
#include "consume/cursor_history.h"
#include "format/key.h"
#include "log/read_position.h"

namespace varve {

using consume::Deadline;
using consume::Moves;
using format::CursorMove;

namespace {

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
      : moves(std::move(log), log_id), give_up_ms_(options.give_up_ms) {}

  [[nodiscard]] Deadline deadline() const { return log::LogStore::after(give_up_ms_); }

  const Moves moves;

 private:
  std::uint32_t give_up_ms_;
};

Cursors::Cursors(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Cursors> Cursors::open(LogAddress log, CursorOptions options) {
  return with_memory([&]() -> Result<Cursors> {
    const log::LogStore log_store(log);
    const auto view =
        read::read_log_state(log_store, {.deadline = log::LogStore::after(options.give_up_ms), .stop = {}});
    if (!view) return view.error();
    return Cursors(std::make_shared<const Impl>(std::move(log), view->tail.log_id, options));
  });
}

Result<Cursor> Cursors::get(std::string_view name) const {
  return with_memory([&]() -> Result<Cursor> {
    if (const auto named = check_name(name); !named) return named.error();
    const auto found = impl_->moves.newest(name, impl_->deadline());
    if (!found) return found.error();
    if (!*found || (*found)->move.removed) {
      return Error(Code::not_found, fmt::format("there is no cursor '{}'", name));
    }
    return to_cursor(name, (*found)->move);
  });
}

Result<std::vector<Cursor>> Cursors::list() const {
  return with_memory([&]() -> Result<std::vector<Cursor>> {
    const Deadline until = impl_->deadline();
    const auto listed = impl_->moves.list_all(until);
    if (!listed) return listed.error();
    std::vector<Cursor> cursors;
    for (const auto& [name, revisions] : *listed) {
      const auto found = impl_->moves.newest(name, revisions, until);
      if (!found) return found.error();
      if (*found && !(*found)->move.removed) cursors.push_back(to_cursor(name, (*found)->move));
    }
    return cursors;
  });
}

Result<Cursor> Cursors::set(std::string_view name, Offset offset) const {
  return with_memory([&]() -> Result<Cursor> {
    if (const auto named = check_name(name); !named) return named.error();
    const auto forward = [&](const std::optional<Moves::Newest>& now) -> Result<std::optional<CursorMove>> {
      if (!now) return std::optional(impl_->moves.draw(offset, 0));
      if (now->move.removed || now->move.offset < offset) {
        return std::optional(impl_->moves.draw(offset, now->move.revision + 1));
      }
      if (now->move.offset > offset) return passed(name, now->move.offset, offset);
      return std::optional<CursorMove>();
    };
    const auto moved = impl_->moves.change(name, forward, impl_->deadline());
    if (!moved) return moved.error();
    return to_cursor(name, *moved);
  });
}

Result<Cursor> Cursors::advance(const Cursor& last, Offset offset) const {
  return with_memory([&]() -> Result<Cursor> {
    if (const auto named = check_name(last.name); !named) return named.error();
    if (offset < last.offset) return passed(last.name, last.offset, offset);
    if (offset == last.offset) return last;
    const CursorMove move = impl_->moves.draw(offset, last.revision + 1);
    const auto made = impl_->moves.make(last.name, move, impl_->deadline());
    if (!made) return made.error();
    if (!*made) return moved_by_another(last.name);
    impl_->moves.forget(last.name, {last.revision}, move.revision);
    return to_cursor(last.name, move);
  });
}

Result<void> Cursors::remove(std::string_view name) const {
  return with_memory([&]() -> Result<void> {
    if (const auto named = check_name(name); !named) return named.error();
    const auto gone = [&](const std::optional<Moves::Newest>& now) -> Result<std::optional<CursorMove>> {
      if (!now || now->move.removed) return std::optional<CursorMove>();
      CursorMove move = impl_->moves.draw(now->move.offset, now->move.revision + 1);
      move.removed = true;
      return std::optional(move);
    };
    const auto removed = impl_->moves.change(name, gone, impl_->deadline());
    if (!removed) return removed.error();
    return {};
  });
}

Result<void> Cursors::remove(const Cursor& last) const {
  return with_memory([&]() -> Result<void> {
    if (const auto named = check_name(last.name); !named) return named.error();
    CursorMove move = impl_->moves.draw(last.offset, last.revision + 1);
    move.removed = true;
    const auto made = impl_->moves.make(last.name, move, impl_->deadline());
    if (!made) return made.error();
    if (!*made) return moved_by_another(last.name);
    impl_->moves.forget(last.name, {last.revision}, move.revision);
    return {};
  });
}

}  // namespace varve
