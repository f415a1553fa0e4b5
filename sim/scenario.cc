#include "sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/thread.h"
#include "varve/consumer.h"
#include "varve/inspect.h"
#include "varve/mirror.h"
#include "varve/reader.h"
#include "varve/retention.h"

namespace varve::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t storm_ms = 60'000;      // faults, kills and pauses end then
constexpr seconds end_within{900};              // of simulated time, once they have
constexpr std::uint64_t turns_max = 3'000'000;  // far beyond any run that ends
constexpr std::uint64_t processes_max = 10;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

Weather weather_of(Random& random) {
  const auto often = [&] { return static_cast<std::uint32_t>(random.chance(500) ? random.below(80) : 0); };
  return {.refused = often(),
          .unanswered = often(),
          .late = often(),
          .repeated = often(),
          .false_exists = often() / 2,
          .slow = often()};
}

}  // namespace

Scenario::Scenario(Options options)
    : options_(options),
      random_(options.seed * 2 + 1),
      entropy_(options.seed ^ 0x5eedU),
      fibers_(options.seed ^ 0xf1beU),
      source_(fibers_, options.seed ^ 0xb0cbU, "source"),
      copy_(fibers_, options.seed ^ 0xc0b1U, "copy") {
  base::Entropy::install(&entropy_);
}

Scenario::~Scenario() { base::Entropy::install(nullptr); }

std::optional<std::string> Scenario::run() {
  has_mirror_ = random_.chance(400);
  source_.set(weather_of(random_));
  copy_.set(weather_of(random_));
  const std::uint64_t processes = random_.between(2, processes_max);
  for (std::uint64_t i = 0; i < processes; ++i) begin_process(random_.below(storm_ms));
  std::string unfinished = "it has not begun to end";
  fibers_.at(fibers_.now() + milliseconds(storm_ms), [this, &unfinished] {
    source_.set({});
    copy_.set({});
    calm_ = true;
    for (ProcessId process = 1; process <= processes_; ++process) fibers_.kill(process);
    fibers_.start(0, [this, &unfinished] { end_well(unfinished); });
  });
  const base::TimePoint limit = fibers_.now() + milliseconds(storm_ms) + end_within;
  while (!ledger_.violation() && !unfinished.empty() && fibers_.now() < limit) {
    if (fibers_.run(limit, turns_max) != Fibers::Stopped::until_reached) break;
  }
  if (!ledger_.violation() && !unfinished.empty()) {
    ledger_.violated(fmt::format("did not end within its time: {} ({} turns, {} fibers wait)", unfinished,
                                 fibers_.turns(), fibers_.waiting()));
  }
  return ledger_.violation();
}

void Scenario::begin_process(std::uint64_t after_ms) {
  const auto clock_ahead_ms = static_cast<std::int64_t>(random_.below(4'000)) - 2'000;
  const ProcessId process = fibers_.new_process(clock_ahead_ms);
  processes_ = std::max(processes_, process);
  const std::uint64_t kind = random_.below(100);
  const base::TimePoint begin = fibers_.now() + milliseconds(after_ms);
  fibers_.at(begin, [this, process, kind] {
    fibers_.start(process, [this, process, kind] {
      if (kind < 50) return writer(process);
      if (kind < 70) return follower(process, kind < 60);
      if (kind < 80) return consumer(process);
      if (kind < 85) return retention(process);
      has_mirror_ ? mirror(process) : follower(process, true);
    });
  });
  const base::TimePoint storm_ends = fibers_.now() + milliseconds(storm_ms);
  const base::TimePoint trouble = std::min(storm_ends, begin + milliseconds(random_.below(storm_ms)));
  if (random_.chance(600)) {
    fibers_.at(trouble, [this, process] { fibers_.kill(process); });
  } else if (random_.chance(500)) {
    const base::TimePoint until = trouble + milliseconds(random_.below(storm_ms / 2));
    fibers_.at(trouble, [this, process, until] { fibers_.pause(process, until); });
  }
}

void Scenario::rest(std::uint64_t most_ms) {
  base::sleep_until(fibers_.now() + milliseconds(random_.below(most_ms) + 1));
}

void Scenario::say(const std::string& what) {
  if (!options_.verbose) return;
  fmt::print("{:>10} process {}: {}\n",
             std::chrono::duration_cast<milliseconds>(fibers_.now().time_since_epoch()).count(),
             fibers_.process(), what);
  std::fflush(stdout);
}

// No read was spoiled and nothing was lost: nobody may call the log damaged.
void Scenario::judge(const char* who, const Error& error) {
  say(fmt::format("{} is told: {}: {}", who, to_string(error.code()), error.message()));
  switch (error.code()) {
    case Code::corruption:
    case Code::foreign:
    case Code::unsupported:
    case Code::internal:
    case Code::invalid_argument:
      return ledger_.violated(
          fmt::format("{} is told {}: {}", who, to_string(error.code()), error.message()));
    default:
      break;
  }
  // Who ends the run has the log to himself, and no faults.
  if (fibers_.process() == 0) {
    ledger_.violated(fmt::format("{} is told {} though nothing goes wrong any more: {}", who,
                                 to_string(error.code()), error.message()));
  }
}

WriterOptions Scenario::writer_options() {
  WriterOptions options;
  options.batch_bytes = std::size_t{64} << 10;
  options.buffered_bytes_max = std::size_t{2} << 20;
  options.window = static_cast<std::uint32_t>(random_.between(1, 5));
  options.linger_ms = static_cast<std::uint32_t>(random_.below(50));
  options.checkpoint_every_objects = static_cast<std::uint32_t>(random_.between(1, 8));
  options.give_up_ms = 20'000;
  if (random_.chance(300))
    options.compression = random_.chance(500) ? Compression::lz4 : Compression::adaptive;
  return options;
}

void Scenario::writer(ProcessId process) {
  const auto opened = Writer::open(source(process), writer_options());
  if (!opened) return judge("a writer that opens", opened.error());
  Writer& writer = **opened;
  say(fmt::format("writes, epoch {}", writer.status().epoch));
  const std::string name = fmt::format("w{}", ++names_);
  append_some(writer, name, random_.between(1, 30));
  if (random_.chance(700)) {
    // What becomes of the appends, the callbacks say.
    const auto closed = writer.close(milliseconds(random_.between(1'000, 60'000)));
    say(closed ? "has closed" : closed.error().message());
  }
}

void Scenario::append_some(Writer& writer, const std::string& name, std::uint64_t records) {
  Offset& told_below = told_below_.emplace_back(0);
  for (std::uint64_t i = 0; i < records; ++i) {
    Append& append = appends_.emplace_back(Append{ledger_, fmt::format("{}-{}", name, i), told_below});
    const auto appended = writer.append(bytes_of(append.text), [&append](const Result<Offset>& outcome) {
      if (!outcome) {
        if (outcome.error().outcome() == WriteOutcome::not_written) append.ledger.not_written(append.text);
        return;
      }
      if (*outcome < append.told_below) append.ledger.violated("callbacks out of order: " + append.text);
      append.told_below = *outcome + 1;
      append.ledger.acknowledged(*outcome, append.text);
    });
    if (!appended) {
      judge("an append", appended.error());
      return;
    }
    if (random_.chance(300)) rest(400);
    if (random_.chance(100) && !writer.flush(milliseconds(5'000))) say("a flush has failed");
    if (random_.chance(40)) {
      const Offset before = random_.below(writer.status().durable_offset + 1);
      ledger_.trim_wished(before);
      const auto trimmed = writer.trim(before, {.timeout_ms = 10'000});
      if (!trimmed && trimmed.error().code() != Code::out_of_range) judge("a trim", trimmed.error());
    }
  }
}

void Scenario::follower(ProcessId process, bool follow) {
  ReaderOptions options;
  options.follow = follow;
  options.give_up_ms = 20'000;
  if (random_.chance(500)) options.from = random_.below(ledger_.acknowledged_end() + 1);
  auto opened = Reader::open(source(process), options);
  if (!opened) return judge("a reader that opens", opened.error());
  std::optional<Offset> expected = options.from;
  while (!calm_) {
    const auto record = (*opened)->next(milliseconds(random_.between(1, 5'000)));
    if (!record) {
      const bool goes_on = record.error().code() == Code::timed_out;
      if (!goes_on) return judge("a reader", record.error());
      continue;
    }
    if (!*record) {
      if (!follow) return;
      continue;
    }
    if (expected && (*record)->offset != *expected) {
      ledger_.violated(
          fmt::format("a reader is handed offset {} instead of {}", (*record)->offset, *expected));
    }
    expected = (*record)->offset + 1;
    ledger_.shown("a reader", (*record)->offset, text_of((*record)->data));
    if (random_.chance(100)) rest(500);
  }
}

void Scenario::consumer(ProcessId process) {
  ConsumerOptions options;
  options.commit_every_records = random_.between(1, 5);
  options.skip_trimmed = true;
  options.reader.follow = true;
  options.reader.give_up_ms = 20'000;
  auto opened = Consumer::open(source(process), "c", options);
  if (!opened) return judge("a consumer that opens", opened.error());
  while (!calm_) {
    const auto record = (*opened)->next(milliseconds(2'000));
    if (!record) {
      if (record.error().code() == Code::timed_out) continue;
      return judge("a consumer", record.error());
    }
    if (!*record) continue;
    ledger_.shown("a consumer", (*record)->offset, text_of((*record)->data));
    done_below_ = std::max(done_below_, (*record)->offset + 1);
    if (retains_) ledger_.trim_wished(done_below_);
    if (const auto done = (*opened)->done((*record)->offset); !done) return judge("a commit", done.error());
  }
}

void Scenario::retention(ProcessId process) {
  RetentionPolicy policy;
  policy.to_cursors = true;
  retains_ = true;  // from now on, for what it asks for may be carried out late
  ledger_.trim_wished(done_below_);
  const auto report =
      retain(source(process), policy, {.take_over = random_.chance(500), .give_up_ms = 20'000});
  // It takes no log from a writer that may be at work, and says so.
  if (!report && report.error().code() != Code::invalid_argument) judge("retention", report.error());
}

void Scenario::mirror(ProcessId process) {
  MirrorOptions options;
  options.give_up_ms = 20'000;
  options.checkpoint_every_objects = static_cast<std::uint32_t>(random_.between(1, 8));
  while (!calm_) {
    auto opened = Mirror::open(source(process), copy(process), options);
    if (!opened) {
      if (opened.error().code() != Code::not_found) judge("a mirror that opens", opened.error());
      if (opened.error().code() != Code::not_found && opened.error().code() != Code::unavailable) return;
      rest(5'000);
      continue;
    }
    const auto followed = (*opened)->catch_up();
    if (!followed) judge("a mirror", followed.error());
    rest(3'000);
  }
}

// Faults have stopped: a writer can open the log, append and close; readers see all of it; the log is sound.
void Scenario::end_well(std::string& unfinished) {
  const LogAddress log = source(0);
  unfinished = "a writer opens the log";
  auto opened = Writer::open(log, writer_options());
  if (!opened) return judge("the last writer", opened.error());
  unfinished = "the last writer appends";
  append_some(**opened, "last", 3);
  if (const auto flushed = (*opened)->flush(); !flushed) return judge("the last flush", flushed.error());
  unfinished = "the last writer closes";
  if (const auto closed = (*opened)->close(); !closed) return judge("the last close", closed.error());
  opened->reset();
  check_whole(log, "the log", unfinished);
  if (has_mirror_) {
    unfinished = "the mirror catches up";
    auto mirror = Mirror::open(log, copy(0), {});
    if (!mirror && mirror.error().code() == Code::out_of_range && ledger_.highest_trim() > 0) {
      unfinished.clear();  // trimmed away before it was copied: nothing can be gone on with
      return;
    }
    if (!mirror) return judge("the last mirror", mirror.error());
    if (const auto caught_up = (*mirror)->catch_up(); !caught_up)
      return judge("the last mirror", caught_up.error());
    mirror->reset();
    check_whole(copy(0), "the copy", unfinished);
    if (random_.chance(500)) promote_mirror(0, unfinished);
  }
  unfinished.clear();
}

void Scenario::promote_mirror(ProcessId process, std::string& unfinished) {
  unfinished = "the mirror is promoted";
  PromoteOptions options;
  options.source = source(process);
  const auto promoted = promote(copy(process), options);
  if (!promoted) return judge("a promotion", promoted.error());
  if (promoted->end_offset != ledger_.acknowledged_end()) {
    ledger_.violated(fmt::format("the copy is promoted at {}, and the log was acknowledged up to {}",
                                 promoted->end_offset, ledger_.acknowledged_end()));
  }
  unfinished = "a writer opens the promoted copy";
  auto opened = Writer::open(copy(process), writer_options());
  if (!opened) return judge("the writer of the promoted copy", opened.error());
  append_some(**opened, "promoted", 3);
  if (const auto closed = (*opened)->close(); !closed) return judge("its close", closed.error());
  check_whole(copy(process), "the promoted copy", unfinished);
}

void Scenario::check_whole(const LogAddress& log, const char* where, std::string& unfinished) {
  unfinished = fmt::format("{} is read", where);
  ReaderOptions options;
  auto opened = Reader::open(log, options);
  if (!opened) return judge(where, opened.error());
  std::optional<Offset> next;
  while (true) {
    const auto record = (*opened)->next(milliseconds(60'000));
    if (!record) return judge(where, record.error());
    if (!*record) break;
    if (!next && (*record)->offset > ledger_.highest_trim()) {
      ledger_.violated(fmt::format("{} begins at {}, and was trimmed to {} at most", where, (*record)->offset,
                                   ledger_.highest_trim()));
    }
    if (next && (*record)->offset != *next) {
      ledger_.violated(fmt::format("{}: offset {} follows {}", where, (*record)->offset, *next));
    }
    next = (*record)->offset + 1;
    ledger_.shown(where, (*record)->offset, text_of((*record)->data));
  }
  const Offset end = next.value_or((*opened)->position());
  if (end < ledger_.acknowledged_end()) {
    ledger_.violated(
        fmt::format("{} ends at {}, and was acknowledged up to {}", where, end, ledger_.acknowledged_end()));
  }
  unfinished = fmt::format("{} is verified", where);
  const auto report = verify(log);
  if (!report) return judge(where, report.error());
  for (const Finding& finding : report->findings) {
    if (finding.severity == Severity::damage)
      ledger_.violated(fmt::format("{}: verify: {}", where, finding.what));
  }
}

}  // namespace varve::sim
