#include "bench/contestant.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

namespace varve::bench {

using Clock = std::chrono::steady_clock;

namespace {

// A clock read costs a fifth of an append: only some are timed when they come flat out.
constexpr std::uint64_t timed_one_in = 64;

std::uint64_t micros_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Callbacks come from one thread, so the histogram needs no lock.
struct Acknowledgements {
  Clock::time_point start;
  Histogram ack_us;
  std::atomic<bool> failed = false;

  AppendCallback timed() {
    return [this, began_us = micros_since(start)](const Result<Offset>& outcome) {
      if (!outcome) failed.store(true, std::memory_order_relaxed);
      ack_us.add(micros_since(start) - began_us);
    };
  }
  AppendCallback untimed() {
    return [this](const Result<Offset>& outcome) {
      if (!outcome) failed.store(true, std::memory_order_relaxed);
    };
  }
};

class Producer {
 public:
  Producer(Contestant& contestant, const Load& load, std::uint64_t number, Acknowledgements& acknowledgements)
      : contestant_(contestant), load_(load), number_(number), acknowledgements_(acknowledgements) {
    for (std::uint32_t i = 0; i < load.batch; ++i)
      make_record(records_.emplace_back(load.record_bytes), {number, 0});
    for (const auto& record : records_) views_.emplace_back(record);
  }

  void operator()(Clock::time_point end) {
    const double calls_per_second = load_.records_per_second / load_.producers / load_.batch;
    const auto pause = calls_per_second > 0 ? std::chrono::duration<double>(1 / calls_per_second)
                                            : std::chrono::duration<double>(0);
    const bool limited = calls_per_second > 0;
    const Clock::time_point begin = Clock::now();
    for (std::uint64_t call = 0; !error_; ++call) {
      if (limited) {
        const auto due =
            begin + std::chrono::duration_cast<Clock::duration>(pause * static_cast<double>(call));
        if (due >= end) return;
        std::this_thread::sleep_until(due);
      } else if (call % timed_one_in == 0 && Clock::now() >= end) {
        return;
      }
      append(limited || call % timed_one_in == 0);
    }
  }

  [[nodiscard]] std::uint64_t appended() const { return appended_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void append(bool timed) {
    for (std::uint32_t i = 0; i < load_.batch; ++i) restamp(records_[i], {number_, appended_ + i});
    const Result<void> done = contestant_.append(
        views_, load_.reserve, timed ? acknowledgements_.timed() : acknowledgements_.untimed());
    if (done) {
      appended_ += load_.batch;
    } else {
      error_ = done.error();
    }
  }

  Contestant& contestant_;
  const Load& load_;
  std::uint64_t number_;
  Acknowledgements& acknowledgements_;
  std::vector<std::vector<std::byte>> records_;
  std::vector<std::span<const std::byte>> views_;
  std::uint64_t appended_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<Figures> run(Contestant& contestant, const Load& load) {
  Acknowledgements acknowledgements{.start = Clock::now(), .ack_us = {}};
  std::vector<std::unique_ptr<Producer>> producers;
  for (std::uint32_t i = 0; i < load.producers; ++i) {
    producers.push_back(std::make_unique<Producer>(contestant, load, i, acknowledgements));
  }
  const double cpu_before = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(load.seconds));
  std::vector<std::thread> threads;
  for (const auto& producer : producers) threads.emplace_back([&producer, end] { (*producer)(end); });
  for (std::thread& thread : threads) thread.join();
  const Result<void> finished = contestant.finish();
  Figures figures;
  figures.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  figures.cpu_seconds = cpu_seconds() - cpu_before;
  if (!finished) return finished.error();
  for (const auto& producer : producers) {
    if (producer->error()) return *producer->error();
    figures.appended.push_back(producer->appended());
    figures.records += producer->appended();
  }
  if (acknowledgements.failed) return Error(Code::internal, "an append failed after it was accepted");
  figures.bytes = figures.records * load.record_bytes;
  figures.ack_us = acknowledgements.ack_us;
  return figures;
}

}  // namespace varve::bench
