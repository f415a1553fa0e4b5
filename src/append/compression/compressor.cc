#include "append/compression/compressor.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/mutant.h"
#include "base/no_memory.h"
#include "base/thread.h"

namespace varve::append {

namespace {

constexpr std::uint32_t threads_max = 4;
// Per thread: one that it works on, and one that waits for it or for its turn to be uploaded.
constexpr std::size_t jobs_per_thread = 2;

}  // namespace

std::uint32_t Compressor::usual_threads() { return std::clamp(base::Thread::cores(), 1U, threads_max); }

Compressor::Compressor(std::uint32_t threads, std::function<void()> on_done)
    : jobs_max_(threads * jobs_per_thread), on_done_(std::move(on_done)), packers_(threads) {
  threads_.reserve(threads);
  try {
    for (format::Packer& packer : packers_) {
      threads_.emplace_back(
          [this, &packer] { run_or_end_process("a writer's compression", [&] { run(packer); }); });
    }
  } catch (const std::system_error&) {  // no thread to be had: those that were are joined
    end();
    throw;
  }
}

Compressor::~Compressor() { end(); }

void Compressor::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    work_.notify_all();
  }
  for (base::Thread& thread : threads_) thread.join();
}

bool Compressor::has_room() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size() < jobs_max_;
}

bool Compressor::empty() const {
  const std::lock_guard lock(mutex_);
  return jobs_.empty();
}

void Compressor::add(Batch& batch, const CompressionJob& job) {
  const std::lock_guard lock(mutex_);
  const bool fits = batch.body_bytes() <= format::packed_body_bytes_max;
  const bool passes = (job.packing.codec == format::Codec::none && !job.sample) || !fits;
  jobs_.push_back(
      {.result = {.batch = &batch, .job = job, .packing = job.packing, .packed = {}, .sample = {}},
       .state = passes ? State::done : State::waiting});
  if (!passes) work_.notify_one();
}

bool Compressor::ready() const {
  const std::lock_guard lock(mutex_);
  if (jobs_.empty()) return false;
  const bool overtakes = mutated(Mutant::packed_not_awaited) && jobs_.back().state == State::done;
  return jobs_.front().state == State::done || overtakes;
}

std::optional<Compressed> Compressor::take() {
  const std::lock_guard lock(mutex_);
  if (jobs_.empty()) return std::nullopt;
  if (jobs_.front().state != State::done) {
    if (!mutated(Mutant::packed_not_awaited) || jobs_.back().state != State::done) return std::nullopt;
    Compressed newest = std::move(jobs_.back().result);
    jobs_.pop_back();
    return newest;
  }
  Compressed oldest = std::move(jobs_.front().result);
  jobs_.pop_front();
  return oldest;
}

Batch* Compressor::abandon_oldest() {
  std::unique_lock lock(mutex_);
  if (jobs_.empty()) return nullptr;
  Job& oldest = jobs_.front();
  if (oldest.state == State::waiting) oldest.state = State::done;
  done_.wait(lock, [&oldest] { return oldest.state == State::done; });
  Batch* const batch = oldest.result.batch;
  jobs_.pop_front();
  return batch;
}

void Compressor::run(format::Packer& packer) {
  const auto waits = [](const Job& job) { return job.state == State::waiting; };
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto job = std::ranges::find_if(jobs_, waits);
    if (job == jobs_.end()) {
      if (ending_) return;
      work_.wait(lock);
      continue;
    }
    Job& mine = *job;
    mine.state = State::under_way;
    lock.unlock();
    compress(mine, packer);
    lock.lock();
    mine.state = State::done;
    done_.notify_all();
    lock.unlock();
    on_done_();
    lock.lock();
  }
}

// Without memory for it the batch goes as it is.
void Compressor::compress(Job& job, format::Packer& packer) {
  const auto began = base::now();
  const auto cpu_began = thread_cpu();
  Compressed& result = job.result;
  try {
    if (result.job.sample) {
      result.sample = take_sample(result.batch->body(), packer);
      if (!result.sample->shrinks(result.packing)) result.packing = {};
      result.sample_cpu = thread_cpu() - cpu_began;
    }
    if (result.packing.codec != format::Codec::none) {
      auto packed = packer.pack(result.batch->body_to_pack(), result.packing);
      result.is_packed = packed.has_value();
      if (packed) result.packed = *std::move(packed);
    }
  } catch (const std::bad_alloc&) {
    result.is_packed = false;
  }
  result.cpu = thread_cpu() - cpu_began;
  result.took = base::now() - began;
}

}  // namespace varve::append
