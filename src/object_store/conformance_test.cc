#include "testing/conformance.h"

#include <string>

#include "object_store/metered.h"
#include "testing/faulty.h"

namespace varve::object_store {
namespace {

std::shared_ptr<Store> open(const std::string& uri) {
  auto store = open_store(uri);
  if (store) return *store;
  ADD_FAILURE() << store.error().message();
  return nullptr;
}

std::shared_ptr<Store> open_file() { return open("file://" + testing::TempDir() + "varve-conformance"); }

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreConformance,
    testing::Values(
        StoreUnderTest{"memory", [] { return open("mem://conformance"); }},  //
        StoreUnderTest{
            "memoryWithLatency",
            [] {
              return open(
                  "mem://conformance?put=200us,1ms,3ms&get=100us,1ms,2ms&stall=1%,3ms&bandwidth=1GiB");
            }},
        StoreUnderTest{"file", open_file},
        StoreUnderTest{"faulty", [] { return std::make_shared<FaultyStore>(open("mem://conformance")); }},
        StoreUnderTest{"metered", [] { return std::make_shared<MeteredStore>(open("mem://conformance")); }}),
    name_of);

}  // namespace
}  // namespace varve::object_store
