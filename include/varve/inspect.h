// varve/inspect.h - looking at a log from outside, without changing it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/result.h"
#include "varve/store.h"

namespace varve {

/// An epoch: what one writer wrote between taking the log over and losing it.
struct EpochInfo {
  std::uint64_t epoch = 0;  ///< the seq of its seal
  Offset first_offset = 0;
  std::string sealed_by;            ///< "host:pid"; empty where the seal is gone
  std::int64_t sealed_unix_ms = 0;  ///< by the sealing writer's clock; 0 where the seal is gone
  bool closed_cleanly = false;      ///< its writer said that it ended
};

/// What an object in the store is to its log.
enum class ObjectRole : std::uint8_t {
  data,        ///< on the chain, with records or without
  seal,        ///< begins an epoch; kept for ever
  unfinished,  ///< behind the tail as it was seen: on its way, or cut off by the next open
  fenced_off,  ///< in the void (the range that a seal fenced off): never acknowledged, ignored
  garbage,     ///< below the start: to be deleted
  in_void [[deprecated("say fenced_off")]] = fenced_off,  // old spelling
  leftover [[deprecated("say garbage")]] = garbage,       // old spelling
};

/// The field's name: "garbage".
[[nodiscard]] std::string_view to_string(ObjectRole role) noexcept;

/// An object in its place.
struct PlacedObject {
  std::uint64_t seq = 0;
  std::uint64_t bytes = 0;
  ObjectRole role = ObjectRole::data;
};

/// What a mirror knows of the log that it copies.
struct MirroredLog {
  std::string source;     ///< its name, for people
  Offset source_end = 0;  ///< its end offset when it was seen last
  std::int64_t source_seen_unix_ms = 0;
  bool keep_trimmed = false;  ///< as `MirrorOptions::keep_trimmed`
};

/// What a log holds. Read from outside while a writer may be at work: true at one moment.
struct LogInfo {
  std::string log_id;  ///< 32 hex digits
  Offset start_offset = 0;
  Offset end_offset = 0;      ///< the next record's offset, as a reader sees it
  Offset durable_offset = 0;  ///< durable as the newest header claims; all when that closed the log
  std::uint64_t epoch = 0;
  std::uint32_t window = 0;
  std::uint64_t objects = 0;            ///< in the chain, seals included, from the lowest live one on
  std::uint64_t bytes = 0;              ///< of these
  std::uint64_t truncated_objects = 0;  ///< the unfinished tail: the next `open` fences it off
  std::uint64_t truncated_bytes = 0;
  std::uint64_t garbage_objects = 0;  ///< below the start: deletions to be finished
  std::uint64_t garbage_bytes = 0;
  std::vector<EpochInfo> epochs;  ///< those with live records, oldest first
  std::uint64_t lowest_live = 0;  ///< the seq of the oldest object that is needed
  std::uint64_t tail = 0;         ///< the seq of the next object
  /// The log is a mirror: it is not opened for writing before it is promoted.
  std::optional<MirroredLog> mirror = {};
  /// A promotion has sealed the log. The log goes on in the place that was its mirror.
  bool demoted = false;
  /// The objects with the highest seqs, in their order: at most 256.
  std::vector<PlacedObject> newest;
  /// Why an open for writing refuses: acknowledged records near the end are lost, or may be. The rest is as
  /// far as sound objects tell.
  std::optional<Error> damage = {};
};

/// Damage that does not keep it from looking is told in `LogInfo::damage`. Errors as `Reader::open`.
Result<LogInfo> inspect(const LogAddress& log);

/// All of it as JSON, in one line; the fields' names are those of `LogInfo`. Bytes that are not UTF-8
/// are replaced.
[[nodiscard]] std::string to_json(const LogInfo& info);

/// How bad a finding is.
enum class Severity : std::uint8_t {
  note,     ///< expected after crashes: garbage, an unfinished tail, a stale checkpoint
  warning,  ///< costs something: a damaged checkpoint, a foreign name under the log
  damage,   ///< data is lost or unreadable
};

[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

struct Finding {
  Severity severity = Severity::note;
  std::string key;   ///< the object
  std::string what;  ///< for people, with offsets where known
};

struct VerifyReport {
  LogInfo info;
  std::uint64_t records_checked = 0;
  std::uint64_t bytes_read = 0;
  std::vector<Finding> findings;  ///< at most 10,000, damage first
  bool findings_cut = false;

  /// No finding is `damage`.
  [[nodiscard]] bool sound() const noexcept;
};

/// Called now and then, from the calling thread, with what is done and what there is to do.
using Progress = std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_total)>;

/// Reads everything: every header, record, checksum, chain link and garbage. Damage is reported, not an
/// error; errors are those that kept it from looking. `unsupported`: a newer program has written what counts,
/// and this one cannot judge it.
Result<VerifyReport> verify(const LogAddress& log, const Progress& progress = {});

/// One object in words, line by line: header, epochs or records' sizes, index, what is wrong.
/// Never fails on damaged bytes: it says what is damaged.
std::string describe_object(std::span<const std::byte> object);

}  // namespace varve
