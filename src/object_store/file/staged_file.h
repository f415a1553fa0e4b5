// A file on its way to become an object: written and synced before it gets its name.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "object_store/descriptor.h"
#include "object_store/file/directory.h"
#include "object_store/file/file_system.h"
#include "varve/result.h"

namespace varve::object_store {

/// The folder in a store's root that holds files with a passing name. No key leads there.
inline constexpr const char* staging_folder = ".varve-tmp";

/// Not thread-safe. Dropped without a name given, nothing remains of it.
///
/// Where the file system can, a file has no name at all before (O_TMPFILE). Elsewhere, and to
/// replace an object, it has a passing name in the staging folder, and its owner holds a lock
/// (flock) on it: what is there and not locked was left by a crash, on whatever machine.
class StagedFile {
 public:
  ~StagedFile();
  StagedFile(StagedFile&&) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;

  /// A file that will be linked into `target`; without any name if possible.
  static Result<StagedFile> create_for(FileSystem& files, const Directory& target, const Directory& staging);
  /// A file with a passing name, so that it can replace another.
  static Result<StagedFile> create_named(FileSystem& files, const Directory& staging);

  /// Writes all of `data` and syncs it.
  Result<void> write(std::span<const std::byte> data);

  /// Gives it the name, unless that is taken (`already_exists`). The directory is not synced.
  Result<void> link(const Directory& directory, const std::string& name);
  /// Gives it the name, and takes it from whoever had it. The directory is not synced.
  Result<void> rename(const Directory& directory, const std::string& name);

 private:
  StagedFile(FileSystem& files, Descriptor descriptor, int staging_fd, std::string name);

  FileSystem& files_;
  Descriptor descriptor_;
  int staging_fd_;    ///< of the directory of `name_`
  std::string name_;  ///< the passing one; empty if there is none
};

/// Removes what crashed writers left in the staging folder.
void sweep(FileSystem& files, const Directory& staging);

}  // namespace varve::object_store
