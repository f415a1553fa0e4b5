#include "writer/opening.h"

#include <fmt/format.h>

#include "writer/system.h"

namespace varve::writer {

namespace {

template <class T>
std::optional<Error> out_of_bounds(std::string_view option, T value, T least, T most) {
  if (value >= least && value <= most) return std::nullopt;
  return Error(Code::invalid_argument,
               fmt::format("WriterOptions::{} is {}; it must be {} to {}", option, value, least, most));
}

}  // namespace

Result<void> check(const WriterOptions& options) {
  constexpr std::size_t kib = 1024;
  constexpr std::size_t mib = 1024 * kib;
  if (const auto error = out_of_bounds("batch_bytes", options.batch_bytes, 64 * kib, 64 * mib)) return *error;
  if (const auto error = out_of_bounds("linger_ms", options.linger_ms, 0U, 60'000U)) return *error;
  if (const auto error = out_of_bounds("window", options.window, 1U, format::max_window)) return *error;
  if (const auto error = out_of_bounds("put_burst", options.put_burst, 1.0, 1e9)) return *error;
  if (const auto error = out_of_bounds("puts_per_second", options.puts_per_second.value_or(0), 0.0, 1e9))
    return *error;
  if (const auto error =
          out_of_bounds("buffered_bytes_max", options.buffered_bytes_max, options.batch_bytes, SIZE_MAX)) {
    return *error;
  }
  return {};
}

Result<chain::Ownership> take_over(const courier::Courier& courier, const WriterOptions& options) {
  chain::Takeover takeover({.writer_id = random_id(),
                            .new_log_id = random_id(),
                            .new_window = options.window,
                            .host = host_name(),
                            .pid = process_id(),
                            .must_exist = options.must_exist});
  const Result<void> driven = courier.drive(
      takeover.start(unix_ms()),
      [&takeover](const chain::Reply& reply) { return takeover.on(reply, unix_ms()); },
      courier::Courier::after(options.open_timeout_ms));
  const std::string where = courier.store().describe() + "/" + courier.address().path;
  if (!driven) return driven.error().with_context("opening " + where);
  if (!takeover.result()) return takeover.result().error().with_context("opening " + where);
  return takeover.result();
}

}  // namespace varve::writer
