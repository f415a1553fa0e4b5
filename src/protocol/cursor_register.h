// A cursor as a register: the highest revision counts, and the next is made by create-if-absent. These
// machines decide only: whoever drives them carries one request at a time to the store and brings the reply
// back (docs/protocol.md, Cursors).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "format/cursor.h"
#include "varve/result.h"

namespace varve::protocol {

/// One request about the objects of one cursor.
struct CursorRequest {
  enum class Kind : std::uint8_t {
    list,        ///< all revisions
    list_above,  ///< whether there is any above `revision`
    get,         ///< the content of `revision`
    create,      ///< `revision` with `body`, if absent
  };
  Kind kind = Kind::list;
  std::uint64_t revision = 0;
  std::vector<std::byte> body = {};
};

struct CursorReply {
  std::optional<Error> error = {};            ///< `not_found` and `already_exists` are told here too
  std::vector<std::uint64_t> revisions = {};  ///< list, list_above: ascending
  std::vector<std::byte> bytes = {};          ///< get
};

/// The revision of a cursor that counts.
struct NewestRevision {
  std::uint64_t revision = 0;              ///< as its name says
  Result<format::CursorRevision> content;  ///< an error: it cannot be read, or is another log's
  std::vector<std::uint64_t> listed;       ///< all revisions that were listed, this one last
};

/// Finds the newest revision of a cursor.
class FindNewestRevision {
 public:
  /// `listed`: the revisions, ascending, if they have just been listed.
  explicit FindNewestRevision(const format::Id& log_id, std::vector<std::uint64_t> listed = {})
      : log_id_(log_id), listed_(std::move(listed)) {}

  CursorRequest start();
  /// What else to ask; nothing: done.
  std::optional<CursorRequest> on(const CursorReply& reply);

  /// Only when done. Nothing: the cursor never was. Errors: `unavailable` (it moves faster than it can be
  /// read), or the store's own. A revision that cannot be read is no error here: its content is one.
  [[nodiscard]] const Result<std::optional<NewestRevision>>& result() const { return *result_; }

 private:
  std::optional<CursorRequest> on_listed(const CursorReply& reply);
  std::optional<CursorRequest> on_content(const CursorReply& reply);

  format::Id log_id_;
  std::vector<std::uint64_t> listed_;
  bool reading_ = false;
  int races_ = 0;
  std::optional<Result<std::optional<NewestRevision>>> result_;
};

/// Makes one revision, if nobody else has made it or a later one.
class MakeRevision {
 public:
  explicit MakeRevision(const format::CursorRevision& wanted) : wanted_(wanted) {}

  CursorRequest start();
  std::optional<CursorRequest> on(const CursorReply& reply);

  /// Only when done. Whether `wanted` became the newest revision: false if its place was taken, or passed.
  [[nodiscard]] const Result<bool>& result() const { return *result_; }

 private:
  enum class Stage : std::uint8_t { create, read_back, look_back };

  std::optional<CursorRequest> on_created(const CursorReply& reply);
  std::optional<CursorRequest> on_read_back(const CursorReply& reply);
  std::optional<CursorRequest> on_look_back(const CursorReply& reply);
  CursorRequest look_back();
  std::optional<CursorRequest> end(Result<bool> result);

  format::CursorRevision wanted_;
  Stage stage_ = Stage::create;
  bool absent_ = false;  // "exists" was said, and nothing was there
  int false_alarms_ = 0;
  std::optional<Result<bool>> result_;
};

/// Changes a cursor from whatever it is: finds the newest revision, asks `decide` what comes next, makes it,
/// and begins anew when somebody else was quicker.
class ChangeCursor {
 public:
  /// The revision that shall follow; nothing: the cursor stays as it is.
  using Decide = std::function<Result<std::optional<format::CursorRevision>>(
      const std::optional<NewestRevision>& newest)>;
  ChangeCursor(const format::Id& log_id, Decide decide)
      : log_id_(log_id), decide_(std::move(decide)), find_(log_id) {}

  CursorRequest start() { return find_.start(); }
  std::optional<CursorRequest> on(const CursorReply& reply);

  struct Changed {
    format::CursorRevision now;  ///< the newest revision; if the cursor never was and stays so, empty
    std::vector<std::uint64_t> obsolete;  ///< revisions that count no more: to be deleted
  };
  /// Only when done. Errors: those of `decide`, of finding and of making; `unavailable`: others are quicker
  /// again and again.
  [[nodiscard]] const Result<Changed>& result() const { return *result_; }

 private:
  std::optional<CursorRequest> on_found();
  std::optional<CursorRequest> on_made();
  std::optional<CursorRequest> end(Result<Changed> result);

  format::Id log_id_;
  Decide decide_;
  FindNewestRevision find_;
  std::optional<NewestRevision> before_;
  std::optional<format::CursorRevision> wanted_;
  std::optional<MakeRevision> make_;
  int races_ = 0;
  std::optional<Result<Changed>> result_;
};

/// The revision that a mover makes: who reads it back knows by `mover_id` whose it is.
struct RevisionDraft {
  format::Id log_id = {};
  format::Id mover_id = {};
  Offset offset = 0;
  std::optional<std::uint64_t> history = {};  ///< the running hash that the offset is bound to
  std::int64_t now_unix_ms = 0;
};
[[nodiscard]] format::CursorRevision revision_of(const RevisionDraft& draft, std::uint64_t revision);

}  // namespace varve::protocol
