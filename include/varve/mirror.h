// varve/mirror.h - a log copied to another place, object by object, and what becomes of the copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "varve/metrics.h"
#include "varve/result.h"
#include "varve/store.h"

namespace varve {

struct MirrorOptions {
  /// False: what the source has trimmed away is deleted here, too. True: it stays, and readers of the mirror
  /// begin where the mirror did. Fixed when a mirror begins.
  bool keep_trimmed = false;

  /// A log of its own lies at the destination: go on there if all of it is the beginning of the source, as of
  /// a source that a promotion had sealed. Whoever writes it is fenced by what is copied. Not needed to go on
  /// with what is a mirror already.
  bool attach = false;

  /// Bytes of objects that are held at most, fetched ahead (a quarter) or on their way, however far behind
  /// the mirror is (one object beyond it, and two always, may be). At least 1 MiB.
  std::size_t bytes_max = std::size_t{256} << 20;

  /// How many GETs at the source are in flight at most. 1 to 256. PUTs: as many as the log's window.
  std::uint32_t fetch_objects = 64;

  /// While following: how long after finding nothing new the source is asked again, as in `ReaderOptions`.
  std::uint32_t poll_ms = 100;
  std::uint32_t poll_max_ms = 1000;

  /// A checkpoint is written at the destination every so many objects, and when all is copied. At least 1.
  std::uint32_t checkpoint_every_objects = 128;

  /// How long one request to either store is tried again after errors that may pass. A full destination, or
  /// one that refuses, counts as such. 0: for ever.
  std::uint32_t give_up_ms = 0;
};

/// How far a mirror is. A consistent-enough snapshot for people and dashboards.
struct MirrorStatus {
  Offset copied_offset = 0;  ///< every record of the source below is at the destination
  Offset source_end = 0;     ///< the source's end when it was looked at last
  std::int64_t source_seen_unix_ms = 0;

  std::uint64_t records_behind = 0;
  std::uint64_t bytes_behind = 0;  ///< estimated: as many as the records copied so far would have
  std::uint64_t seconds_behind =
      0;  ///< since the last object copied was made, by its writer's clock; 0 at the end

  std::uint64_t records = 0;  ///< copied since it was opened
  std::uint64_t objects = 0;
  std::uint64_t object_bytes = 0;
  std::uint64_t swept_objects = 0;
  std::uint64_t held_bytes = 0;  ///< on their way to the destination
  std::uint64_t retries = 0;
  std::optional<Error> waiting_for = {};  ///< the newest error of either store, while it is tried again
};

/// All of it as JSON, in one line; the fields' names are those of `MirrorStatus`. `waiting_for` is null, or
/// has `code` and `message`. Bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string to_json(const MirrorStatus& status);

/// Copies a log's chain, in order, byte for byte, with create-if-absent, every checksum verified on the way;
/// so the destination is a valid log always, a prefix of the source: it can be read like any other, but is
/// not opened for writing before it is promoted. Goes on after any crash from what the destination holds. Two
/// at once are harmless. The source is only read, and never waits.
///
/// Thread-safety: `catch_up` and `follow` on one thread at a time; `stop` and `status` from any.
class Mirror {
 public:
  /// Looks at both. Errors: `not_found` (there is no source), `foreign` (the destination has another log, or
  /// something that the source has not: the message says where they differ), `out_of_range` (the source has
  /// been trimmed past what was copied), `fenced` (the destination is a log of its own, see `attach`),
  /// `invalid_argument`, and what keeps one from reading either.
  static Result<std::unique_ptr<Mirror>> open(LogAddress source, LogAddress destination,
                                              const MirrorOptions& options = {});
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  /// Copies what the source holds now. Returns when that is stored at the destination, or after `stop`.
  /// Errors: as `open`; `corruption`: the object it names is damaged or missing at the source, and nothing
  /// of it was copied.
  Result<void> catch_up();

  /// Copies what the source holds and will hold, until `stop`. Errors: as `catch_up`.
  Result<void> follow();

  /// Ends `catch_up` or `follow`, now or as soon as it is called, with what has been fetched.
  void stop() noexcept;

  [[nodiscard]] MirrorStatus status() const;

 private:
  class Impl;
  explicit Mirror(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct PromoteOptions {
  /// The log that the destination mirrors, where it can be reached: it is sealed first, so that nothing can
  /// be acknowledged there any more, and what is left of it is copied.
  std::optional<LogAddress> source = {};

  /// Without it: your word that what the source holds from this offset on is given up. Must be what
  /// `Promotion::end_offset` says. With a source that was demoted for another mirror: your word that the log
  /// does not go on in that one. Must be the source's end.
  std::optional<Offset> accept_loss_after = {};

  /// Where a place of the mirror is empty though the mirror goes on behind it, and the source can't be
  /// reached to copy it again: your word that the mirror is promoted with that loss. Must be the offset that
  /// the refusal names.
  std::optional<Offset> accept_missing_at = {};

  /// How long either store is tried. 0: for ever.
  std::uint32_t timeout_ms = 60'000;
};

/// What is known of a mirror that is, or would be, promoted.
struct Promotion {
  std::string source;     ///< its name, as the mirror knew it
  Offset end_offset = 0;  ///< where the mirror ends, and writing goes on
  Offset source_end = 0;  ///< the source's end when it was seen last
  std::int64_t source_seen_unix_ms = 0;
  bool demoted = false;        ///< no mirror, but a log that goes on elsewhere
  bool source_sealed = false;  ///< and all of it copied: nothing is lost
  bool done = false;
};

/// What `promote` would do without the source, and what might be lost. Changes nothing.
/// Errors: `invalid_argument` (neither a mirror nor demoted), and those of an inspection.
Result<Promotion> plan_promotion(const LogAddress& mirror, const PromoteOptions& options = {});

/// Makes a mirror a log of its own. Cut off anywhere, it can be called again. Errors: `out_of_range`: without
/// the source, unless `accept_loss_after` is the mirror's end, or with one that was demoted for another
/// mirror, unless it is the source's; nothing was done, and the message says what may be lost. Otherwise
/// those of `Mirror` and `Writer::open`.
Result<Promotion> promote(const LogAddress& mirror, const PromoteOptions& options = {});

}  // namespace varve
