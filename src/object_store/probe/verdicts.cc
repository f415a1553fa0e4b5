#include "object_store/probe/verdicts.h"

#include <fmt/format.h>

#include <algorithm>

namespace varve::object_store {

std::string flaw_of(const Race& race) {
  const auto winners = static_cast<std::size_t>(std::count(race.won.begin(), race.won.end(), true));
  if (winners > 1) {
    return fmt::format("{} of {} creates of the same name at once were told that they had succeeded", winners,
                       race.won.size());
  }
  if (!race.holder) return "the object is none of those that raced to create it";
  if (winners == 1 && !race.won[*race.holder]) {
    return "the object is that of a create that was told that it had failed";
  }
  // No winner and one holder: the winner's answer was lost and its own retry met the object. The log
  // finds out in the same way: it looks who is there.
  return {};
}

std::string flaw_of_pages(std::span<const std::vector<std::string>> pages, std::size_t limit,
                          std::span<const std::string> wanted) {
  std::vector<std::string> found;
  for (const std::vector<std::string>& page : pages) {
    if (page.size() > limit) return fmt::format("a page of at most {} names had {}", limit, page.size());
    found.insert(found.end(), page.begin(), page.end());
  }
  if (std::equal(found.begin(), found.end(), wanted.begin(), wanted.end())) return {};
  if (!std::is_sorted(found.begin(), found.end())) {
    const auto second = std::is_sorted_until(found.begin(), found.end());
    return fmt::format("'{}' came before '{}', which is not the order of their bytes", *std::prev(second),
                       *second);
  }
  if (found.size() > wanted.size()) {
    return fmt::format("{} names instead of {}: some that were not asked for", found.size(), wanted.size());
  }
  return fmt::format("{} of {} names: pages leave some out", found.size(), wanted.size());
}

Seen seen_of_clock(std::chrono::seconds ahead) {
  // Dates are in whole seconds, and take their time to come.
  constexpr std::chrono::seconds exact{5};
  constexpr std::chrono::seconds bearable{60};
  const auto off = std::chrono::abs(ahead);
  if (off <= exact) return {true, "the store's time is ours"};
  const std::string what = fmt::format("this machine's clock is {} s {} the store's", off.count(),
                                       ahead.count() > 0 ? "behind" : "ahead of");
  return {off <= bearable, off <= bearable ? what : what + ": set it (NTP)"};
}

bool prevents_looking(Code code) noexcept {
  switch (code) {
    case Code::denied:
    case Code::no_space:
    case Code::unavailable:
    case Code::timed_out:
    case Code::closed:
      return true;
    default:
      return false;
  }
}

bool is_needed(Capability capability) noexcept {
  switch (capability) {
    case Capability::create_if_absent:
    case Capability::atomic_create:
    case Capability::read_after_write:
    case Capability::list_after_write:
    case Capability::list_order:
    case Capability::ranges:
      return true;
    case Capability::replace:
    case Capability::remove:
    case Capability::clock:
      break;
  }
  return false;
}

std::string_view why_it_matters(Capability capability) noexcept {
  switch (capability) {
    case Capability::create_if_absent:
      return "a writer that was taken over would overwrite what its successor had acknowledged";
    case Capability::atomic_create:
      return "two writers could both believe that they own the log, and acknowledge different records "
             "at the same offsets";
    case Capability::read_after_write:
      return "a reader could miss acknowledged records, and an open could cut them off";
    case Capability::list_after_write:
      return "an open that does not see the newest objects could cut acknowledged records off";
    case Capability::list_order:
      return "an open finds the log's end by listing from a name on";
    case Capability::ranges:
      return "headers are read without their objects' bodies";
    case Capability::replace:
      return "an old checkpoint makes opening slow; no record is in danger";
    case Capability::remove:
      return "a trim could not free space; no record is in danger";
    case Capability::clock:
      return "S3 refuses what is 15 minutes off, so that every opening costs a refused request more; "
             "the log itself relies on no clock";
  }
  return "";
}

}  // namespace varve::object_store

namespace varve {

std::string_view to_string(Capability capability) noexcept {
  switch (capability) {
    case Capability::create_if_absent:
      return "create_if_absent";
    case Capability::atomic_create:
      return "atomic_create";
    case Capability::read_after_write:
      return "read_after_write";
    case Capability::list_after_write:
      return "list_after_write";
    case Capability::list_order:
      return "list_order";
    case Capability::ranges:
      return "ranges";
    case Capability::replace:
      return "replace";
    case Capability::remove:
      return "remove";
    case Capability::clock:
      return "clock";
  }
  return "unknown";
}

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::fails:
      return "fails";
    case Verdict::not_tested:
      return "not_tested";
  }
  return "unknown";
}

bool DoctorReport::usable() const noexcept {
  return std::none_of(capabilities.begin(), capabilities.end(), [](const CapabilityReport& report) {
    return report.needed && report.verdict != Verdict::ok;
  });
}

}  // namespace varve
