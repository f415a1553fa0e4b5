// For tests of the writer: reads a log back object by object, without the reader.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "format/blocks.h"
#include "format/key.h"
#include "format/records.h"
#include "object_store/blocking.h"
#include "protocol/position.h"
#include "varve/store.h"
#include "varve/writer.h"

namespace varve::append {

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline LogAddress fresh_log(std::string_view name) {
  return resolve("mem://writer-test-" + std::string(name) + "/log").value();
}

struct ReadBack {
  std::vector<std::string> records;  ///< from `first` on
  Offset first = 0;
  std::vector<format::Header> objects;
  Seq tail = 0;
};

/// Walks the chain from `from` (its object must be on the chain) to the first hole.
inline ReadBack read_back(const LogAddress& log, Seq from = 0) {
  ReadBack back;
  std::optional<protocol::Position> at;
  for (Seq seq = from;; seq = at->seq) {
    const Result<Bytes> object = object_store::get_now(*log.store, format::wal_key(log.path, seq));
    if (!object) {
      EXPECT_EQ(object.error().code(), Code::not_found) << object.error().message();
      back.tail = seq;
      return back;
    }
    const Result<format::Header> header = format::decode_header(object->data);
    EXPECT_TRUE(header) << header.error().message();
    if (!at) {
      at = protocol::position_of(*header);
      back.first = header->first_offset;
    }
    const Result<protocol::Position> next = protocol::step(*at, *header);
    EXPECT_TRUE(next) << next.error().message();
    if (!next) return back;
    back.objects.push_back(*header);
    if (header->kind == format::Kind::data) {
      std::vector<std::byte> unpacked(header->body_end);
      if (header->codec != format::Codec::none) {
        const auto done =
            format::unpack_body(object->data, *header, std::span(unpacked).subspan(format::header_bytes));
        EXPECT_TRUE(done) << done.error().message();
      }
      format::RecordCursor cursor(header->codec == format::Codec::none ? object->data : unpacked, *header);
      for (auto record = cursor.next(); record && *record; record = cursor.next()) {
        const auto payload = (*record)->payload;
        back.records.emplace_back(reinterpret_cast<const char*>(payload.data()), payload.size());
      }
    }
    at = *next;
  }
}

}  // namespace varve::append
