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
    const Result<Offset> appended = records.size() == 1
                                        ? writer_->append_wait(records.front(), writer_patience, told)
                                        : writer_->append_batch_wait(records, writer_patience, told);
    return appended ? Result<void>() : Result<void>(appended.error());
  }

  Result<void> finish() override { return writer_->close(writer_patience); }

 private:
  Result<void> write_in_place(std::span<const std::byte> record, AppendCallback told) {
    Result<Reservation> reservation = writer_->reserve_wait(record.size(), writer_patience);
    if (!reservation) return reservation.error();
    std::memcpy(reservation->bytes().data(), record.data(), record.size());
    reservation->commit(record.size(), told);
    return {};
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
