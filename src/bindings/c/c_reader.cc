#include <memory>

#include "bindings/c/handles.h"
#include "varve/cursor.h"
#include "varve/reader.h"

using varve::Result;
using varve::bindings::guarded;
using varve::bindings::missing;

struct varve_reader {
  std::unique_ptr<varve::Reader> reader;
};

struct varve_cursors {
  varve::Cursors cursors;
};

namespace varve::bindings {
namespace {

varve_reader_options reader_defaults() {
  const ReaderOptions defaults;
  return {.struct_bytes = sizeof(varve_reader_options),
          .begin = VARVE_BEGIN_AT_START,
          .from = 0,
          .since_unix_ms = 0,
          .last = 0,
          .follow = defaults.follow,
          .read_ahead_bytes = defaults.read_ahead_bytes,
          .read_ahead_objects = defaults.read_ahead_objects,
          .poll_ms = defaults.poll_ms,
          .poll_max_ms = defaults.poll_max_ms,
          .give_up_ms = defaults.give_up_ms};
}

Result<ReaderOptions> in_cpp(const varve_reader_options& options) {
  ReaderOptions result;
  switch (options.begin) {
    case VARVE_BEGIN_AT_START:
      break;
    case VARVE_BEGIN_AT_OFFSET:
      result.from = options.from;
      break;
    case VARVE_BEGIN_AT_TIME:
      result.since_unix_ms = options.since_unix_ms;
      break;
    case VARVE_BEGIN_BEFORE_END:
      result.last = options.last;
      break;
    default:
      return Error(Code::invalid_argument, "begin is none of VARVE_BEGIN_...");
  }
  result.follow = options.follow;
  result.read_ahead_bytes = options.read_ahead_bytes;
  result.read_ahead_objects = options.read_ahead_objects;
  result.poll_ms = options.poll_ms;
  result.poll_max_ms = options.poll_max_ms;
  result.give_up_ms = options.give_up_ms;
  return result;
}

}  // namespace
}  // namespace varve::bindings

void varve_reader_options_init(varve_reader_options* options, size_t struct_bytes) {
  varve::bindings::initialize(options, struct_bytes, varve::bindings::reader_defaults());
}

varve_code varve_reader_open(const varve_log* log, const varve_reader_options* options, varve_reader** reader,
                             varve_error** error) {
  const auto open = [](const varve::LogAddress& address, const varve_reader_options& given,
                       varve_reader& handle) -> Result<void> {
    const auto wanted = varve::bindings::in_cpp(given);
    if (!wanted) return wanted.error();
    auto opened = varve::Reader::open(address, *wanted);
    if (!opened) return opened.error();
    handle.reader = *std::move(opened);
    return {};
  };
  return varve::bindings::open_handle(log, options, varve::bindings::reader_defaults(), reader, "reader",
                                      error, open);
}

varve_code varve_reader_next(varve_reader* reader, uint64_t timeout_ms, varve_record* record, bool* found,
                             varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (reader == nullptr) return missing("reader");
    if (record == nullptr) return missing("record");
    if (found == nullptr) return missing("found");
    const auto next = reader->reader->next(varve::bindings::patience_of(timeout_ms));
    if (!next) return next.error();
    *found = next->has_value();
    if (*found) {
      const varve::Record& read = **next;
      *record = {.offset = read.offset,
                 .data = read.data.data(),
                 .bytes = read.data.size(),
                 .time_unix_ms = read.time_unix_ms};
    }
    return {};
  });
}

uint64_t varve_reader_position(const varve_reader* reader) {
  return reader == nullptr ? 0 : reader->reader->position();
}

void varve_reader_stop(varve_reader* reader) {
  if (reader != nullptr) reader->reader->stop();
}

void varve_reader_wake(varve_reader* reader) {
  if (reader != nullptr) reader->reader->wake();
}

void varve_reader_free(varve_reader* reader) { delete reader; }

varve_code varve_cursors_open(const varve_log* log, varve_cursors** cursors, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (log == nullptr) return missing("log");
    if (cursors == nullptr) return missing("cursors");
    auto opened = varve::Cursors::open(log->address);
    if (!opened) return opened.error();
    *cursors = new varve_cursors{*std::move(opened)};
    return {};
  });
}

varve_code varve_cursors_get(const varve_cursors* cursors, const char* name, uint64_t* offset,
                             varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (cursors == nullptr) return missing("cursors");
    if (name == nullptr) return missing("name");
    if (offset == nullptr) return missing("offset");
    const auto cursor = cursors->cursors.get(name);
    if (!cursor) return cursor.error();
    *offset = cursor->offset;
    return {};
  });
}

varve_code varve_cursors_set(const varve_cursors* cursors, const char* name, uint64_t offset,
                             varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (cursors == nullptr) return missing("cursors");
    if (name == nullptr) return missing("name");
    const auto cursor = cursors->cursors.set(name, offset);
    if (!cursor) return cursor.error();
    return {};
  });
}

varve_code varve_cursors_remove(const varve_cursors* cursors, const char* name, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (cursors == nullptr) return missing("cursors");
    if (name == nullptr) return missing("name");
    return cursors->cursors.remove(name);
  });
}

void varve_cursors_free(varve_cursors* cursors) { delete cursors; }
