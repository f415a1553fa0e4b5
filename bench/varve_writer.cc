// The contestant that this project is about.
#include "bench/contestant.h"

#include <cstring>

namespace varve::bench {

namespace {

constexpr auto writer_patience = std::chrono::minutes(5);

class VarveWriter final : public Contestant {
 public:
  explicit VarveWriter(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}

  Result<void> append(std::span<const std::span<const std::byte>> records, bool reserve,
                      AppendCallback told) override {
    if (reserve) return write_in_place(records.front(), told);
    if (records.size() == 1) {
      const Result<Offset> appended = writer_->append(records.front(), told);
      if (appended) return {};
      if (appended.error().code() != Code::over_capacity) return appended.error();
      const Result<Offset> waited = writer_->append_wait(records.front(), writer_patience, told);
      return waited ? Result<void>() : Result<void>(waited.error());
    }
    return until_there_is_room([&] { return writer_->append_batch(records, told); });
  }

  Result<void> finish() override { return writer_->close(writer_patience); }

 private:
  // Waiting variants exist for single records only. These wait for durability to move instead, and not
  // for long: room comes a little after it, and when all is durable it moves no more.
  template <class Try>
  Result<void> until_there_is_room(const Try& attempt) {
    constexpr auto pause = std::chrono::milliseconds(1);
    for (auto waited = std::chrono::milliseconds(0);; waited += pause) {
      const auto done = attempt();
      if (done) return {};
      if (done.error().code() != Code::over_capacity || waited > writer_patience) return done.error();
      const Offset durable = writer_->status().durable_offset;
      const Result<void> moved = writer_->wait_durable(durable + 1, pause);
      if (!moved && moved.error().code() != Code::timed_out) return moved;
    }
  }

  Result<void> write_in_place(std::span<const std::byte> record, AppendCallback told) {
    return until_there_is_room([&]() -> Result<void> {
      Result<Reservation> reservation = writer_->reserve(record.size());
      if (!reservation) return reservation.error();
      std::memcpy(reservation->bytes().data(), record.data(), record.size());
      reservation->commit(record.size(), told);
      return {};
    });
  }

  std::unique_ptr<Writer> writer_;
};

}  // namespace

Result<std::unique_ptr<Contestant>> make_varve(const LogAddress& log, const WriterOptions& options) {
  Result<std::unique_ptr<Writer>> writer = Writer::open(log, options);
  if (!writer) return writer.error();
  return std::unique_ptr<Contestant>(std::make_unique<VarveWriter>(*std::move(writer)));
}

}  // namespace varve::bench
