// The calls that a store in files makes of the operating system, one function for each: so that tests can
// stand between any two of them, and let others go on, fail a call, or crash there.
#pragma once

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

namespace varve::object_store {

/// The real one. A test derives from it and overrides what it watches. Each function does and returns what
/// the call of that name does (-1 or null on failure, with `errno`). Thread-safe.
class FileSystem {
 public:
  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  /// What a store uses unless it is told otherwise.
  [[nodiscard]] static const std::shared_ptr<FileSystem>& real();

  virtual int open(const std::string& path, int flags);
  virtual int openat(int folder, const std::string& name, int flags, mode_t mode = 0);
  virtual ssize_t pread(int file, void* to, std::size_t bytes, off_t offset);
  virtual ssize_t write(int file, const void* from, std::size_t bytes);
  virtual int fsync(int file);
  virtual int flock(int file, int operation);

  virtual int linkat(int from_folder, const std::string& from, int folder, const std::string& name,
                     int flags);
  virtual int renameat(int from_folder, const std::string& from, int folder, const std::string& name);
  virtual int unlinkat(int folder, const std::string& name);

  virtual int mkdir(const std::string& path);
  virtual int rmdir(const std::string& path);
  /// The names in an open folder, from the first one on. Closed by `closedir`.
  virtual DIR* opendir(int folder);
  virtual const dirent* readdir(DIR* names);

  virtual int stat(const std::string& path, struct stat& status);
  virtual int fstat(int file, struct stat& status);
  /// Of what bears the name, were it a link.
  virtual int fstatat(int folder, const std::string& name, struct stat& status);
};

}  // namespace varve::object_store
