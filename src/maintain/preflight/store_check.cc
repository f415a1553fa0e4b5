#include "maintain/preflight/store_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "maintain/preflight/advice.h"
#include "object_store/bytes.h"

namespace varve::preflight {
namespace {

// One that compression on the way cannot make smaller.
Bytes random_body(std::uint64_t bytes) {
  std::vector<std::uint64_t> words((bytes + 7) / 8);
  std::mt19937_64 random(1);
  std::generate(words.begin(), words.end(), std::ref(random));
  return object_store::copy_bytes(std::as_bytes(std::span(words)).first(bytes));
}

std::size_t stages_of(const Plan& plan) {
  constexpr std::size_t capabilities_tried = 8;
  constexpr std::size_t lists_and_deletes = 2;
  return capabilities_tried + 2 * plan.small.size() + lists_and_deletes + 2 * plan.large.size();
}

}  // namespace

StoreCheck::StoreCheck(Store& store, const DoctorOptions& options, const Plan& plan)
    : options_(options),
      plan_(plan),
      patient_(store, std::chrono::milliseconds(options.patience_ms)),
      scratch_(patient_, options.prefix) {}

Result<DoctorReport> StoreCheck::run() {
  report_.store = patient_.store().describe();
  report_.scratch = scratch_.place();
  if (auto reached = reach(); !reached) return reached.error();
  if (auto proved = prove_capabilities(); !proved) return proved.error();
  if (can_create_) {
    if (auto measured = measure_latencies(); !measured) return measured.error();
    advise();
  }
  report_.scratch_left = scratch_.clean();
  return std::move(report_);
}

Result<void> StoreCheck::reach() {
  const Result<void> put = patient_.put(scratch_.key("here"), object_store::copy_bytes("x"));
  // Of a put this can only mean that the place itself is not there.
  if (!put && put.error().code() == Code::not_found) return Error(Code::unavailable, put.error().message());
  return put;
}

Result<void> StoreCheck::prove_capabilities() {
  const std::vector<
      std::pair<Capability, std::function<Result<object_store::Seen>(const object_store::Trial&)>>>
      checks{
          {Capability::create_if_absent, object_store::check_create_if_absent},
          {Capability::atomic_create,
           [&](const object_store::Trial& trial) {
             return object_store::check_atomic_create(trial, plan_.races, plan_.racers);
           }},
          {Capability::read_after_write,
           [&](const object_store::Trial& trial) {
             return object_store::check_read_after_write(trial, plan_.rounds);
           }},
          {Capability::list_after_write,
           [&](const object_store::Trial& trial) {
             return object_store::check_list_after_write(trial, plan_.rounds);
           }},
          {Capability::list_order,
           [&](const object_store::Trial& trial) {
             return object_store::check_list_order(trial, plan_.objects);
           }},
          {Capability::ranges, object_store::check_ranges},
          {Capability::replace,
           [&](const object_store::Trial& trial) {
             return object_store::check_replace(trial, plan_.rounds);
           }},
          {Capability::remove,
           [&](const object_store::Trial& trial) {
             return object_store::check_remove(trial, plan_.removed);
           }},
      };
  for (const auto& [capability, check] : checks) {
    if (!can_create_) {
      note(capability, Verdict::not_tested, "objects cannot be created as a log does");
    } else if (auto proved = prove(capability, check); !proved) {
      return proved;
    }
  }
  compare_clocks();
  return {};
}

void StoreCheck::compare_clocks() {
  const auto ahead = patient_.store().clock_ahead();
  if (!ahead) return note(Capability::clock, Verdict::not_tested, "the store does not tell us its time");
  const object_store::Seen seen = object_store::seen_of_clock(*ahead);
  note(Capability::clock, seen.ok ? Verdict::ok : Verdict::fails, seen.what);
}

void StoreCheck::note(Capability capability, Verdict verdict, std::string what) {
  report_.capabilities.push_back({.capability = capability,
                                  .verdict = verdict,
                                  .needed = object_store::is_needed(capability),
                                  .what = std::move(what),
                                  .why = std::string(object_store::why_it_matters(capability))});
}

Result<void> StoreCheck::prove(
    Capability capability,
    const std::function<Result<object_store::Seen>(const object_store::Trial&)>& check) {
  const object_store::Trial trial{patient_, scratch_,
                                  begin_stage(fmt::format("trying {}", to_string(capability)))};
  const Result<object_store::Seen> seen = check(trial);
  if (!seen && object_store::prevents_looking(seen.error().code())) {
    return seen.error().with_context(fmt::format("while trying {}", to_string(capability)));
  }
  if (!seen && capability == Capability::create_if_absent) can_create_ = false;
  note(capability, seen && seen->ok ? Verdict::ok : Verdict::fails,
       seen ? seen->what : seen.error().message());
  return {};
}

Result<void> StoreCheck::measure_latencies() {
  if (auto measured = measure_small(); !measured) return measured;
  return measure_large();
}

Result<void> StoreCheck::measure_small() {
  const Bytes body = random_body(plan_.small_bytes);
  std::vector<std::string> stored;
  for (const Sample& sample : plan_.small) {
    stored = keys(fmt::format("small-{}", sample.in_flight), sample.requests_max);
    if (auto timed = time_puts(sample, body, stored); !timed) return timed;
    stored.resize(report_.latencies.back().requests);
  }
  for (const Sample& sample : plan_.small) {
    if (auto timed = time_gets(sample, plan_.small_bytes, stored); !timed) return timed;
  }
  Store& store = patient_.store();
  const auto list = [&](std::uint32_t, const std::function<void(Result<void>)>& done) {
    store.list(scratch_.place() + "small-", "", 1000, [done](const Result<Listing>& page) {
      done(page ? Result<void>() : Result<void>(page.error()));
    });
  };
  if (auto timed = time({"LIST", 0, 1, plan_.lists, plan_.sample_time_max}, list); !timed) return timed;
  const auto remove = [&](std::uint32_t index, const std::function<void(Result<void>)>& done) {
    store.remove({stored[index]}, [done](const Result<std::vector<RemoveFailure>>& removed) {
      // Who may not delete is found out by the trial of it; here only the time counts.
      done(removed || removed.error().code() == Code::denied ? Result<void>()
                                                             : Result<void>(removed.error()));
    });
  };
  const auto removals =
      static_cast<std::uint32_t>(std::min<std::size_t>(stored.size(), plan_.small[0].requests_max));
  return time({"DELETE", 0, 1, removals, plan_.sample_time_max}, remove);
}

Result<void> StoreCheck::measure_large() {
  const Bytes body = random_body(plan_.large_bytes);
  std::vector<std::string> stored;
  for (const Sample& sample : plan_.large) {
    scratch_.drop(stored);  // only the last sample's are kept, to be read
    stored = keys(fmt::format("large-{}", sample.in_flight), sample.requests_max);
    if (auto timed = time_puts(sample, body, stored); !timed) return timed;
    stored.resize(report_.latencies.back().requests);
  }
  for (const Sample& sample : plan_.large) {
    if (auto timed = time_gets(sample, plan_.large_bytes, stored); !timed) return timed;
  }
  return {};
}

Result<void> StoreCheck::time(const Load& load, const Send& send) {
  const auto go_on = begin_stage(
      fmt::format("timing {} of {} bytes, {} at once", load.request, load.body_bytes, load.in_flight));
  auto timed = measure(patient_, load, send, go_on);
  if (!timed) return timed.error().with_context(fmt::format("while timing {}", load.request));
  report_.latencies.push_back(*std::move(timed));
  return {};
}

Result<void> StoreCheck::time_puts(const Sample& sample, const Bytes& body,
                                   const std::vector<std::string>& keys) {
  const auto put = [&](std::uint32_t index, const std::function<void(Result<void>)>& done) {
    patient_.store().put_if_absent(keys[index], body, [done](const Result<void>& created) {
      // The name is ours alone: that it exists is the store's own retry meeting the first try.
      done(!created && created.error().code() == Code::already_exists ? Result<void>() : created);
    });
  };
  return time({"PUT", body.data.size(), sample.in_flight, sample.requests_max, plan_.sample_time_max}, put);
}

Result<void> StoreCheck::time_gets(const Sample& sample, std::uint64_t body_bytes,
                                   const std::vector<std::string>& keys) {
  const auto get = [&](std::uint32_t index, const std::function<void(Result<void>)>& done) {
    patient_.store().get(keys[index % keys.size()], {}, [done](const Result<Bytes>& bytes) {
      // A store that does not find what it stored was found out by the trial of that.
      const bool answered = bytes || bytes.error().code() == Code::not_found;
      done(answered ? Result<void>() : Result<void>(bytes.error()));
    });
  };
  return time({"GET", body_bytes, sample.in_flight, sample.requests_max, plan_.sample_time_max}, get);
}

std::vector<std::string> StoreCheck::keys(std::string_view name, std::uint32_t count) {
  std::vector<std::string> keys;
  for (std::uint32_t i = 0; i < count; ++i) keys.push_back(scratch_.key(fmt::format("{}-{}", name, i)));
  return keys;
}

void StoreCheck::advise() {
  const bool priced = patient_.store().requests_are_priced();
  report_.settings = recommend(line_of(report_.latencies), priced);
  if (priced || options_.prices) {
    report_.cost = monthly_cost(options_.traffic, options_.prices.value_or(Prices{}), report_.settings);
  }
}

std::function<Result<void>(double part)> StoreCheck::begin_stage(std::string doing) {
  const auto begun = static_cast<double>(stages_begun_++);
  const auto all = static_cast<double>(stages_of(plan_));
  if (options_.progress) options_.progress(doing, std::min(begun / all, 1.0));
  return [this, begun, all, doing = std::move(doing)](double part) -> Result<void> {
    if (options_.stop.stop_requested()) return Error(Code::closed, "stopped before the examination was done");
    if (options_.progress) options_.progress(doing, std::min((begun + part) / all, 1.0));
    return {};
  };
}

}  // namespace varve::preflight
