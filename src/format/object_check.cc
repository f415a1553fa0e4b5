#include "format/object_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/blocks.h"
#include "format/records.h"
#include "format/trailer.h"

namespace varve::maintain {

using format::IndexEntry;

namespace {

/// Makes the index that the records seen call for (format/trailer.h says what an entry is).
class IndexFromRecords {
 public:
  explicit IndexFromRecords(const format::Header& header)
      : index_(format::index_entries(header.body_end),
               IndexEntry{.record = header.record_count,
                          .position = static_cast<std::uint32_t>(header.body_end)}) {}

  void on_record(std::uint32_t number, std::size_t position) {
    while (strides_ < index_.size() &&
           format::header_bytes + strides_ * format::index_stride_bytes <= position) {
      index_[strides_++] = {.record = number, .position = static_cast<std::uint32_t>(position)};
    }
  }
  [[nodiscard]] const std::vector<IndexEntry>& index() const { return index_; }

 private:
  std::vector<IndexEntry> index_;
  std::size_t strides_ = 0;
};

// The object as it was before it was compressed, without a trailer.
Result<std::vector<std::byte>> unpacked(std::span<const std::byte> object, const format::Header& header) {
  if (object.size() < header.object_bytes) {
    return Error(Code::corruption,
                 fmt::format("object {} is cut off, so its blocks cannot be read", header.seq));
  }
  std::vector<std::byte> whole(header.body_end);
  const Result<void> done = format::unpack_body(object.first(header.object_bytes), header,
                                                std::span(whole).subspan(format::header_bytes));
  if (!done) return done.error();
  return whole;
}

void check_records(std::span<const std::byte> object, std::span<const std::byte> records,
                   const format::Header& header, ObjectCheck& check) {
  format::RecordCursor cursor(records, header);
  IndexFromRecords expected(header);
  while (true) {
    const auto record = cursor.next();
    if (!record) {
      check.damage.push_back(record.error().message());
      return;  // without all records nothing can be said of the index
    }
    if (!*record) break;
    const std::uint64_t bytes = (*record)->payload.size();
    expected.on_record(static_cast<std::uint32_t>(check.records), (*record)->position);
    check.smallest = check.records == 0 ? bytes : std::min(check.smallest, bytes);
    check.largest = std::max(check.largest, bytes);
    check.payload_bytes += bytes;
    ++check.records;
  }
  if (object.size() < header.object_bytes) return;  // its length has been reported
  const auto index = format::decode_trailer(object.first(header.object_bytes), header);
  if (!index) {
    check.damage.push_back(index.error().message());
  } else if (*index != expected.index()) {
    check.damage.push_back(
        fmt::format("the index of object {} does not lead to the records that are there", header.seq));
  }
}

}  // namespace

ObjectCheck check_object(std::span<const std::byte> object, const format::Header& header) {
  ObjectCheck check;
  if (object.size() != header.object_bytes) {
    check.damage.push_back(fmt::format("object {} is {} bytes long, its header says {}", header.seq,
                                       object.size(), header.object_bytes));
  }
  if (header.kind == format::Kind::data && header.codec != format::Codec::none) {
    if (const auto whole = unpacked(object, header)) {
      check_records(object, *whole, header, check);
    } else {
      check.damage.push_back(whole.error().message());
    }
  } else if (header.kind == format::Kind::data) {
    check_records(object, object, header, check);
  } else if (check.damage.empty()) {
    auto seal = format::decode_seal(object, header);
    if (seal) {
      check.seal = *std::move(seal);
    } else {
      check.damage.push_back(seal.error().message());
    }
  }
  return check;
}

}  // namespace varve::maintain
