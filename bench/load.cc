#include "bench/load.h"

#include <cstring>

namespace varve::bench {

void make_record(std::span<std::byte> record, Stamp stamp) {
  std::memset(record.data(), static_cast<int>('A' + stamp.producer % 26), record.size());
  restamp(record, stamp);
}

void restamp(std::span<std::byte> record, Stamp stamp) { std::memcpy(record.data(), &stamp, sizeof stamp); }

}  // namespace varve::bench
