// varve/store.h - the object store under a log: the interface, and how to name one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "varve/metrics.h"
#include "varve/result.h"

namespace varve {

/// Immutable bytes and whatever keeps them alive. Copies share; the memory stays valid and
/// unchanged for as long as any copy lives.
struct Bytes {
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;
};

/// Part of an object. `length` may reach past the end: what exists is returned.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;
};

/// One name in a listing.
struct ListedObject {
  std::string key;
  std::uint64_t bytes = 0;

  /// When the store stored it, in milliseconds since 1970 by a clock of the store's own: one that is not a
  /// clock of its clients' machines. Unset where there is none, as with local files.
  std::optional<std::int64_t> stored_unix_ms = {};
};

/// One page of names, in ascending byte order of the key.
struct Listing {
  std::vector<ListedObject> objects;
  bool truncated = false;  ///< more may follow after the last key
};

/// What became of a `Store::remove`: keys that still exist, with the reason. Empty: all gone.
struct RemoveFailure {
  std::string key;
  Error error;
};

/// An object store: flat names, whole immutable objects. Bring your own by implementing this; run
/// the conformance suite (testing/conformance.h) on it.
///
/// A log needs from it: read-after-write, list-after-write, and a create-if-absent that is atomic
/// among all clients. Nothing else: no rename, no append, no compare-and-swap.
///
/// A listing need not be one moment, nor go through the names in any order: each name may be reported as of a
/// moment of its own between the call and its answer (as a directory is read, or an index in several parts).
/// A name that exists all the while is in the listing; one that exists at no moment of it is not.
///
/// Thread-safety: every function may be called from any thread at any time. Each call ends with
/// exactly one call of `done`, from any thread, possibly before the function returns; `done` must
/// be quick and must not throw. The store may hold `body` until then and not longer. A store that
/// is destroyed first answers what is still open (`Code::closed`), and joins its threads.
///
/// Keys are 1 to 1024 bytes of UTF-8 without control characters (listings in XML have none),
/// '/'-separated, without empty, "." or ".." parts.
///
/// Errors of writes carry a `WriteOutcome`: `not_written` only when the object is certainly not
/// stored by this call and never will be, `unknown` otherwise. An implementation may retry inside,
/// but must then report `unknown` if any try could have landed (a create-if-absent that may have
/// met its own earlier try answers `already_exists`: the log looks who is there).
class Store {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  /// Creates `key` with `body`, durably, unless it exists: then `Code::already_exists` and nothing
  /// changes. Readers see the whole object or none.
  virtual void put_if_absent(std::string key, Bytes body, Done<void> done) = 0;

  /// Creates or replaces `key`, durably. Readers see the old or the new object, whole.
  virtual void put(std::string key, Bytes body, Done<void> done) = 0;

  /// The bytes of `range` that exist. Empty when the range begins at or past the end.
  /// `Code::not_found` when there is no such object.
  virtual void get(std::string key, ByteRange range, Done<Bytes> done) = 0;

  /// Up to `limit` (at most 1000) objects whose key starts with `prefix` and is greater than
  /// `after`, in order. May return fewer, with `truncated` set, but then at least one. While others create
  /// and delete: see above.
  virtual void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) = 0;

  /// Deletes the keys (at most 1000). A key that does not exist counts as deleted.
  virtual void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) = 0;

  /// Where this is, for messages; never contains a secret: "file:///var/log".
  [[nodiscard]] virtual std::string describe() const = 0;

  /// True if requests cost money or are rationed, as on S3: writers then bound their rate unless
  /// told otherwise (`WriterOptions::puts_per_second`).
  [[nodiscard]] virtual bool requests_are_priced() const { return false; }

  /// How far the store's clock is ahead of this machine's, to within a few seconds, as it last told;
  /// nothing if it has not. A log relies on no clock; signatures do.
  [[nodiscard]] virtual std::optional<std::chrono::seconds> clock_ahead() const { return std::nullopt; }

  /// What it took to answer all calls so far; nothing where a call is a request and no more.
  [[nodiscard]] virtual std::optional<StoreMetrics> metrics() const { return std::nullopt; }
};

/// Opens the store that `uri` names.
///
/// - `file:///dir`: local files. An object is stored when it and its directory are synced. `dir` is
///   made at the first write.
/// - `mem://name`: memory of this process; the same name is the same store while one is open.
///   Parameters make it behave like a remote one, for trials and measurements:
///   `put=100ms,195ms,274ms` and `get=...` (p50, p99, p999 of the latency; LIST and DELETE take
///   those of `get`), `stall=0.5%,2s` (how often a request takes that much longer),
///   `bandwidth=1GiB` (bytes per second, shared by all requests), `seed=N`.
///
/// Errors: `invalid_argument` (unknown scheme or parameter, relative path), `denied`,
/// `unavailable`.
Result<std::shared_ptr<Store>> open_store(std::string_view uri);

/// A log's place: a store, and the log's path in it (its objects are `path + "/wal/..."`).
struct LogAddress {
  std::shared_ptr<Store> store;
  std::string path;
};

/// Splits `file:///dir/name?parameters` into the store `file:///dir?parameters` and the log path
/// `name`, and opens the store. For `mem://name/path` everything after the name is the path.
/// Nothing is read or created in the store. Errors: as `open_store`, and `invalid_argument` for an
/// empty name.
Result<LogAddress> resolve(std::string_view uri);

}  // namespace varve
