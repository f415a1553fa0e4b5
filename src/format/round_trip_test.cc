// Random objects come back as they went in.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;
using samples::Claim;

std::uint64_t up_to(std::uint64_t most) { return *rc::gen::inRange<std::uint64_t>(0, most + 1); }

Id any_id() {
  Id id;
  for (auto& byte : id.bytes) byte = *rc::gen::arbitrary<std::uint8_t>();
  return id;
}

// Any possible header of DATA, but for its lengths.
Header any_data_header() {
  constexpr std::uint64_t far = std::uint64_t{1} << 62;
  Header header;
  header.flags = *rc::gen::element(0U, flag::closing, 1U << 30);
  header.log_id = any_id();
  header.writer_id = any_id();
  header.window = 1 + static_cast<std::uint32_t>(up_to(max_window - 1));
  header.epoch = up_to(far);
  header.seq = header.epoch + header.window + up_to(far);
  header.first_offset = up_to(far);
  header.durable_seq = up_to(header.seq);
  header.anchor = header.durable_seq == 0 ? 0 : up_to(header.durable_seq - 1);
  header.lowest_live = up_to(header.anchor);
  header.durable_offset = up_to(header.first_offset);
  header.start_offset = up_to(header.durable_offset);
  header.previous_hash = *rc::gen::arbitrary<std::uint64_t>();
  header.created_unix_ms = *rc::gen::arbitrary<std::int64_t>();
  return header;
}

EpochHistory any_history(std::uint32_t window, Seq& end, Offset& end_offset) {
  EpochHistory history(up_to(20));
  for (EpochEntry& epoch : history) {
    epoch = {.seal = end, .first_offset = end_offset, .flags = *rc::gen::arbitrary<std::uint32_t>()};
    end += window + up_to(1'000'000);
    end_offset += up_to(1'000'000);
  }
  return history;
}

RC_GTEST_PROP(RoundTrip, Data, ()) {
  Header header = any_data_header();
  std::vector<Claim> claims(up_to(30));
  for (Claim& claim : claims) {
    claim.payload = Bytes(*rc::gen::element(up_to(40), up_to(200'000)), static_cast<std::byte>(up_to(255)));
    claim.unused = *rc::gen::element(std::size_t{0}, std::size_t{8}, std::size_t{80'000});
  }
  const auto read = samples::read_data(samples::data_object(header, claims));
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->header == header);
  RC_ASSERT(read->payloads.size() == claims.size());
  for (std::size_t i = 0; i < claims.size(); ++i) RC_ASSERT(read->payloads[i] == claims[i].payload);
}

RC_GTEST_PROP(RoundTrip, CompressedData, ()) {
  Header header = any_data_header();
  const Packing packing{.codec = *rc::gen::element(Codec::lz4, Codec::zstd),
                        .level = static_cast<int>(up_to(6)) - 2,
                        .block_log2 = 16 + static_cast<std::uint32_t>(up_to(2))};
  std::vector<Claim> claims(1 + up_to(20));
  std::minstd_rand noise(static_cast<std::minstd_rand::result_type>(up_to(1'000'000)));
  for (Claim& claim : claims) {
    claim.payload = Bytes(*rc::gen::element(up_to(40), up_to(100'000)), static_cast<std::byte>(up_to(255)));
    if (*rc::gen::arbitrary<bool>())
      std::ranges::generate(claim.payload, [&] { return static_cast<std::byte>(noise()); });
    claim.unused = *rc::gen::element(std::size_t{0}, std::size_t{8}, std::size_t{80'000});
  }
  Header plain = header;
  const Bytes as_is = samples::data_object(plain, claims);
  const Bytes object = samples::packed_object(header, claims, packing);
  RC_CLASSIFY(header.codec == Codec::none, "does not shrink");
  const bool is_packed = header.codec != Codec::none;
  RC_ASSERT((object.size() < as_is.size()) == is_packed);
  if (!is_packed) RC_ASSERT(object == as_is);
  const auto read = samples::read_data(object);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->header == header);
  RC_ASSERT(read->index == decode_trailer(as_is, plain).value());
  RC_ASSERT(read->payloads.size() == claims.size());
  for (std::size_t i = 0; i < claims.size(); ++i) RC_ASSERT(read->payloads[i] == claims[i].payload);
}

RC_GTEST_PROP(RoundTrip, Seal, ()) {
  Header header = samples::first_seal_header();
  header.window = 1 + static_cast<std::uint32_t>(up_to(max_window - 1));
  const SealBody body{.history = any_history(header.window, header.seq, header.first_offset),
                      .host = *rc::gen::resize(60, rc::gen::arbitrary<std::string>()),
                      .pid = *rc::gen::arbitrary<std::uint64_t>()};
  header.epoch = header.seq;
  const Bytes object = encode_seal(header, body);
  const auto decoded = decode_header(object);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == seal_header(header, body));
  RC_ASSERT(decode_seal(object, *decoded).value() == body);
}

RC_GTEST_PROP(RoundTrip, Checkpoint, ()) {
  Checkpoint checkpoint;
  checkpoint.log_id = any_id();
  checkpoint.window = 1 + static_cast<std::uint32_t>(up_to(max_window - 1));
  Offset offset = 0;
  checkpoint.history = any_history(checkpoint.window, checkpoint.anchor, offset);
  if (checkpoint.history.empty()) checkpoint.history.emplace_back();
  checkpoint.anchor += checkpoint.window;
  checkpoint.swept_below = up_to(checkpoint.anchor);
  RC_ASSERT(decode_checkpoint(encode_checkpoint(checkpoint)).value() == checkpoint);
}

}  // namespace
}  // namespace varve::format
