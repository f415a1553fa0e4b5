// What opening a log costs, and what an open log costs that nobody uses.
#pragma once

#include <memory>

#include "bench/load.h"
#include "bench/scratch.h"
#include "varve/writer.h"

namespace varve::bench {

struct OpenFigures {
  double seconds = 0;
  std::uint32_t round_trips = 0;
  StoreUse use;
};

struct IdleFigures {
  double seconds = 0;
  double cpu_seconds = 0;
  StoreUse use;
};

/// A log of so many objects, each with one record, closed.
class ManyObjects {
 public:
  static Result<ManyObjects> make(std::shared_ptr<Store> store, std::uint64_t objects,
                                  const WriterOptions& options, Live& live);

  [[nodiscard]] const std::string& path() const { return scratch_.log().path; }

  /// Opens it for writing, and looks that it continues at the right offset. Then a record is added, and the
  /// log closed again, which is not measured.
  Result<OpenFigures> open(const WriterOptions& options);
  /// Opens it for writing, and does nothing for so long.
  Result<IdleFigures> idle(const WriterOptions& options, double seconds);

 private:
  ManyObjects(Scratch scratch, std::uint64_t records) : scratch_(std::move(scratch)), records_(records) {}
  Scratch scratch_;
  std::uint64_t records_;
};

}  // namespace varve::bench
