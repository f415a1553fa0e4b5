#include <fmt/format.h>

#include <vector>

#include "object_store/bytes.h"
#include "object_store/probe/checks.h"

namespace varve::object_store {
namespace {

using object_store::copy_bytes;

/// One race, and who holds the name in the end.
Result<Race> race_for(TimedStore& patient, const std::string& key, std::size_t racers) {
  std::vector<object_store::Answer<void>> answers(racers);
  for (std::size_t i = 0; i < racers; ++i) {
    patient.store().put_if_absent(key, copy_bytes(fmt::format("racer {}", i)), answers[i].done());
  }
  Race race;
  std::optional<Error> failed;
  for (const object_store::Answer<void>& answer : answers) {
    const Result<void> created = patient.wait(answer);
    race.won.push_back(created.has_value());
    if (!created && created.error().code() != Code::already_exists) failed = created.error();
  }
  if (failed) return *failed;
  const auto text = text_of(patient, key);
  if (!text) return text.error();
  for (std::size_t i = 0; i < racers; ++i) {
    if (*text == fmt::format("racer {}", i)) race.holder = i;
  }
  return race;
}

/// How many of the keys can be read still.
Result<std::size_t> count_readable(TimedStore& patient, const std::vector<std::string>& keys) {
  std::vector<object_store::Answer<Bytes>> answers(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) patient.store().get(keys[i], {}, answers[i].done());
  std::size_t readable = 0;
  std::optional<Error> failed;
  for (const auto& answer : answers) {
    const Result<Bytes> bytes = patient.wait(answer);
    if (bytes) ++readable;
    if (!bytes && bytes.error().code() != Code::not_found) failed = bytes.error();
  }
  if (failed) return *failed;
  return readable;
}

}  // namespace

Result<void> create_fresh(TimedStore& patient, const std::string& key, std::string_view text) {
  // "Exists" may be an earlier try of this very create, or a false alarm: then nothing is there.
  constexpr int tries = 4;
  for (int i = 0; i < tries; ++i) {
    const Result<void> created = patient.create(key, copy_bytes(text));
    if (created || created.error().code() != Code::already_exists) return created;
    const auto there = text_of(patient, key);
    if (!there) return there.error();
    if (*there != nothing) return {};
  }
  return {};  // whoever looks next will say that it cannot be read
}

Result<std::string> text_of(TimedStore& patient, const std::string& key, ByteRange range) {
  const Result<Bytes> bytes = patient.get(key, range);
  if (!bytes && bytes.error().code() == Code::not_found) return std::string(nothing);
  if (!bytes) return bytes.error();
  return std::string(reinterpret_cast<const char*>(bytes->data.data()), bytes->data.size());
}

Result<Seen> check_create_if_absent(const Trial& trial) {
  const std::string key = trial.scratch.key("create");
  if (auto created = create_fresh(trial.patient, key, "first"); !created) return created.error();
  const Result<void> again = trial.patient.create(key, copy_bytes("second"));
  if (again) {
    return Seen{false,
                "an object that existed was created again: the store ignores the condition "
                "(If-None-Match on S3)"};
  }
  if (again.error().code() != Code::already_exists) return again.error();
  const auto text = text_of(trial.patient, key);
  if (!text) return text.error();
  if (*text == "second") return Seen{false, "a second create was refused, but its body is stored"};
  if (*text != "first") return Seen{false, "after a refused second create the object cannot be read"};
  return Seen{true, "a second create is refused, the object stays as it was"};
}

Result<Seen> check_atomic_create(const Trial& trial, std::size_t races, std::size_t racers) {
  std::size_t flawed = 0;
  std::string first_flaw;
  for (std::size_t i = 0; i < races; ++i) {
    const auto race = race_for(trial.patient, trial.scratch.key(fmt::format("race-{}", i)), racers);
    if (!race) return race.error();
    if (const std::string flaw = flaw_of(*race); !flaw.empty()) {
      if (flawed++ == 0) first_flaw = flaw;
    }
    if (auto more = trial.go_on(double(i + 1) / double(races)); !more) return more.error();
  }
  if (flawed != 0) return Seen{false, fmt::format("in {} of {} races: {}", flawed, races, first_flaw)};
  return Seen{true, fmt::format("one winner among {} creates at once, on each of {} names", racers, races)};
}

Result<Seen> check_replace(const Trial& trial, std::size_t rounds) {
  const std::string key = trial.scratch.key("replace");
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::string text = fmt::format("version {}", i);
    if (auto put = trial.patient.put(key, copy_bytes(text)); !put) return put.error();
    const auto read = text_of(trial.patient, key);
    if (!read) return read.error();
    if (*read != text) return Seen{false, fmt::format("'{}' was put, and '{}' was read after", text, *read)};
    if (auto more = trial.go_on(double(i + 1) / double(rounds)); !more) return more.error();
  }
  return Seen{true, fmt::format("the newest of {} versions is read each time", rounds)};
}

Result<Seen> check_remove(const Trial& trial, std::size_t objects) {
  std::vector<std::string> keys;
  std::vector<object_store::Answer<void>> answers(objects);
  for (std::size_t i = 0; i < objects; ++i) {
    keys.push_back(trial.scratch.key(fmt::format("remove-{}", i)));
    trial.patient.store().put_if_absent(keys.back(), copy_bytes("x"), answers[i].done());
  }
  std::optional<Error> failed;
  for (const auto& answer : answers) {
    const Result<void> created = trial.patient.wait(answer);
    if (!created && created.error().code() != Code::already_exists) failed = created.error();
  }
  if (failed) return *failed;
  if (auto more = trial.go_on(0.3); !more) return more.error();

  std::vector<std::string> asked = keys;
  asked.push_back(trial.scratch.key("remove-never-was"));
  const auto removed = trial.patient.remove(asked);
  // Who may write but not delete can have a log that is never trimmed.
  if (!removed && removed.error().code() == Code::denied) return Seen{false, removed.error().message()};
  if (!removed) return removed.error();
  if (!removed->empty()) {
    const RemoveFailure& first = removed->front();
    return Seen{false, fmt::format("{} of {} objects could not be removed: {}: {}", removed->size(),
                                   asked.size(), first.key, first.error.message())};
  }
  if (auto more = trial.go_on(0.6); !more) return more.error();
  const auto readable = count_readable(trial.patient, keys);
  if (!readable) return readable.error();
  if (*readable != 0) {
    return Seen{false,
                fmt::format("{} of {} removed objects are still there, though the store said that they "
                            "were gone",
                            *readable, objects)};
  }
  return Seen{true, fmt::format("{} at once are gone; one that never was does no harm", objects)};
}

}  // namespace varve::object_store
