#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "object_store/bytes.h"
#include "object_store/probe/checks.h"

namespace varve::object_store {
namespace {

/// All pages, `limit` names at a time; at most `pages_max`, so that a store that repeats itself ends.
Result<std::vector<std::vector<std::string>>> pages_of(TimedStore& patient, const std::string& prefix,
                                                       std::string after, std::uint32_t limit,
                                                       std::size_t pages_max) {
  std::vector<std::vector<std::string>> pages;
  while (pages.size() < pages_max) {
    const auto page = patient.list(prefix, after, limit);
    if (!page) return page.error();
    std::vector<std::string>& names = pages.emplace_back();
    for (const ListedObject& object : page->objects) names.push_back(object.key);
    if (!page->truncated || names.empty()) break;
    after = names.back();
  }
  return pages;
}

/// The names below `prefix`, in one page.
Result<std::set<std::string>> listed(TimedStore& patient, const std::string& prefix) {
  const auto page = patient.list(prefix);
  if (!page) return page.error();
  std::set<std::string> names;
  for (const ListedObject& object : page->objects) names.insert(object.key);
  return names;
}

/// What is wrong with listings while others come and go: each must have the names that stay. Nothing: empty.
Result<std::string> flaw_of_listings_meanwhile(const Trial& trial, std::size_t rounds) {
  const std::string prefix = trial.scratch.place() + "while-";
  std::vector<std::string> staying;
  for (const char* name : {"while-a", "while-m", "while-z"}) {
    staying.push_back(trial.scratch.key(name));
    if (auto created = create_fresh(trial.patient, staying.back(), "x"); !created) return created.error();
  }
  std::string passing;
  for (std::size_t i = 0; i < rounds; ++i) {
    const object_store::Answer<void> created;
    const object_store::Answer<std::vector<RemoveFailure>> removed;
    const std::string next = trial.scratch.key(fmt::format("while-{}{:04}", "bny"[i % 3], i));
    trial.patient.store().put_if_absent(next, copy_bytes("x"), created.done());
    if (!passing.empty()) trial.patient.store().remove({passing}, removed.done());
    const auto names = listed(trial.patient, prefix);
    const auto came = trial.patient.wait(created);
    if (!passing.empty()) {
      if (const auto went = trial.patient.wait(removed); !went) return went.error();
    }
    if (!came && came.error().code() != Code::already_exists) return came.error();
    if (!names) return names.error();
    for (const std::string& name : staying) {
      if (!names->contains(name))
        return fmt::format("'{}' was not listed while other names came and went", name);
    }
    passing = next;
  }
  return std::string();
}

}  // namespace

Result<Seen> check_read_after_write(const Trial& trial, std::size_t rounds) {
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::string key = trial.scratch.key(fmt::format("read-{}", i));
    const std::string text = fmt::format("text {}", i);
    // A reader at the tail asks for what is not there yet; a cache may remember that.
    if (const auto absent = text_of(trial.patient, key); !absent) return absent.error();
    if (auto created = create_fresh(trial.patient, key, text); !created) return created.error();
    // Not once only: one of several servers may be behind.
    for (int read = 0; read < 3; ++read) {
      const auto found = text_of(trial.patient, key);
      if (!found) return found.error();
      if (*found != text) {
        return Seen{false, fmt::format("'{}' was created, and '{}' was read after (object {} of {})", text,
                                       *found, i + 1, rounds)};
      }
    }
    if (auto more = trial.go_on(double(i + 1) / double(rounds)); !more) return more.error();
  }
  return Seen{true, fmt::format("{} objects read at once, each had been looked for before", rounds)};
}

Result<Seen> check_list_after_write(const Trial& trial, std::size_t rounds) {
  const std::string prefix = trial.scratch.place() + "list-";
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < rounds; ++i) {
    keys.push_back(trial.scratch.key(fmt::format("list-{:04}", i)));
    if (auto created = create_fresh(trial.patient, keys.back(), "x"); !created) return created.error();
    const auto names = listed(trial.patient, prefix);
    if (!names) return names.error();
    const auto missing =
        std::count_if(keys.begin(), keys.end(), [&](const auto& key) { return !names->contains(key); });
    if (missing != 0) {
      return Seen{false, fmt::format("{} of {} objects were not listed after they had been created", missing,
                                     keys.size())};
    }
    if (auto more = trial.go_on(0.8 * double(i + 1) / double(rounds)); !more) return more.error();
  }
  trial.scratch.drop(keys);
  const auto names = listed(trial.patient, prefix);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto text = text_of(trial.patient, name);
    if (!text) return text.error();
    // What is listed and can be read was not removed: that is not the listing's fault.
    if (*text == nothing) return Seen{false, fmt::format("'{}' was listed after it had been removed", name)};
  }
  const auto flaw = flaw_of_listings_meanwhile(trial, rounds);
  if (!flaw) return flaw.error();
  if (!flaw->empty()) return Seen{false, *flaw};
  return Seen{
      true, fmt::format("{} listings had all that was created, and nothing that was removed; and {} more all "
                        "that stayed while other names came and went",
                        rounds + 1, rounds)};
}

Result<Seen> check_list_order(const Trial& trial, std::size_t objects) {
  // '-' and '.' sort before '/', digits and letters after it: a store that sorts folders by their bare
  // names, or without regard to case, gets these wrong.
  std::vector<std::string> names{"order/B", "order/a", "order/b-c", "order/b.c", "order/b/1", "order/b0"};
  while (names.size() < objects) names.push_back(fmt::format("order/c{:06}", names.size() * 37));
  std::vector<std::string> keys;
  keys.reserve(names.size());
  for (const std::string& name : names) keys.push_back(trial.scratch.key(name));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (auto created = create_fresh(trial.patient, keys[keys.size() - 1 - i], "x"); !created)
      return created.error();
    if (auto more = trial.go_on(0.7 * double(i + 1) / double(keys.size())); !more) return more.error();
  }
  const std::string prefix = trial.scratch.place() + "order/";
  for (const std::uint32_t limit : {3U, 1000U}) {
    const auto pages = pages_of(trial.patient, prefix, "", limit, keys.size() + 2);
    if (!pages) return pages.error();
    if (const auto flaw = flaw_of_pages(*pages, limit, keys); !flaw.empty()) return Seen{false, flaw};
  }
  // After a name that is there, and after one that is not.
  const std::span<const std::string> after_four = std::span(keys).subspan(4);
  for (const std::string& after : {keys[3], keys[3] + "!"}) {
    const auto pages = pages_of(trial.patient, prefix, after, 1000, 2);
    if (!pages) return pages.error();
    if (const auto flaw = flaw_of_pages(*pages, 1000, after_four); !flaw.empty()) {
      return Seen{false, fmt::format("listed from '{}' on: {}", after, flaw)};
    }
  }
  return Seen{true, fmt::format("{} names in order, in pages, and after any name", keys.size())};
}

Result<Seen> check_ranges(const Trial& trial) {
  const std::string key = trial.scratch.key("ranges");
  std::string whole;
  while (whole.size() < 4000) whole += fmt::format("{:04},", whole.size());
  if (auto created = create_fresh(trial.patient, key, whole); !created) return created.error();
  const std::uint64_t size = whole.size();
  for (const ByteRange range : {ByteRange{0, 128}, ByteRange{1000, 500}, ByteRange{size - 7, 100},
                                ByteRange{size, 1}, ByteRange{size + 5000, 10}}) {
    const auto found = text_of(trial.patient, key, range);
    if (!found)
      return found.error().with_context(
          fmt::format("bytes {} to {}", range.offset, range.offset + range.length));
    const std::string wanted = range.offset < size ? whole.substr(range.offset, range.length) : std::string();
    if (*found != wanted) {
      return Seen{false, fmt::format("{} bytes from {} on of an object of {} gave {} bytes{}", range.length,
                                     range.offset, size, found->size(),
                                     found->size() == wanted.size() ? ", and not the right ones" : "")};
    }
  }
  return Seen{true, "inside, across the end, and behind it"};
}

}  // namespace varve::object_store
