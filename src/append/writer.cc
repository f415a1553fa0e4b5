#include "varve/writer.h"

#include <fmt/format.h>

#include <utility>

#include "append/opening.h"
#include "append/upload_loop.h"
#include "base/no_memory.h"
#include "log/deadline.h"
#include "log/front_door.h"

namespace varve {

namespace {

// What small batches may cost where requests do, unless the user says otherwise.
constexpr double priced_puts_per_second = 100;

protocol::SinkOptions standby_options(const WriterOptions& options) {
  const bool goes_on = options.on_standby_loss == OnStandbyLoss::degrade;
  return {.degrades = goes_on, .patience_ms = goes_on ? options.standby_patience_ms : options.give_up_ms};
}

append::UploadLoopOptions upload_loop_options(const WriterOptions& options, const Store& store,
                                              std::uint64_t jitter_seed) {
  const double default_rate = store.requests_are_priced() ? priced_puts_per_second : 0;
  return {.batch_bytes = options.batch_bytes,
          .buffered_bytes_max = options.buffered_bytes_max,
          .appender = {.give_up_ms = options.give_up_ms,
                       .checkpoint_every_objects = options.checkpoint_every_objects,
                       .uploads_max = options.uploads_max,
                       .retry = {},
                       .jitter_seed = jitter_seed},
          .pacing = protocol::Pacing(options.puts_per_second.value_or(default_rate), options.put_burst,
                                     options.linger_ms),
          .on_event = options.on_event,
          .compression = options.compression,
          .compression_level = options.compression_level,
          .standby = standby_options(options)};
}

std::uint64_t seed_from(const format::Id& id) {
  std::uint64_t seed = 0;
  std::memcpy(&seed, id.bytes.data(), sizeof seed);
  return seed;
}

}  // namespace

std::string_view to_string(Compression compression) noexcept {
  switch (compression) {
    case Compression::none:
      return "none";
    case Compression::lz4:
      return "lz4";
    case Compression::zstd:
      return "zstd";
    case Compression::adaptive:
      return "adaptive";
  }
  return "unknown_compression";
}

namespace {

// The upload loop needs a moment to do what a deadline asks of it: whoever waits for that waits as much
// longer.
constexpr std::chrono::milliseconds grace{100};

log::Deadline with_grace(log::Deadline deadline) {
  return deadline >= log::Deadline::max() - grace ? log::Deadline::max() : deadline + grace;
}

Error would_wait_for_itself(std::string_view call) {
  return {Code::invalid_argument,
          fmt::format(
              "{} waits, and was called in a callback of the same writer, which it would wait for: call it "
              "on another thread",
              call)};
}

}  // namespace

class Writer::Impl {
 public:
  Impl(log::LogStore log_store, const protocol::Ownership& ownership, const WriterOptions& options,
       std::unique_ptr<append::Standby> standby)
      : loop_(make_loop(std::move(log_store), ownership, options, std::move(standby))), pool_(loop_->pool()) {
    loop_->start(*threads_);
  }
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  append::BatchPool& pool() { return pool_; }
  append::UploadLoop& loop() { return *loop_; }

  /// `attempt` again for as long as it answers `over_capacity`, whenever there is room that was not there
  /// before. No clock is read while there is room: that costs as much as an append.
  template <class Attempt>
  std::invoke_result_t<Attempt> when_there_is_room(std::chrono::milliseconds timeout,
                                                   const Attempt& attempt) {
    return with_memory(
        [&]() -> std::invoke_result_t<Attempt> {
          std::optional<log::Deadline> deadline;
          for (;;) {
            const std::uint64_t turn = pool_.room_turn();
            auto done = attempt();
            if (done || done.error().code() != Code::over_capacity) return done;
            // Room comes when callbacks have run: none would, for as long as this one waits.
            if (loop_->in_callback()) return done;
            if (!deadline) deadline = log::deadline_after(timeout);
            if (!pool_.wait_for_room(turn, *deadline)) {
              return Error(Code::timed_out, fmt::format("the writer stayed over capacity for {} ms: {}",
                                                        timeout.count(), done.error().message()));
            }
          }
        },
        no_memory_without_effect());
  }

  Result<void> flush(std::chrono::milliseconds timeout) {
    const Offset all = pool_.end_offset();
    loop_->post(append::FlushCommand{all});
    return wait_durable("flush", all, timeout);
  }

  Result<void> wait_durable(std::string_view call, Offset offset, std::chrono::milliseconds timeout) {
    const append::Watermark& watermark = loop_->watermark();
    const bool waits = watermark.durable() < offset && !watermark.ending();
    if (waits && loop_->in_callback()) return would_wait_for_itself(call);
    return watermark.wait(offset, timeout);
  }

  static Reservation reservation_of(Writer& writer, const append::Claim& claim, std::size_t bytes) {
    Reservation reservation;
    reservation.bytes_ = {append::BatchPool::payload_of(claim), bytes};
    reservation.offset_ = claim.offset;
    reservation.batch_ = claim.batch;
    reservation.index_ = claim.index;
    reservation.position_ = claim.position;
    reservation.writer_ = &writer;
    return reservation;
  }

  Result<TrimReport> trim(Offset before, TrimOptions options) {
    if (loop_->in_callback()) return would_wait_for_itself("trim");
    const auto deadline = log::LogStore::after(options.timeout_ms);
    const auto result = std::make_shared<append::CallResult<TrimReport>>();
    if (!loop_->post(append::TrimCommand{
            .before = before, .options = options, .deadline = deadline, .result = result}))
      return protocol::refusal_for(*loop_->watermark().ending());
    if (auto trimmed = result->wait_until(with_grace(deadline))) return *std::move(trimmed);
    return Error(Code::timed_out, "the trim is not done yet, for the writer is busy; trim again later")
        .with_outcome(WriteOutcome::unknown);
  }

  Result<void> close(std::chrono::milliseconds timeout) {
    if (loop_->in_callback()) return would_wait_for_itself("close");
    const auto deadline = log::deadline_after(timeout);
    const bool in_time =
        !loop_->post(append::CloseCommand{deadline}) || loop_->life().wait_for_end(with_grace(deadline));
    if (in_time) return outcome();
    return Error(Code::timed_out, loop_->life().held()
                                      ? "closed before everything was stored; a reservation is not "
                                        "committed, and the writer ends when "
                                        "it is"
                                      : "closed, but callbacks run still; the writer ends when they have")
        .with_outcome(WriteOutcome::unknown);
  }

 private:
  static std::shared_ptr<append::UploadLoop> make_loop(log::LogStore log_store,
                                                       const protocol::Ownership& ownership,
                                                       const WriterOptions& options,
                                                       std::unique_ptr<append::Standby> standby) {
    const auto loop_options = upload_loop_options(options, log_store.store(), seed_from(ownership.writer_id));
    return std::make_shared<append::UploadLoop>(std::move(log_store), ownership, loop_options,
                                                std::move(standby));
  }

  [[nodiscard]] Result<void> outcome() const {
    const WriterStatus end = loop_->status();
    if (end.failure && end.failure->code() != Code::closed) return *end.failure;
    if (end.durable_offset < end.end_offset)
      return Error(Code::internal, "the writer closed without storing everything");
    return {};
  }

  void end();

  const std::shared_ptr<append::WriterThreads> threads_ = append::WriterThreads::shared();
  const std::shared_ptr<append::UploadLoop> loop_;
  append::BatchPool& pool_;
};

// Nobody is told here; whoever wants to know calls `close`.
Writer::Impl::~Impl() {
  run_or_end_process("a writer's destructor", [this] { end(); });
}

void Writer::Impl::end() {
  const auto deadline = log::deadline_after(std::chrono::seconds(1));
  const bool runs = loop_->post_close(deadline);
  if (loop_->in_callback()) return;  // the threads hold the loop until that has ended
  if (runs && !loop_->life().wait_for_end(with_grace(deadline))) {
    loop_->life().wait_for_end_or_held();
    if (!loop_->life().ended())
      invariant_violated(
          "a Reservation is committed, and every call has returned, before its Writer is destroyed", __FILE__,
          __LINE__);
  }
  loop_->join();
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Writer::~Writer() = default;

Result<std::unique_ptr<Writer>> Writer::open(LogAddress log, const WriterOptions& options) {
  return log::with_store(log, [&]() -> Result<std::unique_ptr<Writer>> {
    if (const Result<void> sane = append::check(options); !sane) return sane.error();
    log::LogStore log_store(std::move(log));
    const auto deadline = log::LogStore::after(options.open_timeout_ms);
    std::unique_ptr<append::Standby> second;
    if (options.standby) {
      auto opened = append::open_standby(log_store, options, deadline);
      if (!opened) return opened.error().with_context("opening " + log_store.name_of_log());
      second = *std::move(opened);
    }
    const Result<protocol::Ownership> ownership = append::take_over(log_store, options, deadline);
    if (!ownership) return ownership.error();
    return std::unique_ptr<Writer>(
        new Writer(std::make_unique<Impl>(std::move(log_store), *ownership, options, std::move(second))));
  });
}

// Whoever has claimed a place needs no more memory: an append that throws has had no effect.
Result<Offset> Writer::append(std::span<const std::byte> record, AppendCallback callback) {
  return with_memory([&] { return impl_->pool().append(record, callback); }, no_memory_without_effect());
}

Result<Offset> Writer::append_batch(std::span<const std::span<const std::byte>> records,
                                    AppendCallback callback) {
  return with_memory([&] { return impl_->pool().append_batch(records, callback); },
                     no_memory_without_effect());
}

Result<Offset> Writer::append_wait(std::span<const std::byte> record, std::chrono::milliseconds timeout,
                                   AppendCallback callback) {
  return impl_->when_there_is_room(timeout, [&] { return impl_->pool().append(record, callback); });
}

Result<Offset> Writer::append_batch_wait(std::span<const std::span<const std::byte>> records,
                                         std::chrono::milliseconds timeout, AppendCallback callback) {
  return impl_->when_there_is_room(timeout, [&] { return impl_->pool().append_batch(records, callback); });
}

std::future<Result<Offset>> Writer::append_future(std::span<const std::byte> record) {
  auto promise = std::make_unique<std::promise<Result<Offset>>>();
  std::future<Result<Offset>> future = promise->get_future();
  const auto tell = [waiting = promise.get()](const Result<Offset>& outcome) {
    waiting->set_value(outcome);
    delete waiting;
  };
  if (Result<Offset> appended = append(record, tell); !appended) {
    promise->set_value(appended);
  } else {
    static_cast<void>(promise.release());  // the callback owns it now
  }
  return future;
}

Result<Reservation> Writer::reserve(std::size_t bytes) {
  const Result<append::Claim> claim =
      with_memory([&] { return impl_->pool().reserve(bytes); }, no_memory_without_effect());
  if (!claim) return claim.error();
  return Impl::reservation_of(*this, *claim, bytes);
}

Result<Reservation> Writer::reserve_wait(std::size_t bytes, std::chrono::milliseconds timeout) {
  const Result<append::Claim> claim =
      impl_->when_there_is_room(timeout, [&] { return impl_->pool().reserve(bytes); });
  if (!claim) return claim.error();
  return Impl::reservation_of(*this, *claim, bytes);
}

Reservation::Reservation(Reservation&& other) noexcept { *this = std::move(other); }

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  if (batch_ != nullptr) commit(0);
  bytes_ = other.bytes_;
  offset_ = other.offset_;
  batch_ = std::exchange(other.batch_, nullptr);
  index_ = other.index_;
  position_ = other.position_;
  writer_ = other.writer_;
  return *this;
}

Reservation::~Reservation() {
  if (batch_ != nullptr) commit(0);
}

void Reservation::commit(std::size_t used, AppendCallback callback) {
  VARVE_INVARIANT(batch_ != nullptr && used <= bytes_.size());
  const append::Claim claim{.batch = static_cast<append::Batch*>(std::exchange(batch_, nullptr)),
                            .offset = offset_,
                            .index = static_cast<std::uint32_t>(index_),
                            .position = position_};
  writer_->impl_->pool().commit(claim, bytes_.size(), used, callback);
}

Result<void> Writer::flush(std::chrono::milliseconds timeout) {
  return with_memory([&] { return impl_->flush(timeout); });
}

Result<void> Writer::wait_durable(Offset offset, std::chrono::milliseconds timeout) {
  return with_memory([&] { return impl_->wait_durable("wait_durable", offset, timeout); });
}

Result<TrimReport> Writer::trim(Offset before, TrimOptions options) {
  return with_memory([&] { return impl_->trim(before, options); });
}

Result<void> Writer::close(std::chrono::milliseconds timeout) {
  return with_memory([&] { return impl_->close(timeout); });
}

WriterStatus Writer::status() const { return impl_->loop().status(); }

WriterMetrics Writer::metrics() const { return impl_->loop().metrics(); }

}  // namespace varve
