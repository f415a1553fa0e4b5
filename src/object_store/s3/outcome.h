// What an answer means: done, certainly not done, or nobody knows, and what to do about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "object_store/s3/http.h"
#include "object_store/s3/settings.h"
#include "varve/result.h"

namespace varve::object_store::s3 {

enum class Next : std::uint8_t {
  done,         ///< carried out
  more,         ///< so far so good; ask again at once for the rest
  retry,        ///< may work later
  throttled,    ///< may work later, if we ask less often
  credentials,  ///< may work with fresh credentials
  clock,        ///< may work if signed by the store's clock
  give_up,      ///< will not work
};

struct Verdict {
  Next next = Next::done;
  /// Whether this attempt, though it failed, may have been carried out or still may be.
  bool may_have_landed = false;
  std::optional<Error> error = {};  ///< unless `done` or `more`
  std::optional<std::uint32_t> retry_after_s = {};
  std::optional<std::int64_t> clock_ahead_s = {};  ///< the store's, of ours; set with `clock`
};

/// Judges answers on behalf of one store; its messages name the fix.
class Judge {
 public:
  explicit Judge(const Settings& settings) : settings_(settings) {}

  /// `what`: the request in words, "PUT 'log/wal/1'". `if_absent`: 412 means `already_exists`.
  [[nodiscard]] Verdict put(const HttpAnswer& answer, std::string_view what, bool if_absent,
                            std::int64_t now_unix_s) const;
  /// A missing key is `not_found`.
  [[nodiscard]] Verdict read(const HttpAnswer& answer, std::string_view what, std::int64_t now_unix_s) const;
  /// A missing key is fine.
  [[nodiscard]] Verdict remove(const HttpAnswer& answer, std::string_view what,
                               std::int64_t now_unix_s) const;
  /// One key's error in a multi-delete.
  [[nodiscard]] Verdict key_error(std::string_view code, std::string_view message,
                                  std::string_view what) const;
  /// An answer that should have been fine but makes no sense.
  [[nodiscard]] Verdict nonsense(std::string_view what, std::string_view why) const;

 private:
  struct Refusal;
  [[nodiscard]] Verdict failure(const HttpAnswer& answer, std::string_view what) const;
  [[nodiscard]] Verdict refusal(const HttpAnswer& answer, std::string_view what,
                                std::int64_t now_unix_s) const;
  [[nodiscard]] Verdict by_code(const Refusal& refusal, std::string_view what) const;
  [[nodiscard]] Verdict by_status(const Refusal& refusal, std::string_view what) const;
  [[nodiscard]] Error error(Code code, std::string_view what, std::string_view happened,
                            std::string_view fix) const;

  Settings settings_;
};

}  // namespace varve::object_store::s3
