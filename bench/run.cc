#include "bench/run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "bench/process.h"

namespace varve::bench {

namespace {

// A clock read costs a fifth of an append: only some are timed when they come flat out.
constexpr std::uint64_t timed_one_in = 64;
// Appends kept one by one, for what a histogram cannot tell.
constexpr std::size_t timed_max = std::size_t{1} << 20;

/// Callbacks come from one thread, so nothing here needs a lock.
struct Acknowledgements {
  Clock::time_point start = Clock::now();
  Histogram ack_us;
  std::vector<TimedAppend> timed;
  std::atomic<bool> failed = false;

  AppendCallback when_timed() {
    return [this, began = (Clock::now() - start).count()](const Result<Offset>& outcome) {
      if (!outcome) return failed.store(true, std::memory_order_relaxed);
      const Clock::time_point now = Clock::now();
      const Clock::time_point then = start + Clock::duration(began);
      ack_us.add(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(now - then).count()));
      if (timed.size() < timed_max) timed.push_back({*outcome, then, now});
    };
  }
  AppendCallback when_not_timed() {
    return [this](const Result<Offset>& outcome) {
      if (!outcome) failed.store(true, std::memory_order_relaxed);
    };
  }
};

class Producer {
 public:
  Producer(Contestant& contestant, const Load& load, std::uint64_t number, Acknowledgements& acknowledgements,
           Live& live)
      : contestant_(contestant),
        load_(load),
        number_(number),
        acknowledgements_(acknowledgements),
        live_(live) {
    for (std::uint32_t i = 0; i < load.batch; ++i) {
      make_record(records_.emplace_back(load.sizes.most()), {number, 0});
      views_.emplace_back(records_.back());
    }
  }

  void operator()(Clock::time_point end) {
    const double calls_per_second = load_.records_per_second / load_.producers / load_.batch;
    if (calls_per_second > 0) {
      at_a_rate(calls_per_second, end);
    } else {
      flat_out(end);
    }
  }

  [[nodiscard]] std::uint64_t appended() const { return appended_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void at_a_rate(double calls_per_second, Clock::time_point end) {
    const std::chrono::duration<double> pause(1 / calls_per_second);
    const Clock::time_point begin = Clock::now();
    for (std::uint64_t call = 0; !error_; ++call) {
      const auto due = begin + std::chrono::duration_cast<Clock::duration>(pause * static_cast<double>(call));
      if (due >= end) return;
      std::this_thread::sleep_until(due);
      append(true);
      if (!report()) return;
    }
  }

  void flat_out(Clock::time_point end) {
    while (!error_ && Clock::now() < end) {
      append(true);
      for (std::uint64_t call = 1; call < timed_one_in && !error_; ++call) append(false);
      if (!report()) return;
    }
  }

  void append(bool timed) {
    for (std::uint32_t i = 0; i < load_.batch; ++i) {
      const std::size_t size = load_.sizes.of(number_, appended_ + i);
      restamp(records_[i], {number_, appended_ + i});
      views_[i] = std::span(records_[i]).first(size);
      bytes_ += size;
    }
    const Result<void> done = contestant_.append(
        views_, load_.reserve, timed ? acknowledgements_.when_timed() : acknowledgements_.when_not_timed());
    if (done) {
      appended_ += load_.batch;
    } else {
      error_ = done.error();
    }
  }

  // False: that was enough.
  bool report() {
    live_.records.fetch_add(appended_ - reported_records_, std::memory_order_relaxed);
    const std::uint64_t before = live_.bytes.fetch_add(bytes_ - reported_bytes_, std::memory_order_relaxed);
    const bool go_on = before + (bytes_ - reported_bytes_) < load_.bytes_max;
    reported_records_ = appended_;
    reported_bytes_ = bytes_;
    return go_on;
  }

  Contestant& contestant_;
  const Load& load_;
  std::uint64_t number_;
  Acknowledgements& acknowledgements_;
  Live& live_;
  std::vector<std::vector<std::byte>> records_;
  std::vector<std::span<const std::byte>> views_;
  std::uint64_t appended_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t reported_records_ = 0;
  std::uint64_t reported_bytes_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<Figures> run(Contestant& contestant, const Load& load, Live& live) {
  live.records = 0;
  live.bytes = 0;
  Acknowledgements acknowledgements;
  std::vector<std::unique_ptr<Producer>> producers;
  for (std::uint32_t i = 0; i < load.producers; ++i) {
    producers.push_back(std::make_unique<Producer>(contestant, load, i, acknowledgements, live));
  }
  forget_peak_memory();
  const double cpu_before = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  const auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(load.seconds));
  std::vector<std::thread> threads;
  for (const auto& producer : producers) threads.emplace_back([&producer, end] { (*producer)(end); });
  for (std::thread& thread : threads) thread.join();
  Figures figures;
  figures.appending_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const Result<void> finished = contestant.finish();
  figures.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  figures.cpu_seconds = cpu_seconds() - cpu_before;
  figures.peak_memory_bytes = peak_memory_bytes();
  if (!finished) return finished.error();
  for (const auto& producer : producers) {
    if (producer->error()) return *producer->error();
    figures.appended.push_back(producer->appended());
    figures.records += producer->appended();
    figures.bytes += producer->bytes();
  }
  if (acknowledgements.failed) return Error(Code::internal, "an append failed after it was accepted");
  figures.ack_us = acknowledgements.ack_us;
  figures.timed = std::move(acknowledgements.timed);
  return figures;
}

}  // namespace varve::bench
