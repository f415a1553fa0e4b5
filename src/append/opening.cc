#include "append/opening.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "log/front_door.h"
#include "log/nesting.h"
#include "log/system.h"
#include "log/take_over.h"
#include "object_store/probe/create_probe.h"

namespace varve::append {

namespace {

template <class T>
std::optional<Error> out_of_bounds(std::string_view option, T value, T least, T most) {
  if (value >= least && value <= most) return std::nullopt;
  return Error(Code::invalid_argument,
               fmt::format("WriterOptions::{} is {}; it must be {} to {}", option, value, least, most));
}

/// A takeover that puts at the first place of all has found no log there.
bool creates_the_log(const protocol::Requests& requests) {
  return std::any_of(requests.begin(), requests.end(), [](const protocol::Request& request) {
    return request.kind == protocol::Request::Kind::put_object && request.seq == 0;
  });
}

/// Everything a log promises hangs on create-if-absent, and some servers ignore the condition without
/// a word. One that does is found before the first log is made there. Our own stores that cost nothing
/// need no proof, and no log that is there already. Nor is one made among another log's objects.
class NewLogCheck {
 public:
  NewLogCheck(const log::LogStore& log_store, log::LogStore::Deadline deadline)
      : log_store_(log_store), deadline_(deadline), proven_(!log_store.store().requests_are_priced()) {}

  /// `requests`, or why they must not make a log here.
  Result<protocol::Requests> pass(protocol::Requests requests) {
    if (!creates_the_log(requests)) return requests;
    if (!std::exchange(apart_, true)) {
      if (const auto apart = log::check_nesting(log_store_, deadline_); !apart) return apart.error();
    }
    if (proven_) return requests;
    const auto proof =
        object_store::prove_create_if_absent(log_store_.store(), log_store_.address().path + "/", deadline_);
    if (!proof) return proof.error();
    proven_ = true;
    return requests;
  }

 private:
  const log::LogStore& log_store_;
  log::LogStore::Deadline deadline_;
  bool proven_;
  bool apart_ = false;  // from other logs' objects
};

}  // namespace

Result<void> check(const WriterOptions& options) {
  constexpr std::size_t kib = 1024;
  constexpr std::size_t mib = 1024 * kib;
  if (const auto error = out_of_bounds("batch_bytes", options.batch_bytes, 64 * kib, 64 * mib)) return *error;
  if (const auto error = out_of_bounds("linger_ms", options.linger_ms, 0U, 60'000U)) return *error;
  if (const auto error = out_of_bounds("window", options.window, 1U, format::max_window)) return *error;
  if (const auto error = out_of_bounds("uploads_max", options.uploads_max, 0U, format::max_window))
    return *error;
  if (const auto error = out_of_bounds("compression", static_cast<unsigned>(options.compression), 0U,
                                       static_cast<unsigned>(Compression::adaptive))) {
    return *error;
  }
  if (const auto error = out_of_bounds("compression_level", options.compression_level, -7, 19)) return *error;
  if (const auto error = out_of_bounds("put_burst", options.put_burst, 1.0, 1e9)) return *error;
  if (const auto error = out_of_bounds("puts_per_second", options.puts_per_second.value_or(0), 0.0, 1e9))
    return *error;
  if (const auto error = out_of_bounds("standby_patience_ms", options.standby_patience_ms, 1U, 3'600'000U)) {
    return *error;
  }
  if (options.standby) {
    if (const auto there = log::check_store(*options.standby); !there)
      return there.error().with_context("WriterOptions::standby");
  }
  if (const auto error =
          out_of_bounds("buffered_bytes_max", options.buffered_bytes_max, options.batch_bytes, SIZE_MAX)) {
    return *error;
  }
  return {};
}

Result<protocol::Ownership> take_over(const log::LogStore& log_store, const WriterOptions& options,
                                      log::Deadline deadline) {
  NewLogCheck new_log(log_store, deadline);
  Result<protocol::Ownership> ownership = log::take_over(
      log_store,
      {.writer_id = log::random_id(),
       .new_log_id = log::random_id(),
       .new_window = options.window,
       .host = log::host_name(),
       .pid = log::process_id(),
       .must_exist = options.must_exist},
      deadline, [&](protocol::Requests requests) { return new_log.pass(std::move(requests)); });
  if (!ownership) return ownership.error().with_context("opening " + log_store.name_of_log());
  return ownership;
}

}  // namespace varve::append
