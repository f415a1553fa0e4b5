// Directories that outlive a crash: what is made is synced into the directory above.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/condition.h"
#include "object_store/descriptor.h"
#include "object_store/file/file_system.h"
#include "varve/result.h"

namespace varve::object_store {

/// An open directory. Does not outlive the file system.
class Directory {
 public:
  Directory(FileSystem& files, Descriptor descriptor, std::string path, dev_t device, ino_t inode);

  [[nodiscard]] int fd() const { return descriptor_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is(dev_t device, ino_t inode) const { return device == device_ && inode == inode_; }

  /// Returns when every change made in this directory before the call is on the disk. Threads that
  /// come while a sync runs share the next one.
  ///
  /// A failure is for good: after a failed fsync the kernel may drop what it could not write, and
  /// the next fsync may report success without it (Rebello et al., "Can Applications Recover from
  /// fsync Failures?", USENIX ATC 2020).
  Result<void> sync();

 private:
  FileSystem& files_;
  const Descriptor descriptor_;
  const std::string path_;
  const dev_t device_;
  const ino_t inode_;

  std::mutex mutex_;
  base::Condition finished_one_;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  bool running_ = false;
  int error_number_ = 0;  ///< of the first failure
};

/// The directories of one store. Thread-safe.
class Directories {
 public:
  Directories(FileSystem& files, std::string root) : files_(files), root_(std::move(root)) {}

  /// Opens the directory at the absolute `path`; makes it and those above it where they are
  /// missing. When this returns, the directory itself would survive a crash. A root that was there
  /// before, and what is above it, is taken to be synced: it may be closed to us.
  Result<std::shared_ptr<Directory>> ensure(const std::string& path);

  /// Opens the directory at `path`; nothing if there is none.
  Result<std::shared_ptr<Directory>> find(const std::string& path);

  /// Removes the directory at `path` and those above it, below the root, as far as they are empty.
  /// Whoever is about to give a file a name there learns that it has vanished.
  void prune(std::string path) const;

 private:
  static constexpr std::size_t kept_max = 64;

  /// True if it was missing.
  Result<bool> make(const std::string& path);
  [[nodiscard]] std::shared_ptr<Directory> kept(const std::string& path, dev_t device, ino_t inode);
  void keep(const std::shared_ptr<Directory>& directory);

  FileSystem& files_;
  const std::string root_;
  std::mutex mutex_;
  /// Those that would survive a crash, by path.
  std::map<std::string, std::shared_ptr<Directory>> durable_;
};

}  // namespace varve::object_store
