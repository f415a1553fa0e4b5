#include "object_store/probe/create_probe.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/thread.h"
#include "object_store/probe/checks.h"

namespace varve::object_store {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds patience_max{60'000};
constexpr milliseconds first_pause{50};
constexpr milliseconds pause_max{2'000};

milliseconds patience_until(Clock::time_point deadline) {
  const Clock::time_point now = base::now();
  if (deadline - now > patience_max) return patience_max;  // also `never`, without overflow
  return std::max(std::chrono::duration_cast<milliseconds>(deadline - now), milliseconds(1));
}

Result<Seen> try_once(Store& store, const std::string& prefix, Clock::time_point deadline) {
  TimedStore patient(store, patience_until(deadline));
  Scratch scratch(patient, prefix);
  return check_create_if_absent({patient, scratch});
}

}  // namespace

Result<void> prove_create_if_absent(Store& store, const std::string& prefix, Clock::time_point deadline) {
  milliseconds pause = first_pause;
  while (true) {
    const Result<Seen> seen = try_once(store, prefix, deadline);
    if (seen && seen->ok) return {};
    if (seen) {
      return Error(
          Code::unsupported,
          fmt::format("no log may live in this store: {}, so {}; use a store with atomic conditional "
                      "writes (`varve doctor` examines one, docs/stores.md lists some)",
                      seen->what, why_it_matters(Capability::create_if_absent)));
    }
    const Error& error = seen.error();
    if (error.code() != Code::unavailable || base::now() + pause >= deadline) {
      return error.with_context("trying whether the store refuses to create what exists");
    }
    base::sleep_until(base::now() + pause);
    pause = std::min(2 * pause, pause_max);
  }
}

}  // namespace varve::object_store
