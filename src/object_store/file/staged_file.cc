#include "object_store/file/staged_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "object_store/file/file_error.h"

namespace varve::object_store {
namespace {

/// Never the same twice, not even on two machines that share the directory.
std::string passing_name() {
  static const std::uint64_t process = [] {
    std::random_device random;
    return (std::uint64_t{random()} << 32) | random();
  }();
  static std::atomic<std::uint64_t> count{0};
  return fmt::format("{:016x}-{}-{}", process, ::getpid(), count.fetch_add(1, std::memory_order_relaxed));
}

/// True if this process holds the lock of a file that still has its name: a sweep may have come
/// between creating and locking.
bool own(FileSystem& files, int fd) {
  struct stat status {};
  return files.flock(fd, LOCK_EX | LOCK_NB) == 0 && files.fstat(fd, status) == 0 && status.st_nlink > 0;
}

/// Whether the directory is none any more, or another has its place. File systems differ in what they
/// say to who would make a file in it (ENOENT, EPERM).
bool has_vanished(FileSystem& files, const Directory& directory) {
  struct stat here {};
  struct stat there {};
  return files.fstat(directory.fd(), here) != 0 || here.st_nlink == 0 ||
         files.stat(directory.path(), there) != 0 || !directory.is(there.st_dev, there.st_ino);
}

}  // namespace

StagedFile::StagedFile(FileSystem& files, Descriptor descriptor, int staging_fd, std::string name)
    : files_(files), descriptor_(std::move(descriptor)), staging_fd_(staging_fd), name_(std::move(name)) {}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : files_(other.files_),
      descriptor_(std::move(other.descriptor_)),
      staging_fd_(other.staging_fd_),
      name_(std::exchange(other.name_, {})) {}

StagedFile::~StagedFile() {
  if (!name_.empty()) files_.unlinkat(staging_fd_, name_);
}

Result<StagedFile> StagedFile::create_for(FileSystem& files, const Directory& target,
                                          const Directory& staging) {
  // Such a file is named through /proc (see `link`), which a bare chroot lacks.
  static const bool has_proc = ::access("/proc/self/fd", X_OK) == 0;
  if (!has_proc) return create_named(files, staging);
  Descriptor descriptor(files.openat(target.fd(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
  if (descriptor) return StagedFile(files, std::move(descriptor), staging.fd(), {});
  // EISDIR: a kernel without O_TMPFILE; EOPNOTSUPP, EINVAL: a file system without.
  if (errno == EISDIR || errno == EOPNOTSUPP || errno == EINVAL) return create_named(files, staging);
  const int failure = errno;
  return file_error(has_vanished(files, target) ? ENOENT : failure, "create a file in", target.path());
}

Result<StagedFile> StagedFile::create_named(FileSystem& files, const Directory& staging) {
  static constexpr int tries = 8;
  for (int i = 0; i < tries; ++i) {
    std::string name = passing_name();
    Descriptor descriptor(
        files.openat(staging.fd(), name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (!descriptor) return file_error(errno, "create a file in", staging.path());
    if (own(files, descriptor.get()))
      return StagedFile(files, std::move(descriptor), staging.fd(), std::move(name));
  }
  return Error(Code::unavailable,
               fmt::format("cannot lock a file in {}: does its file system have flock?", staging.path()));
}

Result<void> StagedFile::write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = files_.write(descriptor_.get(), data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error(errno, "write", "the object's file");
    data = data.subspan(static_cast<std::size_t>(written));
  }
  if (files_.fsync(descriptor_.get()) != 0) return file_error(errno, "sync", "the object's file");
  return {};
}

Result<void> StagedFile::link(const Directory& directory, const std::string& name) {
  // linkat(2): AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH, /proc needs nothing.
  const std::string source = name_.empty() ? fmt::format("/proc/self/fd/{}", descriptor_.get()) : name_;
  const int flags = name_.empty() ? AT_SYMLINK_FOLLOW : 0;
  if (files_.linkat(staging_fd_, source, directory.fd(), name, flags) == 0) return {};
  return file_error(errno, "create", fmt::format("{}/{}", directory.path(), name));
}

Result<void> StagedFile::rename(const Directory& directory, const std::string& name) {
  if (files_.renameat(staging_fd_, name_, directory.fd(), name) != 0) {
    return file_error(errno, "create", fmt::format("{}/{}", directory.path(), name));
  }
  name_.clear();
  return {};
}

void sweep(FileSystem& files, const Directory& staging) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(files.opendir(staging.fd()), ::closedir);
  if (!entries) return;
  while (const dirent* entry = files.readdir(entries.get())) {
    const Descriptor file(
        files.openat(staging.fd(), entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (file && files.flock(file.get(), LOCK_EX | LOCK_NB) == 0) files.unlinkat(staging.fd(), entry->d_name);
  }
}

}  // namespace varve::object_store
