#include "store/conformance.h"

#include <filesystem>
#include <string>

namespace varve::store {
namespace {

std::shared_ptr<Store> open(const std::string& uri) {
  auto store = open_store(uri);
  if (store) return *store;
  ADD_FAILURE() << store.error().message();
  return nullptr;
}

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreConformance,
    testing::Values(StoreUnderTest{"memory", [] { return open("mem://conformance"); }},
                    StoreUnderTest{
                        "file", [] { return open("file://" + testing::TempDir() + "varve-conformance"); }}),
    name_of);

}  // namespace
}  // namespace varve::store
