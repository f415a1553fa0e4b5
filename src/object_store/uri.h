// Taking a store's URI apart: `scheme://authority/path?name=value&name=value`.
//
// Strict on purpose: a misspelt parameter that is ignored in silence costs somebody a night.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "varve/result.h"

namespace varve::object_store {

/// A URI in parts, percent-decoded. A '%' starts an escape, but for one before a ',' or the end of a
/// parameter's value ("0.5%,2s"); '+' is itself.
struct Uri {
  std::string scheme;     ///< lower case: "s3"
  std::string authority;  ///< bucket or name; may be empty
  std::string path;       ///< empty, or begins with '/' (kept); no empty, "." or ".." parts
  std::map<std::string, std::string> params;  ///< each once, never without a value

  /// The value of a parameter; nullptr if it was not given.
  [[nodiscard]] const std::string* param(const std::string& name) const;
};

/// Errors: `invalid_argument`, with what is wrong and how it would be right. Messages never repeat
/// a parameter's value: it may be a secret.
Result<Uri> parse_uri(std::string_view text);

/// `invalid_argument` naming the first parameter of `uri` that is not in `known`, and those that are.
Result<void> expect_params(const Uri& uri, std::initializer_list<std::string_view> known);

/// "100ms", "2s", "50us": a whole number or decimal fraction, and a unit. At most a day.
Result<std::chrono::microseconds> parse_duration(std::string_view text);

/// "4096", "8MiB", "1GiB", "500MB": bytes; KiB, MiB, GiB, TiB are powers of 1024, KB to TB of 1000.
Result<std::uint64_t> parse_bytes(std::string_view text);

/// "0.5%" is 0.005. From 0% to 100%.
Result<double> parse_percentage(std::string_view text);

/// A whole number.
Result<std::uint64_t> parse_count(std::string_view text);

}  // namespace varve::object_store
