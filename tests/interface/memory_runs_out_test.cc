// Memory runs out on the caller's thread, at each of its allocations in turn: every public function that can
// fail says so, and is well when it is called again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/interface/every_function.h"

namespace {

// Of this thread alone: below zero, nothing is counted.
thread_local std::int64_t allocations_left = -1;

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (allocations_left == 0) {
    allocations_left = -1;
    throw std::bad_alloc();
  }
  if (allocations_left > 0) --allocations_left;
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded)) return memory;
  throw std::bad_alloc();
}

void* allocate_or_null(std::size_t bytes, std::size_t alignment) noexcept {
  try {
    return allocate(bytes, alignment);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace

// All but the arrays' own, which the standard library makes of these. A sanitizer's own would not match the
// others.
void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate_or_null(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_or_null(bytes, static_cast<std::size_t>(alignment));
}
// NOLINTBEGIN(cppcoreguidelines-no-malloc): what `allocate` returns
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
// NOLINTEND(cppcoreguidelines-no-malloc)

namespace varve::interface_test {
namespace {

/// What `call` comes to when its `k`-th allocation fails: nothing once it does not come to so many.
template <class World>
std::optional<std::string> at_allocation(std::int64_t k, const std::function<Outcome(World&)>& call) {
  World world;
  Outcome outcome;
  allocations_left = k;
  try {
    outcome = call(world);
  } catch (...) {
    allocations_left = -1;
    return "threw";
  }
  const bool failed = allocations_left < 0;
  allocations_left = -1;
  if (!failed) return std::nullopt;
  return outcome ? std::string(to_string(*outcome)) : "ok";
}

/// `step`: every so many, of a call that takes seconds.
template <class Calls>
void fail_each_allocation(const Calls& calls, const std::string& name, std::int64_t step) {
  const auto [first, last] = calls.equal_range(name);
  for (auto call = first; call != last; ++call) {
    for (std::int64_t k = 0;; k += step) {
      SCOPED_TRACE("allocation " + std::to_string(k));
      ASSERT_LT(k, 10'000);
      const auto came_to = at_allocation(k, call->second);
      if (!came_to) break;
      ASSERT_TRUE(*came_to == "no_memory" || *came_to == "ok") << *came_to;
    }
  }
}

template <class Calls>
std::set<std::string> names_of(const Calls& calls) {
  std::set<std::string> names;
  for (const auto& [name, call] : calls) names.insert(name);
  return names;
}

std::string readable(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::erase(name, ':');
  return name;
}

class MemoryRunsOut : public testing::TestWithParam<std::string> {};
class MemoryRunsOutInC : public testing::TestWithParam<std::string> {};

TEST_P(MemoryRunsOut, AndTheCallSaysSo) {
  fail_each_allocation(cpp_calls(), GetParam(), GetParam() == "diagnose" ? 1000 : 1);
}
TEST_P(MemoryRunsOutInC, AndTheCallSaysSo) { fail_each_allocation(c_calls(), GetParam(), 1); }

INSTANTIATE_TEST_SUITE_P(In, MemoryRunsOut, testing::ValuesIn(names_of(cpp_calls())), readable);
INSTANTIATE_TEST_SUITE_P(In, MemoryRunsOutInC, testing::ValuesIn(names_of(c_calls())), readable);

// Functions without a result to say so in: they need no memory.
TEST(NoMemoryIsNeeded, ToStopOrWake) {
  World world;
  allocations_left = 0;
  world.reader->wake();
  world.reader->stop();
  world.consumer->wake();
  world.consumer->stop();
  world.copying->stop();
  const bool untouched = allocations_left == 0;
  allocations_left = -1;
  EXPECT_TRUE(untouched);
}

}  // namespace
}  // namespace varve::interface_test
