// Objects as version 1 made them, kept as files: what is stored once must be readable for ever, so
// these files never change. A new version adds its own beside them.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

#include "testing/samples.h"

namespace varve::format {
namespace {

using samples::Bytes;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string golden_path(const std::string& name) { return std::string(VARVE_GOLDEN_DIR) + "/" + name; }
Bytes golden(const std::string& name) { return samples::bytes_of(read_file(golden_path(name))); }

Bytes data() {
  Header header = samples::data_header();
  return samples::data_object(header, samples::small_claims());
}
Bytes seal() { return encode_seal(samples::first_seal_header(), samples::first_seal_body()); }
Bytes seal_with_history() {
  return encode_seal(samples::seal_header_with_history(), samples::seal_body_with_history());
}
Bytes ahead() { return encode_seal(samples::ahead_header(), samples::ahead_body()); }
Bytes checkpoint() { return encode_checkpoint(samples::checkpoint()); }
Bytes mirror_checkpoint() { return encode_checkpoint(samples::mirror_checkpoint()); }
Bytes cursor() { return encode_cursor(samples::cursor()); }
Bytes bound_cursor() { return encode_cursor(samples::bound_cursor()); }

struct Golden {
  const char* name;
  Bytes (*encode)();
};
Bytes packed(Codec codec) {
  Header header = samples::data_header();
  return samples::packed_object(header, samples::wordy_claims(), {.codec = codec, .block_log2 = 16});
}
Bytes lz4() { return packed(Codec::lz4); }
Bytes zstd() { return packed(Codec::zstd); }

constexpr Golden compressed[] = {{"data-lz4-v1.bin", lz4}, {"data-zstd-v1.bin", zstd}};
constexpr Golden all[] = {{"data-v1.bin", data},
                          {"first-seal-v1.bin", seal},
                          {"seal-with-history-v1.bin", seal_with_history},
                          {"seal-ahead-v1.bin", ahead},
                          {"checkpoint-v1.bin", checkpoint},
                          {"mirror-checkpoint-v1.bin", mirror_checkpoint},
                          {"cursor-v1.bin", cursor},
                          {"bound-cursor-v1.bin", bound_cursor}};

TEST(Golden, IsWhatEncodingMakes) {
  for (const auto& [name, encode] : all) EXPECT_EQ(encode(), golden(name)) << name;
}

TEST(Golden, DataIsRead) {
  Header header = samples::data_header();
  samples::data_object(header, samples::small_claims());
  const auto read = samples::read_data(golden("data-v1.bin"));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->header, header);
  ASSERT_EQ(read->payloads.size(), 3U);
  EXPECT_EQ(read->payloads[2], samples::bytes_of("a third one"));
}

// Another version of a codec's library may compress to other bytes; what it once made stays readable.
TEST(Golden, CompressedDataIsRead) {
  for (const Codec codec : {Codec::lz4, Codec::zstd}) {
    Header header = samples::data_header();
    const std::vector<samples::Claim> claims = samples::wordy_claims();
    samples::data_object(header, claims);
    const auto read = samples::read_data(golden("data-" + std::string(to_string(codec)) + "-v1.bin"));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->header.codec, codec);
    EXPECT_EQ(read->header.body_end, header.body_end);
    ASSERT_EQ(read->payloads.size(), claims.size());
    for (std::size_t i = 0; i < claims.size(); ++i) EXPECT_EQ(read->payloads[i], claims[i].payload);
  }
}

void expect_seal(const char* name, const Header& header, const SealBody& body) {
  const Bytes object = golden(name);
  const auto decoded = decode_header(object);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, seal_header(header, body)) << name;
  EXPECT_EQ(*decode_seal(object, *decoded), body) << name;
}

TEST(Golden, SealsAreRead) {
  expect_seal("first-seal-v1.bin", samples::first_seal_header(), samples::first_seal_body());
  expect_seal("seal-with-history-v1.bin", samples::seal_header_with_history(),
              samples::seal_body_with_history());
  expect_seal("seal-ahead-v1.bin", samples::ahead_header(), samples::ahead_body());
}

TEST(Golden, CheckpointIsRead) {
  EXPECT_EQ(*decode_checkpoint(golden("checkpoint-v1.bin")), samples::checkpoint());
  EXPECT_EQ(*decode_checkpoint(golden("mirror-checkpoint-v1.bin")), samples::mirror_checkpoint());
}

TEST(Golden, CursorsAreRead) {
  EXPECT_EQ(*decode_cursor(golden("cursor-v1.bin")), samples::cursor());
  EXPECT_FALSE(samples::cursor().history());
  const auto bound = decode_cursor(golden("bound-cursor-v1.bin"));
  EXPECT_EQ(*bound, samples::bound_cursor());
  EXPECT_EQ(bound->history(), 0x1122'3344'5566'7788U);
}

// Programs from before read a cursor's revision if it has their length, no required flag and nothing in the
// reserved bytes; they pass over the other flags, and the mover id is any bytes to them.
TEST(Golden, ABoundCursorIsOneThatProgramsBeforeRead) {
  const Bytes bound = golden("bound-cursor-v1.bin");
  const Bytes plain = golden("cursor-v1.bin");
  ASSERT_EQ(bound.size(), plain.size());
  for (std::size_t i = 0; i < bound.size(); ++i) {
    const bool flags = i >= 16 && i < 20;
    const bool mover_id = i >= 44 && i < 60;
    const bool checksum = i >= 92;
    EXPECT_TRUE(flags || mover_id || checksum || bound[i] == plain[i]) << i;
  }
}

// A line of a dump: six hex digits of position, then bytes ("00*80" for a run), then words.
void add_dump_line(const std::string& line, Bytes& bytes) {
  std::istringstream words(line.substr(0, line.find('|')));
  std::size_t position = 0;
  words >> std::hex >> position;
  EXPECT_EQ(position, bytes.size()) << line;
  for (std::string word; words >> word;) {
    unsigned value = 0;
    std::from_chars(word.data(), word.data() + 2, value, 16);
    const std::size_t times = word.size() > 3 ? std::stoul(word.substr(3)) : 1;
    bytes.insert(bytes.end(), times, static_cast<std::byte>(value));
  }
}

TEST(Golden, IsDumpedInTheSpecification) {
  std::istringstream page(read_file(VARVE_FORMAT_MD));
  Bytes dumped;
  bool in_dump = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      in_dump = line == "```dump";
    } else if (in_dump) {
      add_dump_line(line, dumped);
    }
  }
  EXPECT_EQ(dumped, golden("data-v1.bin"));
}

// For the files of a new version: --gtest_also_run_disabled_tests --gtest_filter=*WriteMissing.
TEST(Golden, DISABLED_WriteMissing) {
  const auto write = [](const Golden& each) {
    if (std::ifstream(golden_path(each.name))) return;
    const Bytes bytes = each.encode();
    std::ofstream(golden_path(each.name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  };
  std::ranges::for_each(all, write);
  std::ranges::for_each(compressed, write);
}

}  // namespace
}  // namespace varve::format
