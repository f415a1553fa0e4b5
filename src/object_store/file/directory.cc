#include "object_store/file/directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "object_store/file/file_error.h"

namespace varve::object_store {
namespace {

Result<std::shared_ptr<Directory>> open_directory(FileSystem& files, const std::string& path) {
  Descriptor descriptor(files.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!descriptor || files.fstat(descriptor.get(), status) != 0)
    return file_error(errno, "open the directory", path);
  return std::make_shared<Directory>(files, std::move(descriptor), path, status.st_dev, status.st_ino);
}

/// "/a" for "/a/b"; "/" for "/a" and "/".
std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Directory::Directory(FileSystem& files, Descriptor descriptor, std::string path, dev_t device, ino_t inode)
    : files_(files),
      descriptor_(std::move(descriptor)),
      path_(std::move(path)),
      device_(device),
      inode_(inode) {}

Result<void> Directory::sync() {
  std::unique_lock lock(mutex_);
  // A sync that is running may have passed our change by already: only a later one counts.
  const std::uint64_t needed = started_ + 1;
  while (finished_ < needed && error_number_ == 0) {
    if (running_) {
      finished_one_.wait(lock);
      continue;
    }
    running_ = true;
    const std::uint64_t number = ++started_;
    lock.unlock();
    const int error_number = files_.fsync(fd()) == 0 ? 0 : errno;
    lock.lock();
    running_ = false;
    finished_ = number;
    if (error_number_ == 0) error_number_ = error_number;
    finished_one_.notify_all();
  }
  if (error_number_ == 0) return {};
  return file_error(error_number_, "sync the directory (now or earlier; check the disk and reopen)", path_);
}

std::shared_ptr<Directory> Directories::kept(const std::string& path, dev_t device, ino_t inode) {
  const std::lock_guard lock(mutex_);
  const auto found = durable_.find(path);
  if (found == durable_.end()) return nullptr;
  if (found->second->is(device, inode)) return found->second;
  durable_.erase(found);  // another directory has its place now
  return nullptr;
}

void Directories::keep(const std::shared_ptr<Directory>& directory) {
  const std::lock_guard lock(mutex_);
  if (durable_.size() >= kept_max) durable_.erase(durable_.begin());
  durable_.insert_or_assign(directory->path(), directory);
}

Result<std::shared_ptr<Directory>> Directories::find(const std::string& path) {
  struct stat status {};
  if (files_.stat(path, status) != 0) return file_error(errno, "open the directory", path);
  if (auto directory = kept(path, status.st_dev, status.st_ino)) return directory;
  return open_directory(files_, path);
}

Result<std::shared_ptr<Directory>> Directories::ensure(const std::string& path) {
  struct stat status {};
  if (files_.stat(path, status) == 0) {
    if (auto directory = kept(path, status.st_dev, status.st_ino)) return directory;
  }
  auto made = make(path);
  if (!made) return made.error();
  if (path.size() > root_.size() || *made) {
    // Also if it was there: whoever made it may not have come to the sync yet.
    auto parent = ensure(parent_of(path));
    if (!parent) return parent;
    if (auto synced = (*parent)->sync(); !synced) return synced.error();
  }
  auto directory = open_directory(files_, path);
  if (directory) keep(*directory);
  return directory;
}

Result<bool> Directories::make(const std::string& path) {
  if (files_.mkdir(path) == 0) return true;
  if (errno == ENOENT) {
    if (auto parent = ensure(parent_of(path)); !parent) return parent.error();
    if (files_.mkdir(path) == 0) return true;
  }
  if (errno == EEXIST) return false;
  return file_error(errno, "make the directory", path);
}

void Directories::prune(std::string path) const {
  while (path.size() > root_.size() && files_.rmdir(path) == 0) path = parent_of(path);
}

}  // namespace varve::object_store
