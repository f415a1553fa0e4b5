#include "object_store/file/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "object_store/descriptor.h"
#include "object_store/file/file_error.h"
#include "object_store/file/staged_file.h"
#include "object_store/key.h"

namespace varve::object_store {
namespace {

// So often a folder is read whose files all vanish meanwhile.
constexpr int reads_max = 8;

class PageBuilder {
 public:
  PageBuilder(FileSystem& files, const std::string& root, const std::string& prefix, const std::string& after,
              std::uint32_t limit)
      : files_(files), root_(root), prefix_(prefix), after_(after), limit_(limit) {}

  /// Adds what is in the folder `folder` ("" or "a/b/") and below. False: the page is full.
  Result<bool> add_folder(const std::string& folder);

  Listing take() { return std::move(page_); }

 private:
  /// The keys of the folder's files and, with a '/' at the end, its folders, that the page may
  /// want, as a heap with the smallest on top: few of many are needed in order.
  Result<std::vector<std::string>> candidates(const std::string& folder, int fd);
  [[nodiscard]] bool wanted(std::string_view key, bool is_folder) const;
  Result<bool> add_names(const std::string& folder, int fd);
  Result<bool> add_file(std::string key, std::string_view name, int folder_fd);

  FileSystem& files_;
  const std::string& root_;
  const std::string& prefix_;
  const std::string& after_;
  const std::uint32_t limit_;
  std::uint64_t vanished_ = 0;  // files that were named, and gone when they were looked at
  Listing page_;
};

enum class EntryKind { file, folder, other };

EntryKind kind_of(FileSystem& files, const dirent& entry, int fd) {
  if (entry.d_type == DT_REG) return EntryKind::file;
  if (entry.d_type == DT_DIR) return EntryKind::folder;
  if (entry.d_type != DT_UNKNOWN) return EntryKind::other;
  struct stat status {};
  if (files.fstatat(fd, entry.d_name, status) != 0) return EntryKind::other;
  if (S_ISREG(status.st_mode)) return EntryKind::file;
  return S_ISDIR(status.st_mode) ? EntryKind::folder : EntryKind::other;
}

bool PageBuilder::wanted(std::string_view key, bool is_folder) const {
  if (!is_folder) return key.starts_with(prefix_) && key > after_;
  // A folder may hold wanted keys if the prefix leads into it or begins above it, and unless all
  // its keys (those that start with `key`) come before `after`.
  const bool on_the_way = key.starts_with(prefix_) || prefix_.starts_with(key);
  return on_the_way && (key > after_ || after_.starts_with(key));
}

Result<std::vector<std::string>> PageBuilder::candidates(const std::string& folder, int fd) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(files_.opendir(fd), ::closedir);
  if (!entries) return file_error(errno, "list", root_ + "/" + folder);
  std::vector<std::string> keys;
  while (true) {
    errno = 0;
    const dirent* entry = files_.readdir(entries.get());
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || (folder.empty() && name == staging_folder)) continue;
    const EntryKind kind = kind_of(files_, *entry, fd);
    if (kind == EntryKind::other) continue;
    std::string key = folder + entry->d_name + (kind == EntryKind::folder ? "/" : "");
    if (wanted(key, kind == EntryKind::folder)) keys.push_back(std::move(key));
  }
  if (errno != 0) return file_error(errno, "list", root_ + "/" + folder);
  std::make_heap(keys.begin(), keys.end(), std::greater<>());
  return keys;
}

Result<bool> PageBuilder::add_file(std::string key, std::string_view name, int folder_fd) {
  struct stat status {};
  if (!check_key(key)) return true;  // not ours, and no key could ask for it
  if (files_.fstatat(folder_fd, std::string(name), status) != 0) {
    if (errno != ENOENT) return file_error(errno, "look at", root_ + "/" + key);
    ++vanished_;
    return true;
  }
  if (page_.objects.size() == limit_) {
    page_.truncated = true;
    return false;
  }
  page_.objects.push_back({.key = std::move(key), .bytes = static_cast<std::uint64_t>(status.st_size)});
  return true;
}

Result<bool> PageBuilder::add_folder(const std::string& folder) {
  const std::string path = root_ + "/" + folder;
  const Descriptor descriptor(files_.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor) {
    if (errno == ENOENT || errno == ENOTDIR) return true;
    return file_error(errno, "list", path);
  }
  for (int reads = 1;; ++reads) {
    const std::size_t listed = page_.objects.size();
    const std::uint64_t vanished = vanished_;
    Result<bool> added = add_names(folder, descriptor.get());
    const bool all_vanished = page_.objects.size() == listed && vanished_ != vanished;
    if (!added || !*added || !all_vanished) return added;
    if (reads == reads_max)
      return Error(Code::unavailable,
                   fmt::format("{} changes faster than it can be listed; try again", path));
  }
}

// Nothing there and everything replaced while it was looked at are not the same: who finds no revision of a
// cursor takes it for one that never was. So a folder all of whose files have vanished meanwhile is read
// again.
Result<bool> PageBuilder::add_names(const std::string& folder, int fd) {
  auto keys = candidates(folder, fd);
  if (!keys) return keys.error();
  while (!keys->empty()) {
    std::pop_heap(keys->begin(), keys->end(), std::greater<>());
    std::string key = std::move(keys->back());
    keys->pop_back();
    Result<bool> added = true;
    if (key.back() == '/') {
      added = add_folder(key);
    } else {
      const std::string name = key.substr(folder.size());
      added = add_file(std::move(key), name, fd);
    }
    if (!added || !*added) return added;
  }
  return true;
}

/// The part of `prefix` that names folders: where the walk begins. Nothing if no key can be there.
std::optional<std::string> folder_of(const std::string& prefix) {
  const std::size_t slash = prefix.rfind('/');
  if (slash == std::string::npos) return "";
  if (!check_key(std::string_view(prefix).substr(0, slash))) return std::nullopt;
  return prefix.substr(0, slash + 1);
}

}  // namespace

Result<Listing> list_files(FileSystem& files, const std::string& root, const std::string& prefix,
                           const std::string& after, std::uint32_t limit) {
  const auto folder = folder_of(prefix);
  if (!folder || *folder == fmt::format("{}/", staging_folder)) return Listing{};
  PageBuilder page(files, root, prefix, after, limit);
  if (auto added = page.add_folder(*folder); !added) return added.error();
  return page.take();
}

}  // namespace varve::object_store
