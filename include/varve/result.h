// varve/result.h - the words shared by every header: offsets, and what can go wrong.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>

namespace varve {

/// A record's place in its log: dense, counted from 0, never reused.
using Offset = std::uint64_t;

/// The records `[begin, end)`. Empty when `begin == end`.
struct OffsetRange {
  Offset begin = 0;
  Offset end = 0;

  friend bool operator==(const OffsetRange&, const OffsetRange&) = default;
};

/// What went wrong, for programs. The message says it for people.
enum class Code : std::uint8_t {
  invalid_argument,  ///< the call can never succeed as made: mend the argument
  out_of_range,      ///< an offset outside the log; `Error::valid_range` has the bounds
  not_found,         ///< no such log or object
  already_exists,    ///< a create-if-absent found the name taken
  over_capacity,     ///< the writer holds as many bytes as it may: wait or shed load
  fenced,            ///< another writer owns the log now
  corruption,        ///< stored data is damaged, or acknowledged data is missing
  foreign,           ///< an object that Varve did not write, or another log's
  unsupported,       ///< a newer format, or a feature this store lacks
  denied,            ///< the store refused: credentials, permissions, or there is no such bucket
  no_space,          ///< the store is full
  no_memory,         ///< the system has no memory left for this call, or no thread
  unavailable,       ///< the store cannot be reached or does not answer properly
  timed_out,         ///< the given time was over first
  closed,            ///< the object the call was made on is closed
  internal,          ///< a defect in Varve; please report it
};

/// How many there are.
inline constexpr std::size_t code_count = static_cast<std::size_t>(Code::internal) + 1;

/// The field's name in lower case, as in logs and `--json`: "over_capacity".
[[nodiscard]] std::string_view to_string(Code code) noexcept;

/// What a failed write means for the data (design: "a failure has one of three meanings").
enum class WriteOutcome : std::uint8_t {
  not_written,  ///< certainly not in the log and never will be: safe to append again
  unknown,      ///< may or may not be in the log; read after the next open to find out
  fenced,       ///< another writer owns the log; this record is not in it
};

/// The word as in logs and `--json`: "not_written".
[[nodiscard]] std::string_view to_string(WriteOutcome outcome) noexcept;

/// One failure: a code, a message that says what happened, where, and what to do next, and for
/// writes what became of the data. Cheap to copy (one shared pointer), immutable, thread-safe.
class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message);
  // A move copies: what was moved from still says what it said.
  Error(const Error&) noexcept = default;
  Error& operator=(const Error&) noexcept = default;
  Error(Error&& other) noexcept
      : Error(static_cast<const Error&>(other)) {}  // NOLINT(*-move-constructor-init)
  Error& operator=(Error&& other) noexcept { return *this = static_cast<const Error&>(other); }
  ~Error() = default;

  /// The same failure with the meaning it has for a write.
  [[nodiscard]] Error with_outcome(WriteOutcome outcome) const;
  /// The same failure with the offsets that would have been valid.
  [[nodiscard]] Error with_valid_range(OffsetRange range) const;
  /// The same failure with `prefix + ": "` before its message: where it happened.
  [[nodiscard]] Error with_context(std::string_view prefix) const;

  [[nodiscard]] Code code() const noexcept;
  [[nodiscard]] const std::string& message() const noexcept;

  /// Set on every failed append and every failed `Store::put*`; `not_written` elsewhere.
  [[nodiscard]] WriteOutcome outcome() const noexcept;

  /// The offsets that exist; only with `Code::out_of_range`.
  [[nodiscard]] const std::optional<OffsetRange>& valid_range() const noexcept;

 private:
  struct Details;
  explicit Error(std::shared_ptr<const Details> details) noexcept;
  std::shared_ptr<const Details> details_;
};

/// A value or an `Error`. The compiler warns when one is dropped unread. Functions that return one throw
/// nothing.
///
/// When memory is exhausted they fail with `no_memory`, as any of them may; a writer or reader can still
/// be used. What has no `Result` to say so in (`append_future`, `describe_object`, making an `Error`)
/// throws `std::bad_alloc`. Where a writer's or a store's own thread needs memory and gets none, the
/// process ends (`std::abort`) with a message on standard error, as it would in a crash: what was
/// acknowledged is stored. The memory that records are collected in is no part of this: without it,
/// `append` says `over_capacity`.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  // NOLINTNEXTLINE(google-explicit-constructor): a function that failed says `return error`
  Result(Error error) : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}

  // tl::expected copies what it holds in functions that are `noexcept`: where memory is exhausted, that
  // would end the process.
  Result(const Result& other) requires(std::is_void_v<T> || std::copy_constructible<T>)
      : tl::expected<T, Error>(copy_of(other)) {}
  Result& operator=(const Result& other) requires(std::is_void_v<T> || std::copy_constructible<T>) {
    return *this = Result(other);
  }
  Result(Result&&) noexcept = default;
  Result& operator=(Result&&) noexcept = default;
  ~Result() = default;

  /// Throws `tl::bad_expected_access` where there is an error, also when there is nothing else to return.
  using tl::expected<T, Error>::value;
  void value() const requires(std::is_void_v<T>) {
    if (!this->has_value()) throw tl::bad_expected_access<Error>(this->error());
  }

 private:
  static tl::expected<T, Error> copy_of(const Result& other) {
    if (!other) return tl::expected<T, Error>(tl::unexpect, other.error());
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return tl::expected<T, Error>(tl::in_place, *other);
    }
  }
};

}  // namespace varve
