#include "object_store/probe/scratch.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "object_store/key.h"

namespace varve::object_store {
namespace {

std::string random_name() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

Scratch::Scratch(TimedStore& patient, const std::string& prefix)
    : patient_(patient), place_(fmt::format("{}.varve-doctor/{}/", prefix, random_name())) {}

Scratch::~Scratch() { remove_all({keys_.begin(), keys_.end()}); }

std::string Scratch::key(std::string_view name) {
  std::string key = place_ + std::string(name);
  keys_.insert(key);
  return key;
}

void Scratch::drop(const std::vector<std::string>& keys) { remove_all(keys); }

std::uint64_t Scratch::clean() {
  remove_all({keys_.begin(), keys_.end()});
  keys_.clear();
  const Result<Listing> left = patient_.list(place_);
  return left ? left->objects.size() : 0;
}

void Scratch::remove_all(const std::vector<std::string>& keys) {
  for (std::size_t at = 0; at < keys.size(); at += object_store::max_removed) {
    const auto first = keys.begin() + static_cast<std::ptrdiff_t>(at);
    const auto last =
        first + static_cast<std::ptrdiff_t>(std::min(object_store::max_removed, keys.size() - at));
    // A store that no longer answers is not asked a dozen times over.
    if (!patient_.remove({first, last})) return;
  }
}

}  // namespace varve::object_store
