#include "object_store/file/file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace varve::object_store {

const std::shared_ptr<FileSystem>& FileSystem::real() {
  static const auto real = std::make_shared<FileSystem>();
  return real;
}

int FileSystem::open(const std::string& path, int flags) { return ::open(path.c_str(), flags); }

int FileSystem::openat(int folder, const std::string& name, int flags, mode_t mode) {
  return ::openat(folder, name.c_str(), flags, mode);
}

ssize_t FileSystem::pread(int file, void* to, std::size_t bytes, off_t offset) {
  return ::pread(file, to, bytes, offset);
}

ssize_t FileSystem::write(int file, const void* from, std::size_t bytes) {
  return ::write(file, from, bytes);
}

int FileSystem::fsync(int file) { return ::fsync(file); }

int FileSystem::flock(int file, int operation) { return ::flock(file, operation); }

int FileSystem::linkat(int from_folder, const std::string& from, int folder, const std::string& name,
                       int flags) {
  return ::linkat(from_folder, from.c_str(), folder, name.c_str(), flags);
}

int FileSystem::renameat(int from_folder, const std::string& from, int folder, const std::string& name) {
  return ::renameat(from_folder, from.c_str(), folder, name.c_str());
}

int FileSystem::unlinkat(int folder, const std::string& name) { return ::unlinkat(folder, name.c_str(), 0); }

int FileSystem::mkdir(const std::string& path) { return ::mkdir(path.c_str(), 0777); }

int FileSystem::rmdir(const std::string& path) { return ::rmdir(path.c_str()); }

DIR* FileSystem::opendir(int folder) {
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return nullptr;
  DIR* const names = ::fdopendir(own);
  if (names == nullptr) {
    const int failure = errno;
    ::close(own);
    errno = failure;
  }
  return names;
}

const dirent* FileSystem::readdir(DIR* names) { return ::readdir(names); }

int FileSystem::stat(const std::string& path, struct stat& status) { return ::stat(path.c_str(), &status); }

int FileSystem::fstat(int file, struct stat& status) { return ::fstat(file, &status); }

int FileSystem::fstatat(int folder, const std::string& name, struct stat& status) {
  return ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW);
}

}  // namespace varve::object_store
