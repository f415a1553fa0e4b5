#include "bench/recover.h"

#include "bench/check.h"
#include "bench/process.h"
#include "bench/raw.h"
#include "bench/run.h"
#include "format/header.h"

namespace varve::bench {

namespace {

// How often the live count is renewed: seldom enough to cost nothing.
constexpr std::uint64_t told_every = 4096;

}  // namespace

Result<WrittenLog> WrittenLog::write(std::shared_ptr<Store> store, const Load& load,
                                     const WriterOptions& options, Live& live) {
  Scratch scratch(std::move(store));
  auto writer = make_varve(scratch.log(), options);
  if (!writer) return writer.error();
  Result<Figures> written = run(**writer, load, live);
  if (!written) return written.error();
  written->uploads = scratch.witness()->uploads();
  if (const auto right = check_log(scratch.log(), load.sizes, written->appended); !right)
    return right.error();
  return WrittenLog(std::move(scratch), *std::move(written));
}

Result<Figures> WrittenLog::read(const ReaderOptions& options, Live& live) const {
  live.records = 0;
  live.bytes = 0;
  Figures figures;
  forget_peak_memory();
  const StoreUse use_before = scratch_.witness()->use();
  const double cpu_before = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  const auto reader = Reader::open(scratch_.log(), options);
  if (!reader) return reader.error();
  for (;;) {
    const Result<std::optional<Record>> record = (*reader)->next();
    if (!record) return record.error();
    if (!*record) break;
    ++figures.records;
    figures.bytes += (*record)->data.size();
    if (figures.records % told_every == 0) {
      live.records.store(figures.records, std::memory_order_relaxed);
      live.bytes.store(figures.bytes, std::memory_order_relaxed);
    }
  }
  figures.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  figures.cpu_seconds = cpu_seconds() - cpu_before;
  figures.peak_memory_bytes = peak_memory_bytes();
  figures.use = scratch_.witness()->use() - use_before;
  if (figures.records != written_.records || figures.bytes != written_.bytes) {
    return Error(Code::corruption, "not all records came back");
  }
  return figures;
}

Result<Figures> WrittenLog::get(std::uint32_t in_flight) const {
  std::vector<std::string> keys;
  for (const Upload& upload : written_.uploads) keys.push_back(upload.key);
  return get_raw(*scratch_.log().store, keys, in_flight);
}

}  // namespace varve::bench
