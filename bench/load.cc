#include "bench/load.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>

#include "varve/reader.h"

namespace varve::bench {

namespace {

std::byte filler_of(std::uint64_t producer) { return static_cast<std::byte>('A' + producer % 26); }

}  // namespace

void make_record(std::span<std::byte> record, Stamp stamp) {
  std::memset(record.data(), static_cast<int>(filler_of(stamp.producer)), record.size());
  restamp(record, stamp);
}

void restamp(std::span<std::byte> record, Stamp stamp) { std::memcpy(record.data(), &stamp, sizeof stamp); }

Result<ReadBackFigures> check_log(const LogAddress& log, Offset from, std::size_t record_bytes,
                                  const std::vector<std::uint64_t>& appended) {
  const auto start = std::chrono::steady_clock::now();
  const Result<std::unique_ptr<Reader>> reader = Reader::open(log, {.from = from});
  if (!reader) return reader.error();
  std::vector<std::uint64_t> seen(appended.size(), 0);
  std::vector<std::vector<std::byte>> expected;
  for (std::uint64_t producer = 0; producer < appended.size(); ++producer) {
    make_record(expected.emplace_back(record_bytes), {producer, 0});
  }
  ReadBackFigures figures;
  for (;;) {
    const Result<std::optional<Record>> record = (*reader)->next();
    if (!record) return record.error();
    if (!*record) break;
    const std::span<const std::byte> data = (*record)->data;
    Stamp stamp;
    if (data.size() == record_bytes) std::memcpy(&stamp, data.data(), sizeof stamp);
    const bool known = data.size() == record_bytes && stamp.producer < appended.size();
    if (!known || stamp.number != seen[stamp.producer] ||
        std::memcmp(data.data() + sizeof stamp, expected[stamp.producer].data() + sizeof stamp,
                    data.size() - sizeof stamp) != 0) {
      return Error(Code::corruption,
                   fmt::format("the record at offset {} is not what was appended", (*record)->offset));
    }
    ++seen[stamp.producer];
    ++figures.records;
    figures.bytes += data.size();
  }
  for (std::size_t producer = 0; producer < appended.size(); ++producer) {
    if (seen[producer] != appended[producer]) {
      return Error(Code::corruption, fmt::format("producer {} appended {} records, {} came back", producer,
                                                 appended[producer], seen[producer]));
    }
  }
  figures.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return figures;
}

}  // namespace varve::bench
