// Who signs: keys that must never reach a log line, an error text or a core dump's strings.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace varve::object_store::s3 {

/// A string that is wiped when it goes and that no formatter or stream prints.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : text_(text) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { other.wipe(); }
  Secret& operator=(Secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~Secret() { wipe(); }

  /// For signing only.
  [[nodiscard]] std::string_view reveal() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

 private:
  void wipe() noexcept;
  std::string text_;
};

/// Keys as AWS hands them out.
struct Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token = {};  ///< empty for long-lived keys
  std::optional<std::chrono::system_clock::time_point> expires = {};
  std::string source;  ///< where they are from, for messages: "environment"
};

}  // namespace varve::object_store::s3
