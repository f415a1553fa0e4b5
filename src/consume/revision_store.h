// The revisions of a log's cursors in the store: carries the requests of the cursor machines.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log/deadline.h"
#include "protocol/cursor_register.h"
#include "varve/store.h"

namespace varve::consume {

using format::CursorRevision;
using log::Deadline;
using protocol::NewestRevision;

/// Of each cursor the revisions that a listing shows, ascending; never empty.
using Revisions = std::map<std::string, std::vector<std::uint64_t>, std::less<>>;

/// Adds what `page` lists. Keys that no cursor has are passed over.
void add_listed(Revisions& revisions, const Listing& page, std::string_view log_path);

/// Thread-safe; blocks. Names must be cursors' names.
class RevisionStore {
 public:
  RevisionStore(LogAddress log, const format::Id& log_id) : log_(std::move(log)), log_id_(log_id) {}

  [[nodiscard]] const format::Id& log_id() const { return log_id_; }

  /// The newest revision of a cursor. Nothing: it never was.
  Result<std::optional<NewestRevision>> newest(std::string_view name, Deadline deadline) const;
  /// The same, of a cursor whose revisions have just been listed.
  Result<std::optional<NewestRevision>> newest(std::string_view name, std::vector<std::uint64_t> listed,
                                               Deadline deadline) const;

  /// Which revisions all cursors have.
  Result<Revisions> list_all(Deadline deadline) const;

  /// A revision that nobody has made yet: of an offset, bound to a history if its mark is known.
  [[nodiscard]] CursorRevision draw(Offset offset, std::optional<std::uint64_t> history,
                                    std::uint64_t revision) const;

  /// Whether `revision` became the cursor's newest: false if its place was taken, or had been passed.
  Result<bool> make(std::string_view name, const CursorRevision& revision, Deadline deadline) const;

  /// Makes what `decide` says, from what the cursor is; returns the cursor's newest revision.
  Result<CursorRevision> change(std::string_view name, protocol::ChangeCursor::Decide decide,
                                Deadline deadline) const;

  /// So many revisions before the newest one stay: a listing during which a cursor makes no more moves than
  /// that shows its newest, whatever the order in which the store looks at names.
  static constexpr std::uint64_t kept_behind = 4;

  /// Deletes those of `revisions` that have no use beside `newest`. It may fail: the next move tries again.
  void forget(std::string_view name, const std::vector<std::uint64_t>& revisions, std::uint64_t newest) const;
  /// The same, where `newest` was made right behind a revision whose maker had deleted what was to go.
  void forget_one(std::string_view name, std::uint64_t newest) const;

  /// "<store>/<key>", for messages.
  [[nodiscard]] std::string name_of(std::string_view name, std::uint64_t revision) const;

 private:
  Result<Revisions> list(const std::string& prefix, Deadline deadline) const;
  protocol::CursorReply carry_out(std::string_view name, const protocol::CursorRequest& request,
                                  Deadline deadline) const;
  template <class Machine>
  auto run(std::string_view name, Machine& machine, Deadline deadline) const
      -> std::remove_cvref_t<decltype(machine.result())>;

  LogAddress log_;
  format::Id log_id_;
};

}  // namespace varve::consume
