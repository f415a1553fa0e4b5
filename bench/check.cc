#include "bench/check.h"

#include <fmt/format.h>

#include <cstring>
#include <memory>

#include "object_store/blocking.h"
#include "varve/reader.h"

namespace varve::bench {

namespace {

/// What is known of the records to come.
class Expected {
 public:
  Expected(const RecordSizes& sizes, const std::vector<std::uint64_t>& appended)
      : sizes_(sizes), appended_(appended), seen_(appended.size(), 0) {
    for (std::uint64_t producer = 0; producer < appended.size(); ++producer) {
      make_record(fillers_.emplace_back(sizes.most()), {producer, 0});
    }
  }

  Result<void> take(const Record& record) {
    const std::span<const std::byte> data = record.data;
    Stamp stamp;
    if (data.size() < sizeof stamp) return wrong(record);
    std::memcpy(&stamp, data.data(), sizeof stamp);
    if (stamp.producer >= seen_.size() || stamp.number != seen_[stamp.producer] ||
        data.size() != sizes_.of(stamp.producer, stamp.number) ||
        std::memcmp(data.data() + sizeof stamp, fillers_[stamp.producer].data() + sizeof stamp,
                    data.size() - sizeof stamp) != 0) {
      return wrong(record);
    }
    ++seen_[stamp.producer];
    return {};
  }

  [[nodiscard]] Result<void> complete() const {
    for (std::size_t producer = 0; producer < seen_.size(); ++producer) {
      if (seen_[producer] != appended_[producer]) {
        return Error(Code::corruption, fmt::format("producer {} appended {} records, {} came back", producer,
                                                   appended_[producer], seen_[producer]));
      }
    }
    return {};
  }

 private:
  static Error wrong(const Record& record) {
    return {Code::corruption, fmt::format("the record at offset {} is not what was appended", record.offset)};
  }

  const RecordSizes& sizes_;
  const std::vector<std::uint64_t>& appended_;
  std::vector<std::uint64_t> seen_;
  std::vector<std::vector<std::byte>> fillers_;
};

}  // namespace

Result<void> check_log(const LogAddress& log, const RecordSizes& sizes,
                       const std::vector<std::uint64_t>& appended) {
  const Result<std::unique_ptr<Reader>> reader = Reader::open(log, {.from = 0});
  if (!reader) return reader.error();
  Expected expected(sizes, appended);
  for (;;) {
    const Result<std::optional<Record>> record = (*reader)->next();
    if (!record) return record.error();
    if (!*record) return expected.complete();
    if (const Result<void> right = expected.take(**record); !right) return right;
  }
}

Result<std::uint64_t> stored_under(Store& store, const std::string& prefix) {
  const auto objects = object_store::list_all_now(store, prefix);
  if (!objects) return objects.error();
  std::uint64_t bytes = 0;
  for (const ListedObject& object : *objects) bytes += object.bytes;
  return bytes;
}

}  // namespace varve::bench
