#include "varve/writer.h"

#include <fmt/format.h>

#include <utility>

#include "append/opening.h"
#include "append/upload_loop.h"
#include "base/no_memory.h"
#include "log/deadline.h"
#include "log/front_door.h"
#include "protocol/locate.h"

namespace varve {

namespace {

// What small batches may cost where requests do, unless the user says otherwise.
constexpr double priced_puts_per_second = 100;

protocol::CommitRuleOptions two_stores_options(const WriterOptions& options) {
  const bool goes_on = options.when_second_is_away == WhenSecondIsAway::go_on;
  return {.goes_on = goes_on, .patience_ms = goes_on ? options.second_patience_ms : options.give_up_ms};
}

append::UploadLoopOptions pilot_options(const WriterOptions& options, const Store& store,
                                        std::uint64_t jitter_seed) {
  const double default_rate = store.requests_are_priced() ? priced_puts_per_second : 0;
  return {.batch_bytes = options.batch_bytes,
          .buffered_bytes_max = options.buffered_bytes_max,
          .appender = {.give_up_ms = options.give_up_ms,
                       .checkpoint_every_objects = options.checkpoint_every_objects,
                       .uploads_max = options.uploads_max,
                       .retry = {},
                       .jitter_seed = jitter_seed},
          .pacing = append::Pacing(options.puts_per_second.value_or(default_rate), options.put_burst,
                                   options.linger_ms),
          .on_event = options.on_event,
          .compression = options.compression,
          .compression_level = options.compression_level,
          .commit_rule = two_stores_options(options)};
}

// `attempt` again for as long as it answers `over_capacity`, whenever there is room that was not there
// before. No clock is read while there is room: that costs as much as an append.
template <class Attempt>
std::invoke_result_t<Attempt> when_there_is_room(append::BatchPool& pool, std::chrono::milliseconds timeout,
                                                 const Attempt& attempt) {
  return with_memory([&]() -> std::invoke_result_t<Attempt> {
    std::optional<log::Deadline> deadline;
    for (;;) {
      const std::uint64_t turn = pool.room_turn();
      auto done = attempt();
      if (done || done.error().code() != Code::over_capacity) return done;
      if (!deadline) deadline = log::deadline_after(timeout);
      if (!pool.wait_for_room(turn, *deadline)) {
        return Error(Code::timed_out, fmt::format("the writer stayed over capacity for {} ms: {}",
                                                  timeout.count(), done.error().message()));
      }
    }
  });
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

class Writer::Impl {
 public:
  Impl(log::LogStore log_store, const protocol::Ownership& ownership, const WriterOptions& options,
       std::unique_ptr<append::Second> second)
      : log_store_(log_store),
        upload_loop_(std::move(log_store), ownership,
                     pilot_options(options, log_store_.store(), seed_from(ownership.writer_id)),
                     std::move(second)) {}

  append::BatchPool& pool() { return upload_loop_.pool(); }
  append::UploadLoop& upload_loop() { return upload_loop_; }

  Result<void> flush(std::chrono::milliseconds timeout) {
    const Offset all = pool().end_offset();
    upload_loop_.wish(append::FlushWish{all});
    return upload_loop_.watermark().wait(all, timeout);
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
    const auto deadline = log::LogStore::after(options.timeout_ms);
    const std::lock_guard one_at_a_time(trim_mutex_);
    const WriterStatus now = upload_loop_.status();
    if (now.failure) return *now.failure;
    if (before > now.durable_offset) {
      return Error(Code::out_of_range, fmt::format("cannot trim before {}: the log is durable up to {}",
                                                   before, now.durable_offset))
          .with_valid_range({now.start_offset, now.durable_offset});
    }
    Seq lowest_live = 0;
    if (before > now.start_offset) {
      const Result<protocol::Position> place = locate(before, deadline);
      if (!place) return place.error();
      lowest_live = place->seq;
    }
    // If posting throws, the future goes before its promise: a promise that is broken would need memory.
    append::Letter wish =
        append::TrimWish{.before = before, .lowest_live = lowest_live, .options = options, .report = {}};
    std::future<Result<TrimReport>> report = std::get<append::TrimWish>(wish).report.get_future();
    upload_loop_.wish(std::move(wish));
    const bool in_time =
        deadline == log::LogStore::never || report.wait_until(deadline) == std::future_status::ready;
    if (!in_time) upload_loop_.wish(append::StopTrimWish{});
    return report.get();
  }

  Result<void> close(std::chrono::milliseconds timeout) {
    const auto deadline = log::deadline_after(timeout);
    const std::lock_guard one_at_a_time(close_mutex_);
    if (!closed_) {
      const Offset all = pool().end_offset();
      upload_loop_.wish(append::CloseWish{});
      upload_loop_.finish(deadline);
      closed_ = true;
      const WriterStatus end = upload_loop_.status();
      if (end.failure && end.failure->code() != Code::closed) {
        outcome_ = *end.failure;
      } else if (end.durable_offset < all) {
        outcome_ = Error(Code::internal, "the writer closed without storing everything");
      }
    }
    return outcome_ ? Result<void>(*outcome_) : Result<void>();
  }

 private:
  // Objects may be trimmed away by nobody but us: what is missing here is missing.
  Result<protocol::Position> locate(Offset offset, log::LogStore::Deadline deadline) {
    protocol::RecoveryScan scan({.want_history = true});
    const Result<protocol::LogState> view = log::run(log_store_, scan, deadline);
    if (!view) return view.error();
    protocol::Locate locate(*view, offset);
    return log::run(log_store_, locate, deadline);
  }

  log::LogStore log_store_;
  append::UploadLoop upload_loop_;
  std::mutex trim_mutex_;
  std::mutex close_mutex_;
  bool closed_ = false;
  std::optional<Error> outcome_;
};

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Writer::~Writer() {
  // Nobody is told here; whoever wants to know calls `close`.
  const Result<void> closed = close(std::chrono::seconds(1));
  static_cast<void>(closed);
}

Result<std::unique_ptr<Writer>> Writer::open(LogAddress log, const WriterOptions& options) {
  return log::with_store(log, [&]() -> Result<std::unique_ptr<Writer>> {
    if (const Result<void> sane = append::check(options); !sane) return sane.error();
    log::LogStore log_store(std::move(log));
    const auto deadline = log::LogStore::after(options.open_timeout_ms);
    std::unique_ptr<append::Second> second;
    if (options.second) {
      auto opened = append::open_second(log_store, options, deadline);
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
  return with_memory([&] { return impl_->pool().append(record, callback); });
}

Result<Offset> Writer::append_batch(std::span<const std::span<const std::byte>> records,
                                    AppendCallback callback) {
  return with_memory([&] { return impl_->pool().append_batch(records, callback); });
}

Result<Offset> Writer::append_wait(std::span<const std::byte> record, std::chrono::milliseconds timeout,
                                   AppendCallback callback) {
  return when_there_is_room(impl_->pool(), timeout, [&] { return impl_->pool().append(record, callback); });
}

Result<Offset> Writer::append_batch_wait(std::span<const std::span<const std::byte>> records,
                                         std::chrono::milliseconds timeout, AppendCallback callback) {
  return when_there_is_room(impl_->pool(), timeout,
                            [&] { return impl_->pool().append_batch(records, callback); });
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
  const Result<append::Claim> claim = with_memory([&] { return impl_->pool().reserve(bytes); });
  if (!claim) return claim.error();
  return Impl::reservation_of(*this, *claim, bytes);
}

Result<Reservation> Writer::reserve_wait(std::size_t bytes, std::chrono::milliseconds timeout) {
  const Result<append::Claim> claim =
      when_there_is_room(impl_->pool(), timeout, [&] { return impl_->pool().reserve(bytes); });
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
  return with_memory([&] { return impl_->upload_loop().watermark().wait(offset, timeout); });
}

Result<TrimReport> Writer::trim(Offset before, TrimOptions options) {
  return with_memory([&] { return impl_->trim(before, options); });
}

Result<void> Writer::close(std::chrono::milliseconds timeout) {
  return with_memory([&] { return impl_->close(timeout); });
}

WriterStatus Writer::status() const { return impl_->upload_loop().status(); }

WriterMetrics Writer::metrics() const { return impl_->upload_loop().metrics(); }

}  // namespace varve
