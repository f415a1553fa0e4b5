// What is known of a log's objects: headers and indexes, within a bound, the least recently used going
// first. Objects never change, so what is known of one is true for as long as it exists.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "format/header.h"
#include "format/trailer.h"

namespace varve::read {

/// What an object's trailer says.
struct ObjectIndex {
  std::vector<format::IndexEntry> records;
  std::vector<format::BlockEntry> blocks;  ///< none if it is not compressed
};

/// Not thread-safe.
class ObjectCache {
 public:
  using Index = std::shared_ptr<const ObjectIndex>;
  struct Object {
    format::Header header;
    Index index;  ///< null: not known yet
  };

  explicit ObjectCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// The object that holds `offset`.
  [[nodiscard]] std::optional<Object> holding(Offset offset);

  /// The nearest on both sides of `offset`, those there are: they narrow a search for it.
  [[nodiscard]] std::vector<format::Header> around(Offset offset) const;

  /// `header`: of a DATA object on the chain. What was known before is replaced.
  void add(const format::Header& header, Index index = nullptr);

  /// Nothing that is known counts any more.
  void clear();

  /// It is gone, or the log begins behind it.
  void forget(const format::Header& header);

  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return by_offset_.size(); }

  /// What an object takes, its places in the containers included, to within some bytes.
  [[nodiscard]] static std::size_t bytes_of(const Object& object);

 private:
  // Objects without records begin where the next one does: the seq tells them apart.
  using Key = std::pair<Offset, Seq>;
  using Uses = std::list<Object>;  // the latest in front
  using ByOffset = std::map<Key, Uses::iterator>;

  static Key key_of(const format::Header& header) { return {header.first_offset, header.seq}; }
  void erase(ByOffset::iterator at);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Uses uses_;
  ByOffset by_offset_;
};

}  // namespace varve::read
