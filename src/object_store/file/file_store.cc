#include "object_store/file/file_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <utility>

#include "base/mutant.h"
#include "base/no_memory.h"
#include "object_store/bytes.h"
#include "object_store/descriptor.h"
#include "object_store/file/file_error.h"
#include "object_store/file/listing.h"
#include "object_store/file/staged_file.h"
#include "object_store/key.h"

namespace varve::object_store {
namespace {

/// Enough to keep several syncs in flight, which disks and file systems batch.
constexpr std::size_t worker_count = 8;

/// What was read and let go of waits for the next reads, up to so much: fresh memory costs more than reading
/// into it.
constexpr std::size_t kept_read_bytes_max = std::size_t{64} << 20;

/// A failure once the object may have its name: it may be seen, and may last or not.
Error after_naming(const Error& error) { return error.with_outcome(WriteOutcome::unknown); }

/// A failure to give the name. What is no plain refusal (EIO, a network file system's time-out) may
/// have happened all the same.
Error while_naming(const Error& error) {
  return error.code() == Code::unavailable ? after_naming(error) : error;
}

/// What `write` writes, again when the object's directory vanished on the way (`not_found`): whoever
/// removes the last object of a directory removes that, too.
template <class Write>
Result<void> in_a_directory_that_stays(const Write& write) {
  constexpr int tries = 16;
  Result<void> written = write();
  for (int i = 1; i < tries && !written && written.error().code() == Code::not_found; ++i) written = write();
  if (written || written.error().code() != Code::not_found) return written;
  return Error(Code::unavailable,
               written.error().message() + "; its directory cannot be made, or vanishes again and again");
}

Result<Bytes> read_range(FileSystem& files, int fd, ByteRange range, const std::string& path,
                         BodyMemory& stock) {
  std::shared_ptr<std::byte[]> memory = stock.take(range.length);
  if (!memory) return no_memory();
  std::size_t filled = 0;
  while (filled < range.length) {
    const ssize_t count = files.pread(fd, memory.get() + filled, range.length - filled,
                                      static_cast<off_t>(range.offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error(errno, "read", path);
    if (count == 0) return Error(Code::unavailable, fmt::format("{} shrank while it was read", path));
    filled += static_cast<std::size_t>(count);
  }
  const std::span<const std::byte> data(memory.get(), filled);
  return Bytes{.data = data, .owner = std::move(memory)};
}

}  // namespace

FileStore::FileStore(std::string root, std::shared_ptr<FileSystem> files)
    : files_(std::move(files)),
      root_(std::move(root)),
      directories_(*files_, root_),
      memory_(BodyMemory::create(kept_read_bytes_max)),
      workers_(worker_count) {}

FileStore::~FileStore() { workers_.stop(); }

std::string FileStore::describe() const { return "file://" + root_; }

void FileStore::put_if_absent(std::string key, Bytes body, Done<void> done) {
  workers_.run<void>(std::move(done), [this, key = std::move(key), body = std::move(body)] {
    return in_a_directory_that_stays([&] { return do_put_if_absent(key, body); });
  });
}

void FileStore::put(std::string key, Bytes body, Done<void> done) {
  workers_.run<void>(std::move(done), [this, key = std::move(key), body = std::move(body)] {
    return in_a_directory_that_stays([&] { return do_put(key, body); });
  });
}

void FileStore::get(std::string key, ByteRange range, Done<Bytes> done) {
  workers_.run<Bytes>(std::move(done), [this, key = std::move(key), range] { return do_get(key, range); });
}

void FileStore::list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) {
  workers_.run<Listing>(
      std::move(done),
      [this, prefix = std::move(prefix), after = std::move(after), limit]() -> Result<Listing> {
        if (auto checked = check_limit(limit); !checked) return checked.error();
        return list_files(*files_, root_, prefix, after, limit);
      });
}

void FileStore::remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) {
  workers_.run<std::vector<RemoveFailure>>(std::move(done),
                                           [this, keys = std::move(keys)] { return do_remove(keys); });
}

Result<FileStore::ReadPosition> FileStore::place_of(const std::string& key) const {
  if (auto checked = check_key(key); !checked) return checked.error();
  const std::size_t slash = key.rfind('/');
  if (key.substr(0, key.find('/')) == staging_folder) {
    return Error(Code::invalid_argument, fmt::format("'{}': {} is the store's own", key, staging_folder));
  }
  if (slash == std::string::npos) return ReadPosition{.directory = root_, .name = key};
  return ReadPosition{.directory = root_ + "/" + key.substr(0, slash), .name = key.substr(slash + 1)};
}

Result<std::shared_ptr<Directory>> FileStore::staging() {
  const std::lock_guard lock(staging_mutex_);
  auto directory = directories_.ensure(fmt::format("{}/{}", root_, staging_folder));
  if (directory && !std::exchange(swept_, true)) sweep(*files_, **directory);
  return directory;
}

Result<void> FileStore::do_put_if_absent(const std::string& key, const Bytes& body) {
  if (mutated(Mutant::put_replaces)) return do_put(key, body);
  const auto place = place_of(key);
  if (!place) return place.error();
  const auto staging_directory = staging();
  if (!staging_directory) return staging_directory.error();
  const auto directory = directories_.ensure(place->directory);
  if (!directory) return directory.error();

  // Most losers of a race learn it here and write nothing.
  struct stat status {};
  bool taken = files_->fstatat((*directory)->fd(), place->name, status) == 0;
  if (taken && S_ISDIR(status.st_mode)) return file_error(EISDIR, "create", root_ + "/" + key);
  if (!taken) {
    auto file = StagedFile::create_for(*files_, **directory, **staging_directory);
    if (!file) return file.error();
    if (auto written = file->write(body.data); !written) return written.error().with_context(describe());
    if (auto linked = file->link(**directory, place->name); !linked) {
      if (linked.error().code() != Code::already_exists) return while_naming(linked.error());
      taken = true;
    }
  }
  // Also for the loser: who finds its own object here takes it for stored.
  if (auto synced = (*directory)->sync(); !synced) return after_naming(synced.error());
  if (taken) return Error(Code::already_exists, fmt::format("{}/{} exists", describe(), key));
  return {};
}

Result<void> FileStore::do_put(const std::string& key, const Bytes& body) {
  const auto place = place_of(key);
  if (!place) return place.error();
  const auto staging_directory = staging();
  if (!staging_directory) return staging_directory.error();
  const auto directory = directories_.ensure(place->directory);
  if (!directory) return directory.error();

  auto file = StagedFile::create_named(*files_, **staging_directory);
  if (!file) return file.error();
  if (auto written = file->write(body.data); !written) return written.error().with_context(describe());
  if (auto renamed = file->rename(**directory, place->name); !renamed) return while_naming(renamed.error());
  if (auto synced = (*directory)->sync(); !synced) return after_naming(synced.error());
  return {};
}

Result<Bytes> FileStore::do_get(const std::string& key, ByteRange range) const {
  const auto place = place_of(key);
  if (!place) return place.error();
  const std::string path = place->directory + "/" + place->name;
  const Descriptor file(files_->open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || files_->fstat(file.get(), status) != 0) {
    // ENOTDIR: a part of the key is an object, so this one cannot be.
    return file_error(errno == ENOTDIR ? ENOENT : errno, "open", path);
  }
  if (!S_ISREG(status.st_mode)) return file_error(ENOENT, "open", path);
  return read_range(*files_, file.get(), clamp(range, static_cast<std::uint64_t>(status.st_size)), path,
                    *memory_);
}

Result<std::vector<RemoveFailure>> FileStore::do_remove(const std::vector<std::string>& keys) {
  if (auto checked = check_key_count(keys.size()); !checked) return checked.error();
  std::vector<RemoveFailure> failures;
  std::map<std::string, std::vector<const std::string*>> keys_by_directory;
  for (const std::string& key : keys) {
    if (const auto place = place_of(key)) {
      keys_by_directory[place->directory].push_back(&key);
    } else {
      failures.push_back({.key = key, .error = place.error()});
    }
  }
  for (const auto& [path, its_keys] : keys_by_directory) {
    const auto directory = directories_.find(path);
    if (!directory) {
      if (directory.error().code() == Code::not_found) continue;
      for (const std::string* key : its_keys) failures.push_back({.key = *key, .error = directory.error()});
      continue;
    }
    for (const std::string* key : its_keys) {
      const std::string name = key->substr(key->rfind('/') + 1);
      if (files_->unlinkat((*directory)->fd(), name) == 0 || errno == ENOENT) continue;
      failures.push_back({.key = *key, .error = file_error(errno, "remove", path + "/" + name)});
    }
    if (auto synced = (*directory)->sync(); !synced) return synced.error();
    directories_.prune(path);
  }
  return failures;
}

Result<std::shared_ptr<Store>> open_file_store(const Uri& uri) {
  if (!uri.authority.empty()) {
    return Error(
        Code::invalid_argument,
        fmt::format("file:// needs an absolute path: write file:///{}... with three slashes", uri.authority));
  }
  if (uri.path.empty())
    return Error(Code::invalid_argument, "file:// needs a directory, as in file:///var/log");
  if (auto known = expect_params(uri, {}); !known) return known.error();
  struct stat status {};
  if (::stat(uri.path.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) return file_error(ENOTDIR, "open", uri.path);
    if (::access(uri.path.c_str(), X_OK) != 0) return file_error(errno, "open", uri.path);
  } else if (errno != ENOENT) {
    return file_error(errno, "open", uri.path);
  }
  return std::make_shared<FileStore>(uri.path);
}

}  // namespace varve::object_store
