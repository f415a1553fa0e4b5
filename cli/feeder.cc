#include "cli/feeder.h"

#include <chrono>

#include "cli/input.h"
#include "cli/wakeup.h"

namespace varve::cli {
namespace {

constexpr std::size_t read_bytes = std::size_t{1} << 20;

// How often an append that waits for room looks whether it should stop.
constexpr std::chrono::milliseconds stop_checked_every{100};

/// Adds to a counter that one thread writes and others read.
void add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

Feeder::Feeder(Writer& writer, Framing framing, Wakeup& stop)
    : writer_(writer), framing_(framing), stop_(stop), buffer_(read_bytes) {}

Result<void> Feeder::feed(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    auto input = Input::open(file);
    if (!input) return input.error();
    if (auto fed = feed_one(*input); !fed) return fed;
    if (stop_.is_set()) return {};
  }
  complete_ = true;
  return {};
}

Result<void> Feeder::feed_one(Input& input) {
  RecordCutter cutter(framing_);
  const RecordSink sink = [this](std::span<const std::byte> record) { return append(record); };
  while (true) {
    const auto got = input.read(buffer_, stop_);
    if (!got) return got.error();
    if (stop_.is_set()) return {};
    const auto more = *got == 0 ? cutter.finish(sink) : cutter.feed({buffer_.data(), *got}, sink);
    if (!more) return more.error().with_context(input.name());
    if (*got == 0 || !*more) return {};
  }
}

bool Feeder::append(std::span<const std::byte> record) {
  while (!stop_.is_set()) {
    const auto appended =
        writer_.append_wait(record, stop_checked_every, [this](const Result<Offset>& ended) {
          if (!ended) count_failure(ended.error());
        });
    if (appended) {
      add(records_, 1);
      add(bytes_, record.size());
      return true;
    }
    if (appended.error().code() != Code::timed_out) stop_.set();
  }
  return false;
}

void Feeder::count_failure(const Error& error) {
  add(error.outcome() == WriteOutcome::unknown ? unknown_ : not_written_, 1);
  stop_.set();
}

}  // namespace varve::cli
