// Objects as local files: `<root>/<key>`.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/mapped_memory.h"
#include "object_store/file/directory.h"
#include "object_store/file/file_system.h"
#include "object_store/uri.h"
#include "object_store/workers.h"
#include "varve/store.h"

namespace varve::object_store {

/// An object is stored when its file was synced, then named, and the directory of its name was
/// synced. Atomic among all processes that use the directory; what a crash leaves in the staging
/// folder is removed by the next one that writes.
///
/// Beyond what store.h says of keys: none may be both an object and the folder of another ("a" and
/// "a/b"), a part has at most 255 bytes, and none begins with the staging folder.
class FileStore final : public Store {
 public:
  /// `root` is absolute. It is made at the first write.
  explicit FileStore(std::string root, std::shared_ptr<FileSystem> files = FileSystem::real());
  ~FileStore() override;

  void put_if_absent(std::string key, Bytes body, Done<void> done) override;
  void put(std::string key, Bytes body, Done<void> done) override;
  void get(std::string key, ByteRange range, Done<Bytes> done) override;
  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override;
  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override;
  [[nodiscard]] std::string describe() const override;

  [[nodiscard]] const std::string& root() const { return root_; }

 private:
  /// A key's place: the directory's path, and the file's name in it.
  struct ReadPosition {
    std::string directory;
    std::string name;
  };
  Result<ReadPosition> place_of(const std::string& key) const;

  Result<void> do_put_if_absent(const std::string& key, const Bytes& body);
  Result<void> do_put(const std::string& key, const Bytes& body);
  Result<Bytes> do_get(const std::string& key, ByteRange range) const;
  Result<std::vector<RemoveFailure>> do_remove(const std::vector<std::string>& keys);

  /// The staging folder; made and swept when first asked for.
  Result<std::shared_ptr<Directory>> staging();

  const std::shared_ptr<FileSystem> files_;
  const std::string root_;
  Directories directories_;
  std::mutex staging_mutex_;
  bool swept_ = false;
  const std::shared_ptr<BodyMemory> memory_;  // for what is read
  Workers workers_;
};

/// `file:///dir`. Errors: `invalid_argument`, `denied`, `unavailable`.
Result<std::shared_ptr<Store>> open_file_store(const Uri& uri);

}  // namespace varve::object_store
