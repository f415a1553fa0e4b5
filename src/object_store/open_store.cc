#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/no_memory.h"
#include "object_store/file/file_store.h"
#include "object_store/memory/memory_store.h"
#include "object_store/s3/s3_store.h"
#include "object_store/scheme.h"
#include "object_store/uri.h"
#include "varve/store.h"

namespace varve {
namespace {

using object_store::LogPath;
using object_store::Scheme;
using object_store::Uri;

/// Every kind of store. A new one adds its line here.
constexpr std::array schemes{
    Scheme{.name = "file", .log_path = LogPath::last_part, .open = object_store::open_file_store},
    Scheme{.name = "mem", .log_path = LogPath::whole_path, .open = object_store::open_memory_store},
    Scheme{.name = "s3", .log_path = LogPath::whole_path, .open = object_store::s3::open},
};

Result<const Scheme*> scheme_of(const Uri& uri) {
  std::string known;
  for (const Scheme& scheme : schemes) {
    if (scheme.name == uri.scheme) return &scheme;
    known += fmt::format("{}{}://", known.empty() ? "" : ", ", scheme.name);
  }
  return Error(Code::invalid_argument,
               fmt::format("unknown kind of store '{}': there are {}", uri.scheme, known));
}

/// Moves the log's path out of `uri`, which then names the store alone.
std::string take_log_path(Uri& uri, LogPath rule) {
  const std::size_t slash = rule == LogPath::last_part ? uri.path.rfind('/') : uri.path.find('/');
  if (slash == std::string::npos) return {};
  std::string log_path = uri.path.substr(slash + 1);
  uri.path.resize(slash);
  return log_path;
}

Result<std::shared_ptr<Store>> open_uri(std::string_view text) {
  auto uri = object_store::parse_uri(text);
  if (!uri) return uri.error();
  const auto scheme = scheme_of(*uri);
  if (!scheme) return scheme.error();
  return (*scheme)->open(*uri);
}

Result<LogAddress> resolve_uri(std::string_view text) {
  auto uri = object_store::parse_uri(text);
  if (!uri) return uri.error();
  const auto scheme = scheme_of(*uri);
  if (!scheme) return scheme.error();
  std::string log_path = take_log_path(*uri, (*scheme)->log_path);
  if (log_path.empty()) {
    return Error(Code::invalid_argument,
                 "the URI names a store but no log: append the log's name, as in /name");
  }
  auto opened = (*scheme)->open(*uri);
  if (!opened) return opened.error();
  return LogAddress{.store = *std::move(opened), .path = std::move(log_path)};
}

}  // namespace

Result<std::shared_ptr<Store>> open_store(std::string_view uri) {
  return with_memory([&] { return open_uri(uri); });
}

Result<LogAddress> resolve(std::string_view uri) {
  return with_memory([&] { return resolve_uri(uri); });
}

}  // namespace varve
