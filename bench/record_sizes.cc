#include "bench/record_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "object_store/uri.h"
#include "varve/writer.h"

namespace varve::bench {

namespace {

constexpr std::size_t draws = 1024;
constexpr std::uint64_t seed = 1;  // every run has the same sizes in the same order

Result<std::uint32_t> parse_size(std::string_view text) {
  const Result<std::uint64_t> bytes = object_store::parse_bytes(text);
  if (!bytes) return bytes.error();
  if (*bytes < RecordSizes::least || *bytes > max_record_bytes) {
    return Error(Code::invalid_argument, fmt::format("a record has {} to {} bytes here, not {}",
                                                     RecordSizes::least, max_record_bytes, *bytes));
  }
  return static_cast<std::uint32_t>(*bytes);
}

Result<std::vector<std::uint32_t>> draw_between(std::string_view low, std::string_view high) {
  const Result<std::uint32_t> from = parse_size(low);
  if (!from) return from.error();
  const Result<std::uint32_t> to = parse_size(high);
  if (!to) return to.error();
  if (*from > *to) return Error(Code::invalid_argument, "the smaller size comes first, as in 100-4KiB");
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::uint32_t> size(*from, *to);
  std::vector<std::uint32_t> drawn(draws);
  std::ranges::generate(drawn, [&] { return size(random); });
  return drawn;
}

Result<std::vector<std::uint32_t>> draw_weighted(std::string_view text) {
  std::vector<std::uint32_t> sizes;
  std::vector<double> weights;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t colon = part.find(':');
    const Result<std::uint32_t> size = parse_size(part.substr(0, colon));
    if (!size) return size.error();
    const Result<std::uint64_t> weight =
        colon == std::string_view::npos ? 0 : object_store::parse_count(part.substr(colon + 1));
    if (!weight || *weight == 0) {
      return Error(Code::invalid_argument, "each size needs a weight above zero, as in 100:9,4KiB:1");
    }
    sizes.push_back(*size);
    weights.push_back(static_cast<double>(*weight));
  }
  std::mt19937_64 random(seed);
  std::discrete_distribution<std::size_t> which(weights.begin(), weights.end());
  std::vector<std::uint32_t> drawn(draws);
  std::ranges::generate(drawn, [&] { return sizes[which(random)]; });
  return drawn;
}

}  // namespace

Result<RecordSizes> RecordSizes::parse(std::string_view text) {
  if (text.find_first_of("-:,") == std::string_view::npos) {
    const Result<std::uint32_t> bytes = parse_size(text);
    if (!bytes) return bytes.error();
    return RecordSizes({*bytes}, text);
  }
  const std::size_t dash = text.find('-');
  Result<std::vector<std::uint32_t>> drawn = dash == std::string_view::npos
                                                 ? draw_weighted(text)
                                                 : draw_between(text.substr(0, dash), text.substr(dash + 1));
  if (!drawn) return drawn.error();
  return RecordSizes(*std::move(drawn), text);
}

std::size_t RecordSizes::most() const { return std::ranges::max(drawn_); }

double RecordSizes::mean() const {
  return std::accumulate(drawn_.begin(), drawn_.end(), 0.0) / static_cast<double>(drawn_.size());
}

}  // namespace varve::bench
