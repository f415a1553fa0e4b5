// Bytes as they come in life, from files that Debian packages have installed here, cut into records.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "varve/result.h"

namespace varve::bench {

struct Corpus {
  std::string name;
  std::vector<std::byte> bytes;
  std::vector<std::span<const std::byte>> records;  ///< of `bytes`, in their order, without gaps
};

/// "logs", "json", "source", "compressed", "random".
[[nodiscard]] std::span<const std::string_view> corpus_names();

/// Up to `bytes_max` of it. Files are taken in the order of their names, so that it is the same corpus each
/// time. Errors: `not_found`, where too little of it is installed.
Result<Corpus> load_corpus(std::string_view name, std::size_t bytes_max);

}  // namespace varve::bench
