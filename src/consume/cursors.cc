#include "varve/cursor.h"

#include <fmt/format.h>

#include <utility>

#include "base/no_memory.h"
#include "consume/history.h"
#include "consume/revision_store.h"
#include "format/key.h"
#include "log/front_door.h"
#include "log/read_position.h"
#include "varve/reader.h"

namespace varve {

using consume::Deadline;
using consume::RevisionStore;
using format::CursorRevision;
using protocol::NewestRevision;

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

Error not_there(std::string_view name) {
  return {Code::not_found, fmt::format("there is no cursor '{}'", name)};
}

Cursor to_cursor(std::string_view name, const CursorRevision& revision) {
  return {.name = std::string(name),
          .offset = revision.offset,
          .moved_unix_ms = revision.moved_unix_ms,
          .revision = revision.revision};
}

}  // namespace

class Cursors::Impl {
 public:
  Impl(LogAddress log, const format::Id& log_id, CursorOptions options)
      : revisions(log, log_id), log_(std::move(log)), give_up_ms_(options.give_up_ms) {}

  [[nodiscard]] Deadline deadline() const { return log::LogStore::after(give_up_ms_); }
  [[nodiscard]] const log::LogStore& log() const { return log_; }
  [[nodiscard]] std::string log_name() const { return read::name_of(log_.address()); }

  /// The log as it is now. Errors: `foreign` if another one is there.
  Result<protocol::LogState> look(Deadline until) const {
    auto view = read::read_log_state(log_, {.deadline = until, .stop = {}}, read::OnDamage::tell);
    if (view && view->tail.log_id != revisions.log_id()) {
      return Error(Code::foreign, log_name() + " is another log now: open its cursors anew");
    }
    return view;
  }

  /// The cursor as it is stored; nothing if there is none. Errors: it cannot be read.
  Result<std::optional<NewestRevision>> read(std::string_view name, Deadline until) const;
  /// Whether it can be relied on, by a look at the log that came after reading it.
  Result<void> check(std::string_view name, const NewestRevision& newest, const protocol::LogState& view,
                     Deadline until) const;
  /// What binds `offset` to the log's history. Errors: `out_of_range` beyond its end.
  Result<std::optional<std::uint64_t>> mark_of(Offset offset, const protocol::LogState& view,
                                               Deadline until) const;

  Result<Cursor> advance(const Cursor& last, Offset offset, std::optional<std::uint64_t> mark) const;

  const RevisionStore revisions;

 private:
  log::LogStore log_;
  std::uint32_t give_up_ms_;
};

Result<void> Cursors::Impl::check(std::string_view name, const NewestRevision& newest,
                                  const protocol::LogState& view, Deadline until) const {
  const auto wrong = consume::problem_with(log_, name, newest, &view, until);
  if (!wrong) return wrong.error();
  return *wrong ? Result<void>(**wrong) : Result<void>();
}

Result<std::optional<NewestRevision>> Cursors::Impl::read(std::string_view name, Deadline until) const {
  auto found = revisions.newest(name, until);
  if (!found || !*found) return found;
  const auto& content = (*found)->content;
  if (!content) return consume::unreadable(content.error(), name, log_name());
  if (content->removed) return std::optional<NewestRevision>();
  return found;
}

Result<std::optional<std::uint64_t>> Cursors::Impl::mark_of(Offset offset, const protocol::LogState& view,
                                                            Deadline until) const {
  if (offset > view.tail.offset && view.damage && view.damage->end_unknown) {
    return view.damage->why.with_context(log_name());
  }
  if (offset > view.tail.offset) {
    const OffsetRange valid{view.start_offset(), view.tail.offset};
    return Error(Code::out_of_range, fmt::format("no cursor can be at offset {}: the log {} ends at {}",
                                                 offset, log_name(), valid.end))
        .with_valid_range(valid);
  }
  const auto answer = consume::ask_history(log_, view, offset, {}, until);
  if (!answer) return answer.error();
  return answer->mark;
}

Result<Cursor> Cursors::Impl::advance(const Cursor& last, Offset offset,
                                      std::optional<std::uint64_t> mark) const {
  const Deadline until = deadline();
  if (!mark) {
    const auto view = look(until);
    if (!view) return view.error();
    const auto found = mark_of(offset, *view, until);
    if (!found) return found.error();
    mark = *found;
  }
  const CursorRevision next = revisions.draw(offset, mark, last.revision + 1);
  const auto made = revisions.make(last.name, next, until);
  if (!made) return made.error();
  if (!*made) return moved_by_another(last.name);
  revisions.forget_one(last.name, next.revision);
  return to_cursor(last.name, next);
}

Cursors::Cursors(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<Cursors> Cursors::open(LogAddress log, CursorOptions options) {
  return log::with_store(log, [&]() -> Result<Cursors> {
    const log::LogStore log_store(log);
    const auto view = read::read_log_state(
        log_store, {.deadline = log::LogStore::after(options.give_up_ms), .stop = {}}, read::OnDamage::tell);
    if (!view) return view.error();
    return Cursors(std::make_shared<const Impl>(std::move(log), view->tail.log_id, options));
  });
}

Result<Cursor> Cursors::get(std::string_view name) const {
  return with_memory([&]() -> Result<Cursor> {
    if (const auto named = check_name(name); !named) return named.error();
    const Deadline until = impl_->deadline();
    const auto found = impl_->read(name, until);
    if (!found) return found.error();
    if (!*found) return not_there(name);
    const auto view = impl_->look(until);  // after the cursor, which may move to the log's end meanwhile
    if (!view) return view.error();
    if (const auto checked = impl_->check(name, **found, *view, until); !checked) return checked.error();
    return to_cursor(name, *(*found)->content);
  });
}

Result<std::vector<Cursor>> Cursors::list() const {
  return with_memory([&]() -> Result<std::vector<Cursor>> {
    const Deadline until = impl_->deadline();
    const auto listed = impl_->revisions.list_all(until);
    if (!listed) return listed.error();
    std::vector<std::pair<std::string, NewestRevision>> newest;
    for (const auto& [name, revisions] : *listed) {
      auto found = impl_->revisions.newest(name, revisions, until);
      if (!found) return found.error();
      if (*found) newest.emplace_back(name, **std::move(found));
    }
    if (newest.empty()) return std::vector<Cursor>();
    const auto view = impl_->look(until);  // after the cursors, which may move to the log's end meanwhile
    if (!view) return view.error();
    std::vector<Cursor> cursors;
    for (const auto& [name, found] : newest) {
      if (found.content && found.content->removed) continue;
      auto wrong = consume::problem_with(impl_->log(), name, found, &*view, until);
      if (!wrong) return wrong.error();
      cursors.push_back(found.content ? to_cursor(name, *found.content)
                                      : Cursor{.name = name, .revision = found.revision, .readable = false});
      cursors.back().problem = *std::move(wrong);
    }
    return cursors;
  });
}

Result<Cursor> Cursors::set(std::string_view name, Offset offset) const {
  return with_memory([&]() -> Result<Cursor> {
    if (const auto named = check_name(name); !named) return named.error();
    const Deadline until = impl_->deadline();
    const auto before = impl_->read(name, until);
    if (!before) return before.error();
    const auto view = impl_->look(until);
    if (!view) return view.error();
    if (*before) {
      if (const auto checked = impl_->check(name, **before, *view, until); !checked) return checked.error();
    }
    const auto mark = impl_->mark_of(offset, *view, until);
    if (!mark) return mark.error();
    const auto forward =
        [&](const std::optional<NewestRevision>& now) -> Result<std::optional<CursorRevision>> {
      if (!now) return std::optional(impl_->revisions.draw(offset, *mark, 0));
      if (!now->content) return now->content.error();
      if (now->content->removed || now->content->offset < offset) {
        return std::optional(impl_->revisions.draw(offset, *mark, now->revision + 1));
      }
      if (now->content->offset > offset) return passed(name, now->content->offset, offset);
      return std::optional<CursorRevision>();
    };
    const auto moved = impl_->revisions.change(name, forward, until);
    if (!moved) return moved.error();
    return to_cursor(name, *moved);
  });
}

Result<Cursor> Cursors::advance(const Cursor& last, Offset offset) const {
  return with_memory([&]() -> Result<Cursor> {
    if (const auto named = check_name(last.name); !named) return named.error();
    if (offset < last.offset) return passed(last.name, last.offset, offset);
    if (offset == last.offset && last.readable) return last;
    return impl_->advance(last, offset, {});
  });
}

Result<Cursor> Cursors::advance(const Cursor& last, const ReadMark& done) const {
  return with_memory([&]() -> Result<Cursor> {
    if (const auto named = check_name(last.name); !named) return named.error();
    if (done.offset < last.offset) return passed(last.name, last.offset, done.offset);
    if (done.offset == last.offset) return last;
    return impl_->advance(last, done.offset, done.history);
  });
}

Result<void> Cursors::remove(std::string_view name) const {
  return with_memory([&]() -> Result<void> {
    if (const auto named = check_name(name); !named) return named.error();
    const auto gone = [&](const std::optional<NewestRevision>& now) -> Result<std::optional<CursorRevision>> {
      if (!now || (now->content && now->content->removed)) return std::optional<CursorRevision>();
      // What cannot be read goes as well: its place is all that is needed.
      CursorRevision next =
          impl_->revisions.draw(now->content ? now->content->offset : 0, {}, now->revision + 1);
      next.removed = true;
      return std::optional(next);
    };
    const auto removed = impl_->revisions.change(name, gone, impl_->deadline());
    if (!removed) return removed.error();
    return {};
  });
}

Result<void> Cursors::remove(const Cursor& last) const {
  return with_memory([&]() -> Result<void> {
    if (const auto named = check_name(last.name); !named) return named.error();
    CursorRevision next = impl_->revisions.draw(last.offset, {}, last.revision + 1);
    next.removed = true;
    const auto made = impl_->revisions.make(last.name, next, impl_->deadline());
    if (!made) return made.error();
    if (!*made) return moved_by_another(last.name);
    impl_->revisions.forget_one(last.name, next.revision);
    return {};
  });
}

}  // namespace varve
