#include "bench/seek.h"

#include <algorithm>
#include <memory>

#include "bench/open.h"
#include "bench/recorder.h"
#include "varve/point_reader.h"
#include "varve/reader.h"

namespace varve::bench {

namespace {

/// Counts what passes while something is done.
class Meter {
 public:
  explicit Meter(std::shared_ptr<Recorder> witness) : witness_(std::move(witness)) {
    witness_->forget_trips();
    before_ = witness_->use();
  }
  void add_to(SeekCost& most) const {
    most.round_trips = std::max(most.round_trips, witness_->trips());
    most.requests = std::max(most.requests, (witness_->use() - before_).requests());
  }

 private:
  std::shared_ptr<Recorder> witness_;
  StoreUse before_;
};

Error astray(Offset wanted, Offset found) {
  return {Code::corruption,
          "a seek to " + std::to_string(wanted) + " came to offset " + std::to_string(found)};
}

Result<void> seek(const LogAddress& log, const std::shared_ptr<Recorder>& witness, const ReaderOptions& where,
                  Offset wanted, SeekCost& most) {
  const Meter meter(witness);
  const auto reader = Reader::open(log, where);
  if (!reader) return reader.error();
  meter.add_to(most);
  // Many objects have the same time: then it begins with the first of them.
  const bool right = where.from ? (*reader)->position() == wanted : (*reader)->position() <= wanted;
  return right ? Result<void>() : astray(wanted, (*reader)->position());
}

}  // namespace

Result<SeekFigures> seek_in_many(std::uint64_t objects, std::uint32_t samples, Live& live) {
  const auto fast = open_store("mem://seek");
  if (!fast) return fast.error();
  const auto slow = open_store("mem://seek?get=20ms,20ms,20ms");
  if (!slow) return slow.error();
  const auto many = ManyObjects::make(*fast, objects, {}, live);
  if (!many) return many.error();
  const auto witness = std::make_shared<Recorder>(*slow);
  const LogAddress log{witness, many->path()};
  const auto times = PointReader::open({*fast, many->path()});
  if (!times) return times.error();

  SeekFigures figures;
  for (std::uint32_t i = 0; i < samples; ++i) {
    const Offset wanted = (objects - 1) * (2 * i + 1) / (2 * std::uint64_t{samples});  // one record an object
    const auto record = (*times)->read(wanted);
    if (!record) return record.error();
    const auto by_offset = seek(log, witness, {.from = wanted}, wanted, figures.by_offset);
    if (!by_offset) return by_offset.error();
    const auto by_time = seek(log, witness, {.since_unix_ms = record->time_unix_ms}, wanted, figures.by_time);
    if (!by_time) return by_time.error();

    const auto points = PointReader::open(log);
    if (!points) return points.error();
    for (const Offset offset : {wanted, wanted + 1}) {
      const Meter meter(witness);
      const auto read = (*points)->read(offset);
      if (!read) return read.error();
      meter.add_to(offset == wanted ? figures.one_record : figures.next_record);
    }
  }
  return figures;
}

}  // namespace varve::bench
