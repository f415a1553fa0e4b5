#include "bench/append.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bench/check.h"
#include "bench/raw.h"
#include "bench/run.h"
#include "bench/scratch.h"
#include "format/records.h"

namespace varve::bench {

namespace {

constexpr std::array<std::string_view, 5> names{"varve", "bare", "mutex", "unordered", "raw"};

Result<std::unique_ptr<Contestant>> make(Way way, const LogAddress& log, const WriterOptions& options) {
  switch (way) {
    case Way::bare:
      return make_bare(options);
    case Way::mutex:
      return make_mutex(log, options);
    case Way::unordered:
      return make_unordered(log, options);
    default:
      return make_varve(log, options);
  }
}

Error came_back(std::uint64_t expected, std::uint64_t stored) {
  return {Code::corruption, fmt::format("{} bytes were to be stored, {} are there", expected, stored)};
}

Result<Figures> put_same_objects(const Scratch& scratch, const AppendTrial& trial, const Figures& of_varve) {
  std::vector<std::size_t> sizes;
  std::uint64_t bytes = 0;
  for (const Upload& upload : of_varve.uploads) {
    sizes.push_back(upload.bytes);
    bytes += upload.bytes;
  }
  Result<Figures> figures = put_raw(scratch.log(), sizes, uploads_at_once(trial.writer));
  if (!figures) return figures;
  const auto stored = stored_under(*scratch.log().store, scratch.log().path);
  if (!stored) return stored.error();
  if (*stored != bytes) return came_back(bytes, *stored);
  return figures;
}

// What plain objects of just these records take: the order among producers does not matter.
Result<void> check_plain(const Scratch& scratch, const Load& load,
                         const std::vector<std::uint64_t>& appended) {
  std::uint64_t bytes = 0;
  for (std::uint64_t producer = 0; producer < appended.size(); ++producer) {
    for (std::uint64_t number = 0; number < appended[producer]; ++number) {
      bytes += format::stored_bytes(load.sizes.of(producer, number));
    }
  }
  const auto stored = stored_under(*scratch.log().store, scratch.log().path);
  if (!stored) return stored.error();
  return *stored == bytes ? Result<void>() : Result<void>(came_back(bytes, *stored));
}

Result<void> check(Way way, const Scratch& scratch, const Load& load, const Figures& figures) {
  switch (way) {
    case Way::bare:
      return {};
    case Way::mutex:
      return check_plain(scratch, load, figures.appended);
    default:
      return check_log(scratch.log(), load.sizes, figures.appended);
  }
}

}  // namespace

std::string_view name_of(Way way) { return names[static_cast<std::size_t>(way)]; }

std::optional<Way> way_named(std::string_view name) {
  const auto* const at = std::ranges::find(names, name);
  return at == names.end() ? std::nullopt : std::optional(static_cast<Way>(at - names.begin()));
}

Result<Figures> append_once(Way way, const AppendTrial& trial, const Figures& of_varve, Live& live) {
  const Scratch scratch(trial.store);
  const Recorder& witness = *scratch.witness();
  Result<Figures> figures = Figures{};
  if (way == Way::raw) {
    figures = put_same_objects(scratch, trial, of_varve);
    if (!figures) return figures;
  } else {
    const auto contestant = make(way, scratch.log(), trial.writer);
    if (!contestant) return contestant.error();
    const StoreUse opening = witness.use();
    figures = run(**contestant, trial.load, live);
    if (!figures) return figures;
    figures->use = witness.use() - opening;
  }
  figures->uploads = witness.uploads();
  figures->put_us = witness.put_us();
  if (way == Way::varve) add_order_bound(*figures);
  if (way == Way::raw) {
    figures->use = witness.use();
    return figures;
  }
  const Result<void> right = check(way, scratch, trial.load, *figures);
  return right ? figures : Result<Figures>(right.error());
}

}  // namespace varve::bench
