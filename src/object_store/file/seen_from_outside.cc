#include "object_store/seen_from_outside.h"

#include <memory>
#include <string>

#include "object_store/file/file_store.h"

namespace varve::object_store {

namespace {

// A log's own names have three parts at most, and the log one.
constexpr int levels_max = 4;

}  // namespace

LogAddress seen_from_outside(const LogAddress& log) {
  const auto* files = dynamic_cast<const FileStore*>(log.store.get());
  if (files == nullptr) return log;
  std::string root = files->root();
  std::string path = log.path;
  for (int level = 0; level < levels_max; ++level) {
    const std::size_t slash = root.rfind('/');
    if (slash == std::string::npos || slash == 0) break;
    path = root.substr(slash + 1) + "/" + path;
    root.resize(slash);
  }
  return {.store = std::make_shared<FileStore>(std::move(root)), .path = std::move(path)};
}

}  // namespace varve::object_store
