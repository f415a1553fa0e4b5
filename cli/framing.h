// How records lie in a file or a pipe, and cutting a stream of bytes into them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "varve/result.h"

namespace varve::cli {

enum class Framing : std::uint8_t {
  lines,   ///< a record is a line, without its newline; a last line needs none
  length,  ///< u32 little-endian length, then that many bytes
  file,    ///< each file is one record
};

/// Takes each record; its bytes are valid during the call. False: no more, please.
using RecordSink = std::function<bool(std::span<const std::byte>)>;

/// Cuts one input into records as its bytes arrive. Holds at most one unfinished record, so at most
/// `max_record_bytes`. One for each input.
class RecordCutter {
 public:
  explicit RecordCutter(Framing framing) : framing_(framing) {}

  /// Passes on the records that `bytes` complete. False when the sink wanted no more.
  /// Errors: `invalid_argument` for a record that is too large, with its number in the input.
  Result<bool> feed(std::span<const std::byte> bytes, const RecordSink& sink);

  /// The input's end: passes on the last record. Errors: `invalid_argument` if it is cut short.
  Result<bool> finish(const RecordSink& sink);

 private:
  Result<bool> feed_lines(std::span<const std::byte> bytes, const RecordSink& sink);
  Result<bool> feed_lengths(std::span<const std::byte> bytes, const RecordSink& sink);
  [[nodiscard]] bool fits(std::size_t more) const;
  [[nodiscard]] Error too_large() const;
  void keep(std::span<const std::byte> bytes);
  bool pass_on(std::span<const std::byte> record, const RecordSink& sink);

  Framing framing_;
  std::uint64_t records_ = 0;          // passed on
  std::vector<std::byte> unfinished_;  // the front of the next record (its length in front, with `length`)
};

/// What stands before a record's bytes in the output, appended to `out`: a length, or nothing.
void append_frame_head(Framing framing, std::size_t record_bytes, std::string& out);
/// What stands behind a record's bytes.
[[nodiscard]] std::string_view frame_tail(Framing framing);

}  // namespace varve::cli
