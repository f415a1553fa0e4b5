#include "cli/framing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "varve/writer.h"

namespace varve::cli {
namespace {

constexpr std::size_t length_bytes = 4;

std::size_t read_length(std::span<const std::byte> at) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length |= std::to_integer<std::size_t>(at[i]) << (8 * i);
  return length;
}

/// Removes and returns the first `count` bytes; all, if there are fewer.
std::span<const std::byte> take(std::span<const std::byte>& bytes, std::size_t count) {
  const auto taken = bytes.first(std::min(count, bytes.size()));
  bytes = bytes.subspan(taken.size());
  return taken;
}

}  // namespace

Result<bool> RecordCutter::feed(std::span<const std::byte> bytes, const RecordSink& sink) {
  switch (framing_) {
    case Framing::lines:
      return feed_lines(bytes, sink);
    case Framing::length:
      return feed_lengths(bytes, sink);
    case Framing::file:
      break;
  }
  if (!fits(bytes.size())) return too_large();
  keep(bytes);
  return true;
}

Result<bool> RecordCutter::feed_lines(std::span<const std::byte> bytes, const RecordSink& sink) {
  while (!bytes.empty()) {
    const void* newline = std::memchr(bytes.data(), '\n', bytes.size());
    if (newline == nullptr) {
      if (!fits(bytes.size())) return too_large();
      keep(bytes);
      return true;
    }
    const auto line =
        take(bytes, static_cast<std::size_t>(static_cast<const std::byte*>(newline) - bytes.data()));
    if (!fits(line.size())) return too_large();
    take(bytes, 1);
    if (!pass_on(line, sink)) return false;
  }
  return true;
}

Result<bool> RecordCutter::feed_lengths(std::span<const std::byte> bytes, const RecordSink& sink) {
  while (true) {
    if (unfinished_.size() < length_bytes) {
      // Whole records that lie in `bytes` are passed on from there, without a copy.
      if (unfinished_.empty() && bytes.size() >= length_bytes) {
        const std::size_t length = read_length(bytes);
        if (length > max_record_bytes) return too_large();
        if (bytes.size() - length_bytes >= length) {
          take(bytes, length_bytes);
          if (!pass_on(take(bytes, length), sink)) return false;
          continue;
        }
      }
      keep(take(bytes, length_bytes - unfinished_.size()));
      if (unfinished_.size() < length_bytes) return true;
    }
    const std::size_t length = read_length(unfinished_);
    if (length > max_record_bytes) return too_large();
    keep(take(bytes, length_bytes + length - unfinished_.size()));
    if (unfinished_.size() < length_bytes + length) return true;
    const auto record = std::exchange(unfinished_, {});
    if (!pass_on(std::span(record).subspan(length_bytes), sink)) return false;
  }
}

Result<bool> RecordCutter::finish(const RecordSink& sink) {
  switch (framing_) {
    case Framing::lines:
      return unfinished_.empty() || pass_on({}, sink);
    case Framing::length:
      if (unfinished_.empty()) return true;
      return Error(Code::invalid_argument,
                   fmt::format("ends in the middle of record {}; with --framing length each record is a u32 "
                               "little-endian length and that many bytes",
                               records_ + 1));
    case Framing::file:
      break;
  }
  return pass_on({}, sink);
}

bool RecordCutter::fits(std::size_t more) const { return unfinished_.size() + more <= max_record_bytes; }

Error RecordCutter::too_large() const {
  const bool from_length = framing_ == Framing::length;
  return {Code::invalid_argument,
          fmt::format("record {} is larger than {} MiB, the most a record may have{}", records_ + 1,
                      max_record_bytes >> 20,
                      from_length ? "; is the input really framed with u32 little-endian lengths?"
                                  : "; split it, or give the input another --framing")};
}

void RecordCutter::keep(std::span<const std::byte> bytes) {
  unfinished_.insert(unfinished_.end(), bytes.begin(), bytes.end());
}

bool RecordCutter::pass_on(std::span<const std::byte> record, const RecordSink& sink) {
  ++records_;
  if (unfinished_.empty()) return sink(record);
  keep(record);
  const bool more = sink(unfinished_);
  unfinished_.clear();
  return more;
}

void append_frame_head(Framing framing, std::size_t record_bytes, std::string& out) {
  if (framing != Framing::length) return;
  for (std::size_t i = 0; i < length_bytes; ++i) out.push_back(static_cast<char>(record_bytes >> (8 * i)));
}

std::string_view frame_tail(Framing framing) { return framing == Framing::lines ? "\n" : ""; }

}  // namespace varve::cli
