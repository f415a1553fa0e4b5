// What a kind of store has to say about its URIs. The table of all kinds is in open_store.cc.
#pragma once

#include <memory>
#include <string_view>

#include "object_store/uri.h"
#include "varve/store.h"

namespace varve::object_store {

/// Which part of a log's URI is the log's path in the store, and not the store's own.
enum class LogPath {
  last_part,   ///< `file:///dir/name`: "name", in the store `file:///dir`
  whole_path,  ///< `mem://name/a/b`: "a/b", in the store `mem://name`
};

struct Scheme {
  std::string_view name;  ///< "file"
  LogPath log_path;
  /// Opens the store. `uri.path` is only what remains beside the log's path.
  Result<std::shared_ptr<Store>> (*open)(const Uri& uri);
};

}  // namespace varve::object_store
