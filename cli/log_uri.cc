#include "cli/log_uri.h"

#include <fmt/format.h>

#include <filesystem>

namespace varve::cli {
namespace {

/// `text` without "scheme://" was meant as a path: the URI for it.
std::string uri_of_path(const std::string& text) {
  std::error_code unknown;
  const auto absolute = std::filesystem::absolute(text, unknown).lexically_normal();
  return fmt::format("file://{}", unknown ? "/dir/" + text : absolute.string());
}

}  // namespace

Result<LogAddress> resolve_log(const std::string& text) {
  if (text.empty()) {
    return Error(Code::invalid_argument, "LOG is empty; name a log, as in file:///var/tmp/mylog");
  }
  if (text.find("://") == std::string::npos) {
    return Error(Code::invalid_argument,
                 fmt::format("'{}' is not a store's URI; for a log in a local directory write {}", text,
                             uri_of_path(text)));
  }
  auto address = resolve(text);
  if (!address) return address.error().with_context(fmt::format("'{}'", text));
  return address;
}

std::string object_key(std::string_view log_path, std::uint64_t seq) {
  return fmt::format("{}/wal/{:020}", log_path, seq);
}

}  // namespace varve::cli
