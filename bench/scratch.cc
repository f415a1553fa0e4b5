#include "bench/scratch.h"

#include <fmt/format.h>

#include <random>

#include "object_store/blocking.h"

namespace varve::bench {

Scratch::Scratch(std::shared_ptr<Store> store)
    : witness_(std::make_shared<Recorder>(std::move(store))),
      log_{witness_, fmt::format("varve-bench-{:08x}", std::random_device()())} {}

Scratch::~Scratch() {
  if (!log_.store) return;
  for (;;) {
    // The trailing part of the name differs ("-mutex" has a place of its own), so no slash here.
    const Result<Listing> page = object_store::list_now(*log_.store, log_.path, "", 1000);
    if (!page || page->objects.empty()) return;
    std::vector<std::string> keys;
    for (const ListedObject& object : page->objects) keys.push_back(object.key);
    const auto failures = object_store::remove_now(*log_.store, std::move(keys));
    if (!failures || !failures->empty()) return;  // it would not go on better
  }
}

}  // namespace varve::bench
