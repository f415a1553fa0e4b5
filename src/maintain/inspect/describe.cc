#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iterator>

#include "format/checkpoint.h"
#include "format/envelope.h"
#include "format/object_check.h"
#include "format/trailer.h"
#include "varve/inspect.h"

namespace varve {

using format::Header;
using maintain::ObjectCheck;

namespace {

// More epochs than this are summed up.
constexpr std::size_t epochs_shown = 16;

std::string time_text(std::int64_t unix_ms) {
  // From year 0001 on to 9999: what fmt writes without throwing.
  constexpr std::int64_t first_ms = -62'135'596'800'000;
  constexpr std::int64_t last_ms = 253'402'300'799'999;
  if (unix_ms < first_ms || unix_ms > last_ms) return fmt::format("{} ms (no possible time)", unix_ms);
  // Not by way of `system_clock::to_time_t`: its nanoseconds end in the year 2262.
  const std::chrono::milliseconds time(unix_ms);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::time_t{seconds.count()}),
                     (time - seconds).count());
}

std::string flags_text(std::uint32_t flags) {
  std::string text;
  const auto name = [&](std::uint32_t bit, std::string_view word) {
    if ((flags & bit) != 0) text += fmt::format("{}{}", text.empty() ? "" : ", ", word);
    flags &= ~bit;
  };
  name(format::flag::closing, "closing");
  name(format::flag::ahead, "ahead");
  name(format::flag::fences_nobody, "fences nobody");
  name(format::flag::retired, "retired");
  name(format::flag::promoted, "promoted");
  if (flags != 0) text += fmt::format("{}unknown {:#x}", text.empty() ? "" : ", ", flags);
  return text.empty() ? "none" : text;
}

void write_line(std::string& text, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(text), "{:<16}{}\n", name, value);
}

std::string_view what_is_wrong(const Error& error) {
  return error.code() == Code::unsupported ? "NEWER" : "DAMAGED";
}

void write_header(std::string& text, const Header& h) {
  write_line(text, "kind", h.kind == format::Kind::seal ? "SEAL" : "DATA");
  write_line(text, "flags", flags_text(h.flags));
  write_line(text, "log", to_hex(h.log_id));
  write_line(text, "writer", to_hex(h.writer_id));
  write_line(text, "seq", fmt::to_string(h.seq));
  write_line(text, "epoch", fmt::to_string(h.epoch));
  write_line(text, "window", fmt::to_string(h.window));
  write_line(text, "first offset", fmt::to_string(h.first_offset));
  write_line(text, "records", fmt::to_string(h.record_count));
  write_line(text, "body",
             fmt::format("bytes {} to {} of {}", format::header_bytes, h.stored_end(), h.object_bytes));
  if (h.codec != format::Codec::none) {
    const std::uint64_t body_bytes = h.body_end - format::header_bytes;
    write_line(text, "compressed",
               fmt::format("{}, from {} bytes to {} %, in {} blocks of {} KiB", to_string(h.codec),
                           body_bytes, (h.packed_end - format::header_bytes) * 100 / body_bytes,
                           block_count(h), (std::uint64_t{1} << h.block_log2) / 1024));
  }
  write_line(text, "start offset", fmt::to_string(h.start_offset));
  write_line(text, "lowest live", fmt::to_string(h.lowest_live));
  write_line(text, "anchor", fmt::to_string(h.anchor));
  write_line(text, "durable", fmt::format("below object {}, offset {}", h.durable_seq, h.durable_offset));
  write_line(text, "previous hash", fmt::format("{:016x}", h.previous_hash));
  write_line(text, "hash", fmt::format("{:016x}", hash_of(h)));
  write_line(text, "created", time_text(h.created_unix_ms));
  if (h.first_append_unix_ms != 0) write_line(text, "first append", time_text(h.first_append_unix_ms));
}

void write_epochs(std::string& text, const format::EpochHistory& history) {
  write_line(text, "epochs before", fmt::to_string(history.size()));
  const std::size_t hidden = history.size() - std::min(history.size(), epochs_shown);
  if (hidden != 0) write_line(text, "", fmt::format("... {} older ones", hidden));
  for (std::size_t i = hidden; i < history.size(); ++i) {
    write_line(text, "",
               fmt::format("seal {}, from offset {}, flags: {}", history[i].seal, history[i].first_offset,
                           flags_text(history[i].flags)));
  }
}

std::string describe_checkpoint(std::span<const std::byte> bytes) {
  std::string text;
  const auto checkpoint = format::decode_checkpoint(bytes);
  write_line(text, "kind", "checkpoint");
  write_line(text, "size", fmt::format("{} bytes", bytes.size()));
  if (!checkpoint) {
    write_line(text, what_is_wrong(checkpoint.error()), checkpoint.error().message());
    return text;
  }
  write_line(text, "log", to_hex(checkpoint->log_id));
  write_line(text, "window", fmt::to_string(checkpoint->window));
  write_line(text, "anchor", fmt::to_string(checkpoint->anchor));
  write_line(text, "swept below", fmt::to_string(checkpoint->swept_below));
  write_epochs(text, checkpoint->history);
  if (const auto& mirror = checkpoint->mirror) {
    write_line(text, "mirror of", mirror->source);
    write_line(text, "begins at",
               fmt::format("object {}, offset {}{}", mirror->begins_seq, mirror->begins_offset,
                           mirror->keeps ? ", whatever the source trims" : ""));
    write_line(text, "copied", fmt::format("up to, but not including, offset {}", mirror->copied_offset));
    write_line(text, "source end",
               fmt::format("offset {} at {}", mirror->source_end, time_text(mirror->source_seen_unix_ms)));
  }
  return text;
}

}  // namespace

std::string describe_object(std::span<const std::byte> object) {
  const auto& magic = format::checkpoint_magic;
  if (object.size() >= magic.size() &&
      std::ranges::equal(object.first(magic.size()), std::as_bytes(std::span(magic)))) {
    return describe_checkpoint(object);
  }
  std::string text;
  write_line(text, "size", fmt::format("{} bytes", object.size()));
  const auto header = format::decode_header(object);
  if (!header) {
    write_line(text, what_is_wrong(header.error()), header.error().message());
    return text;
  }
  write_header(text, *header);
  const ObjectCheck check = maintain::check_object(object, *header);
  if (check.seal) {
    write_line(text, "sealed by", fmt::format("{}:{}", check.seal->host, check.seal->pid));
    write_epochs(text, check.seal->history);
  }
  if (header->kind == format::Kind::data) {
    write_line(text, "sound records",
               fmt::format("{} of {}, {} to {} bytes, {} bytes together", check.records, header->record_count,
                           check.smallest, check.largest, check.payload_bytes));
  }
  for (const std::string& damage : check.damage) write_line(text, "DAMAGED", damage);
  if (check.damage.empty()) write_line(text, "sound", "every checksum holds");
  return text;
}

}  // namespace varve
