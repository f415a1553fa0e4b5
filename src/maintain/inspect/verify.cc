#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "base/no_memory.h"
#include "consume/history.h"
#include "consume/revision_store.h"
#include "format/checkpoint.h"
#include "format/families.h"
#include "format/key.h"
#include "format/object_check.h"
#include "log/epoch_map.h"
#include "log/front_door.h"
#include "log/read_position.h"
#include "maintain/inspect/findings.h"
#include "maintain/inspect/object_stream.h"
#include "maintain/inspect/recovered_bounds.h"
#include "maintain/inspect/wait_limit.h"
#include "object_store/blocking.h"
#include "protocol/position.h"
#include "varve/inspect.h"

namespace varve {
namespace maintain {
namespace {

using format::EpochEntry;
using format::Header;
using format::Kind;
using protocol::ListedSeq;
using protocol::Position;
using protocol::Request;

// What can matter of a log's end lies within two windows of its newest object.
constexpr std::size_t newest_kept = 2 * std::size_t{format::max_window};

std::string offsets_text(Offset begin, std::optional<Offset> end) {
  if (!end) return fmt::format("offsets from {} on", begin);
  if (*end <= begin) return "no records, as far as the objects around it tell";
  return fmt::format("offsets {} up to, but not including, {}", begin, *end);
}

// Nothing can be said of it: whether it is sound, only a newer program knows.
bool is_newer(const Result<Header>& header) { return !header && header.error().code() == Code::unsupported; }

class Verification {
 public:
  Verification(log::LogStore log_store, const Progress& progress)
      : log_store_(std::move(log_store)), progress_(progress) {}

  Result<VerifyReport> run();

 private:
  // A stretch of the chain that cannot be followed, until something sound is found behind it.
  struct Gap {
    Seq first = 0;
    Offset offset = 0;
    std::string why;  // beginning with what it is about
  };

  Result<void> measure();
  Result<void> look_for_strangers();
  void report_stranger(const std::string& key);
  Result<void> refresh();
  Result<void> walk();
  Result<void> visit(const ListedSeq& listed, const Result<Bytes>& object);
  void below_start(Seq seq, const Result<Bytes>& object);
  Result<bool> cross_hole();
  Result<void> resume(Seq seq, const Bytes& object);
  Result<void> take(Seq seq, const Bytes& object);
  void check_body(const Header& header, const Bytes& object);
  void check_history(const Header& header, const format::SealBody& seal);
  void behind_tail(Seq seq, const Bytes& object);
  Result<void> end_of_walk();
  Result<void> close_gap(std::optional<Offset> end, Seq next);
  Result<void> check_checkpoint();
  Result<void> check_cursors();

  void find(Severity severity, Seq seq, std::string what);
  void report_progress(std::uint64_t bytes);

  const log::LogStore log_store_;
  const Progress& progress_;
  VerifyReport report_;
  Findings findings_;
  bool damaged_ = false;
  std::set<std::string> strangers_;  // reported; a folder stands for what is in it

  std::uint64_t bytes_total_ = 0;
  std::uint64_t bytes_done_ = 0;
  std::vector<ListedSeq> newest_;
  RecoveredBounds marks_;

  std::optional<Position> at_;  // the next place; unset before the first live object, and in a gap
  std::optional<Gap> gap_;
  bool beyond_tail_ = false;
  std::deque<EpochEntry> seals_;  // walked over; the newest `format::max_epochs`
};

void Verification::find(Severity severity, Seq seq, std::string what) {
  if (severity == Severity::damage) damaged_ = true;
  findings_.add(severity, log_store_.key_of(seq), std::move(what));
}

void Verification::report_progress(std::uint64_t bytes) {
  bytes_done_ += bytes;
  if (progress_) progress_(std::min(bytes_done_, bytes_total_), bytes_total_);
}

// First every name: what there is to do, and what does not belong there.
Result<void> Verification::measure() {
  Seq next = 0;
  for (bool more = true; more;) {
    std::optional<Error> error;
    const auto on = [&](const protocol::Reply& page) {
      error = page.error;
      for (const std::string& key : page.strangers) report_stranger(key);
      for (const ListedSeq& object : page.listed) {
        bytes_total_ += object.bytes;
        newest_.push_back(object);
      }
      if (newest_.size() > newest_kept) {
        newest_.erase(newest_.begin(), newest_.end() - static_cast<std::ptrdiff_t>(newest_kept));
      }
      more = page.truncated && !page.listed.empty();
      if (more) next = page.listed.back().seq + 1;
      return protocol::Requests();
    };
    const Result<void> driven =
        log_store_.drive({Request::make(Request::Kind::list, next, protocol::page_limit)}, on,
                         log::LogStore::after(step_give_up_ms));
    if (!driven) return driven;
    if (error) return *error;
  }
  if (newest_.empty()) {
    if (const Result<void> left = refresh(); !left) return left;  // not one object, but a checkpoint?
    return Error(Code::not_found,
                 fmt::format("there is no log at {}; check the name", read::name_of(log_store_.address())));
  }
  return look_for_strangers();
}

// A log, or whatever else lies in a folder of its own, is one finding.
void Verification::report_stranger(const std::string& key) {
  const std::string wal = format::wal_prefix(log_store_.address().path);
  const std::size_t from = key.starts_with(wal) ? wal.size() : log_store_.address().path.size() + 1;
  const std::size_t folder = key.find('/', from);
  const std::string name = folder == std::string::npos ? key : key.substr(0, folder + 1);
  if (!strangers_.insert(name).second) return;
  findings_.add(Severity::warning, name, "no log writes such a name here: it is passed over; move it away");
}

// Beside the families that a log has: one page before its objects and one behind is enough to say so.
Result<void> Verification::look_for_strangers() {
  const std::string& log = log_store_.address().path;
  const std::string wal = format::wal_prefix(log);
  const std::string behind_wal = wal.substr(0, wal.size() - 1) + '0';  // the byte after '/'
  for (const std::string& after : {std::string(), behind_wal}) {
    const auto page = object_store::list_now(log_store_.store(), log + "/", after);
    if (!page) return page.error();
    for (const ListedObject& object : page->objects) {
      if (object.key.starts_with(wal)) break;
      if (after.empty() == (object.key > wal)) continue;
      if (!format::family_of(log, object.key)) report_stranger(object.key);
    }
  }
  return {};
}

Result<void> Verification::refresh() {
  Result<RecoveredBounds> marks = find_landmarks(log_store_);
  if (!marks) return marks.error();
  marks_ = *std::move(marks);
  return {};
}

Result<void> Verification::walk() {
  ObjectStream stream(log_store_, newest_.back().seq, marks_.lowest_live);
  while (true) {
    Result<std::optional<ObjectStream::Item>> item = stream.next();
    if (!item) return item.error();
    if (!*item) return end_of_walk();
    const ListedSeq& listed = (*item)->listed;
    const Result<void> visited = visit(listed, (*item)->object);
    if (!visited) return visited;
    if ((*item)->object) report_.bytes_read += (*item)->object->data.size();
    report_progress(listed.bytes);
  }
}

Result<void> Verification::visit(const ListedSeq& listed, const Result<Bytes>& object) {
  const Seq seq = listed.seq;
  if (seq < marks_.lowest_live) {
    below_start(seq, object);
    return {};
  }
  if (!object) return {};  // gone: if it should be there, then the next one shows the hole
  while (at_ && seq > at_->seq) {
    const Result<bool> crossed = cross_hole();
    if (!crossed) return crossed.error();
    if (!*crossed) break;
  }
  if (seq < marks_.lowest_live) return {};  // trimmed meanwhile
  if (beyond_tail_) {
    behind_tail(seq, *object);
    return {};
  }
  if (at_ && seq < at_->seq) {
    find(Severity::note, seq, "lies behind a seal, where nothing counts; a later trim deletes it");
    return {};
  }
  if (!at_) {
    // At the start only that the lowest live object was stored is certain, not what is in it.
    if (!gap_ && seq != marks_.lowest_live) {
      gap_ = Gap{.first = marks_.lowest_live, .offset = marks_.start_offset, .why = "is missing"};
    }
    const Result<void> resumed = resume(seq, *object);
    if (!resumed || !at_) return resumed;
  }
  return take(seq, *object);
}

void Verification::below_start(Seq seq, const Result<Bytes>& object) {
  if (!object) return;
  const Result<Header> header = format::decode_header(object->data);
  if (!header) {
    find(Severity::note, seq, "garbage below the log's start, and not readable: " + header.error().message());
  } else if (header->kind == Kind::data) {
    find(Severity::note, seq,
         fmt::format("garbage: {} of a log that begins at {}; the next trim deletes it",
                     offsets_text(header->first_offset, header->end_offset()), marks_.start_offset));
  } else if (const ObjectCheck check = check_object(object->data, *header); !check.damage.empty()) {
    find(Severity::warning, seq, "a seal below the log's start: " + check.damage.front());
  }
}

// Nothing was listed at `at_`, but something behind it. True: it is there now, and the walk at the next.
Result<bool> Verification::cross_hole() {
  const Seq hole = at_->seq;
  const Result<Bytes> late = fetch(log_store_, hole);
  if (late) {
    const Result<void> taken = take(hole, *late);
    if (!taken) return taken.error();
    return at_.has_value();
  }
  if (late.error().code() != Code::not_found) return late.error();
  const Result<void> refreshed = refresh();
  if (!refreshed) return refreshed.error();
  if (hole < marks_.lowest_live) {
    at_.reset();  // trimmed meanwhile: go on where the log begins now
    return false;
  }
  if (hole >= marks_.stored_below) {
    beyond_tail_ = true;
    at_.reset();
    return false;
  }
  gap_ = Gap{.first = hole, .offset = at_->offset, .why = "is missing"};
  at_.reset();
  return false;
}

// After a gap, or at the start: goes on at `seq` if that can be on the chain.
Result<void> Verification::resume(Seq seq, const Bytes& object) {
  const Result<Header> header = format::decode_header(object.data);
  if (is_newer(header)) return header.error().with_context(log_store_.key_of(seq));
  if (!header || header->seq != seq || header->log_id != marks_.log_id) {
    const Result<void> refreshed = refresh();
    if (!refreshed || seq < marks_.lowest_live) return refreshed;
    if (!gap_) gap_ = Gap{.first = seq, .offset = marks_.start_offset, .why = "is damaged"};
    find(Severity::damage, seq,
         header ? "another object's copy, or another log's, lies in this place" : header.error().message());
    return {};
  }
  const bool in_void = EpochMap(marks_.history, marks_.window).slot(seq) == Slot::in_void;
  if (header->has(format::flag::ahead) || in_void) return {};  // tells nothing of where the chain goes on
  const Result<void> closed = close_gap(header->first_offset, seq);
  at_ = protocol::position_of(*header);
  return closed;
}

// The gap ends before `next`. What of it has been trimmed away meanwhile was none.
Result<void> Verification::close_gap(std::optional<Offset> end, Seq next) {
  if (!gap_) return {};
  Gap gap = *std::exchange(gap_, std::nullopt);
  const Result<void> refreshed = refresh();
  if (!refreshed) return refreshed;
  if (gap.first < marks_.lowest_live) {
    gap.first = marks_.lowest_live;
    gap.offset = std::max(gap.offset, marks_.start_offset);
    if (gap.first >= next) return {};
  }
  std::string range = fmt::format("object {}", gap.first);
  if (next > gap.first + 1) range = fmt::format("what lies between object {} and object {}", gap.first, next);
  find(Severity::damage, gap.first,
       fmt::format("{} {}: lost are {}; restore it from a copy", range, gap.why,
                   offsets_text(gap.offset, end)));
  return {};
}

// `object` lies at `at_`.
Result<void> Verification::take(Seq seq, const Bytes& object) {
  const Result<Header> header = format::decode_header(object.data);
  Result<Position> next = header ? step(*at_, *header) : Result<Position>(header.error());
  if (!next) {
    // Could it be that this place has been trimmed away, and something was put there late?
    const Result<void> refreshed = refresh();
    if (!refreshed) return refreshed;
    if (seq < marks_.lowest_live) {
      at_.reset();
      return {};
    }
    if (is_newer(header)) return header.error().with_context(log_store_.key_of(seq));
    find(Severity::damage, seq, fmt::format("offset {}: {}", at_->offset, next.error().message()));
    const bool ours = header && header->seq == seq && header->log_id == marks_.log_id;
    if (ours && !header->has(format::flag::ahead)) next = step(protocol::position_of(*header), *header);
    if (!next) {
      gap_ = Gap{.first = seq, .offset = at_->offset, .why = "cannot be followed"};
      at_.reset();
      return {};
    }
  }
  if (header->kind == Kind::seal) {
    seals_.push_back({.seal = seq, .first_offset = at_->offset, .flags = header->flags});
    if (seals_.size() > format::max_epochs) seals_.pop_front();
  }
  check_body(*header, object);
  at_ = *next;
  return {};
}

void Verification::check_body(const Header& header, const Bytes& object) {
  const ObjectCheck check = check_object(object.data, header);
  report_.records_checked += check.records;
  for (const std::string& damage : check.damage) find(Severity::damage, header.seq, damage);
  if (check.seal && !header.has(format::flag::ahead)) check_history(header, *check.seal);
}

// What a seal says of the epochs before it must be what was walked over. (`seals_` ends with itself.)
void Verification::check_history(const Header& header, const format::SealBody& seal) {
  auto said = seal.history.rbegin();
  for (auto walked = seals_.rbegin() + 1; walked != seals_.rend() && said != seal.history.rend();
       ++walked, ++said) {
    if (*walked == *said) continue;
    find(
        Severity::damage, header.seq,
        fmt::format("seal {} lists seal {} (offset {}) where seal {} (offset {}) is: offsets cannot be found "
                    "by it",
                    header.seq, said->seal, said->first_offset, walked->seal, walked->first_offset));
    return;
  }
}

void Verification::behind_tail(Seq seq, const Bytes& object) {
  const Result<Header> header = format::decode_header(object.data);
  if (!header) {
    find(Severity::note, seq, "lies behind the log's end, and is not readable: " + header.error().message());
  } else if (header->kind == Kind::seal) {
    find(Severity::note, seq, "a seal placed ahead of the log's end by an opener");
  } else {
    find(
        Severity::note, seq,
        fmt::format("an unfinished tail, never acknowledged: it would have had {}; the next open cuts it off",
                    offsets_text(header->first_offset, header->end_offset())));
  }
}

Result<void> Verification::end_of_walk() {
  if (at_ && at_->seq < marks_.stored_below) {
    const Result<void> refreshed = refresh();
    if (!refreshed) return refreshed;
    const Seq seq = at_->seq;
    // What was stored after we listed is for another time.
    const bool was_listed_over = seq <= newest_.back().seq;
    if (seq >= marks_.lowest_live && seq < marks_.stored_below && was_listed_over) {
      gap_ = Gap{.first = seq, .offset = at_->offset, .why = "is missing"};
    }
  }
  return close_gap(std::nullopt, gap_ ? gap_->first + 1 : 0);
}

Result<void> Verification::check_cursors() {
  const consume::RevisionStore store(log_store_.address(), marks_.log_id);
  const auto deadline = log::LogStore::after(step_give_up_ms);
  const auto listed = store.list_all(deadline);
  if (!listed) return listed.error();
  std::vector<std::pair<std::string, protocol::NewestRevision>> cursors;
  for (const auto& [name, revisions] : *listed) {
    const auto newest = store.newest(name, revisions, deadline);
    if (!newest) return newest.error();
    if (*newest) cursors.emplace_back(name, **newest);
  }
  // After the cursors, which may move to the log's end meanwhile. A log that cannot be surveyed is damaged
  // itself, and says nothing of its cursors.
  const auto view =
      read::read_log_state(log_store_, {.deadline = deadline, .stop = {}}, read::OnDamage::tell);
  for (const auto& [name, newest] : cursors) {
    const auto wrong = consume::problem_with(log_store_, name, newest, view ? &*view : nullptr, deadline);
    if (!wrong) return wrong.error();
    if (!*wrong) continue;
    findings_.add(Severity::warning, format::cursor_key(log_store_.address().path, name, newest.revision),
                  (*wrong)->message());
  }
  return {};
}

// A hint only: whatever is wrong with it costs time, not data.
Result<void> Verification::check_checkpoint() {
  const std::string key = format::checkpoint_key(log_store_.address().path);
  const Result<Bytes> bytes = object_store::get_now(log_store_.store(), key);
  if (!bytes) {
    if (bytes.error().code() == Code::not_found) return {};
    return bytes.error();
  }
  const auto complain = [&](Severity severity, std::string what) {
    findings_.add(severity, key, std::move(what) + "; openings are slow until a writer replaces it");
  };
  const Result<format::Checkpoint> checkpoint = format::decode_checkpoint(bytes->data);
  if (!checkpoint && checkpoint.error().code() == Code::unsupported)
    return checkpoint.error().with_context(key);
  if (!checkpoint) {
    complain(Severity::warning, checkpoint.error().message());
    return {};
  }
  if (checkpoint->log_id != marks_.log_id) {
    complain(Severity::warning, fmt::format("belongs to another log ({})", to_hex(checkpoint->log_id)));
  } else if (checkpoint->window != marks_.window) {
    complain(Severity::warning,
             fmt::format("gives a window of {}, the log has {}", checkpoint->window, marks_.window));
  } else if (checkpoint->anchor < marks_.lowest_live) {
    complain(Severity::note, fmt::format("is stale: it names object {}, and the log begins at {} now",
                                         checkpoint->anchor, marks_.lowest_live));
  } else if (marks_.lost_end) {
    findings_.add(Severity::damage, key, marks_.lost_end->message());
  } else if (checkpoint->anchor > newest_.back().seq && checkpoint->anchor >= marks_.stored_below) {
    complain(Severity::warning, fmt::format("names object {}, which is not in the log", checkpoint->anchor));
  } else if (!seals_.empty()) {
    const auto agrees = [&](const EpochEntry& entry) {
      return entry.seal < seals_.front().seal || entry.seal > seals_.back().seal ||
             std::ranges::find(seals_, entry) != seals_.end();
    };
    if (!std::ranges::all_of(checkpoint->history, agrees)) {
      complain(Severity::warning, "lists epochs that the log does not have");
    }
  }
  return {};
}

Result<VerifyReport> Verification::run() {
  Result<void> done = measure();
  if (done) done = refresh();
  if (done) {
    Result<LogInfo> info = inspect(log_store_.address());
    if (info) {
      report_.info = *std::move(info);
    } else {
      report_.info.log_id = to_hex(marks_.log_id);
      report_.info.window = marks_.window;
      report_.info.start_offset = marks_.start_offset;
    }
    done = walk();
  }
  if (done) done = check_checkpoint();
  if (done) done = check_cursors();
  if (!done) {
    const Error& error = done.error();
    return error.code() == Code::timed_out ? Error(Code::unavailable, error.message()) : error;
  }
  // An open refuses the log for a reason that the walk did not see.
  if (marks_.survey_error && !damaged_) {
    findings_.add(Severity::damage, log_store_.address().path, marks_.survey_error->message());
  }
  report_.findings_cut = findings_.cut();
  report_.findings = findings_.take();
  return std::move(report_);
}

}  // namespace
}  // namespace maintain

std::string_view to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::damage:
      return "damage";
  }
  return "unknown_severity";
}

bool VerifyReport::sound() const noexcept {
  return std::ranges::none_of(findings,
                              [](const Finding& finding) { return finding.severity == Severity::damage; });
}

Result<VerifyReport> verify(const LogAddress& log, const Progress& progress) {
  return log::with_store(log, [&] { return maintain::Verification(log::LogStore(log), progress).run(); });
}

}  // namespace varve
