#include "cli/framing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "varve/writer.h"

namespace varve::cli {
namespace {

using namespace std::string_literals;  // NOLINT(google-build-using-namespace): literals alone
using testing::ElementsAre;
using testing::HasSubstr;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

struct Cut {
  std::vector<std::string> records;
  std::string error;
};

/// Cuts `input` that arrives in pieces of `piece_bytes`.
Cut cut(Framing framing, std::string_view input, std::size_t piece_bytes) {
  Cut result;
  RecordCutter cutter(framing);
  const RecordSink sink = [&](std::span<const std::byte> record) {
    result.records.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
    return true;
  };
  for (; !input.empty(); input.remove_prefix(std::min(piece_bytes, input.size()))) {
    const auto fed = cutter.feed(bytes_of(input.substr(0, piece_bytes)), sink);
    if (!fed) {
      result.error = fed.error().message();
      return result;
    }
  }
  if (const auto finished = cutter.finish(sink); !finished) result.error = finished.error().message();
  return result;
}

std::string framed(const std::vector<std::string>& records) {
  std::string out;
  for (const std::string& record : records) {
    append_frame_head(Framing::length, record.size(), out);
    out += record;
  }
  return out;
}

class InPiecesOf : public testing::TestWithParam<std::size_t> {};

TEST_P(InPiecesOf, LinesWithoutTheirNewline) {
  EXPECT_THAT(cut(Framing::lines, "one\n\nthree\n", GetParam()).records, ElementsAre("one", "", "three"));
}

TEST_P(InPiecesOf, LastLineWithoutNewlineCounts) {
  EXPECT_THAT(cut(Framing::lines, "one\ntw", GetParam()).records, ElementsAre("one", "tw"));
}

TEST_P(InPiecesOf, LengthsAndTheirBytes) {
  const std::vector<std::string> records{"", "a\n\0b"s, std::string(300, 'x'), ""};
  const auto result = cut(Framing::length, framed(records), GetParam());
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.records, records);
}

TEST_P(InPiecesOf, LengthThatPromisesMoreThanComes) {
  const std::string input = framed({"one", "two"});
  const auto result = cut(Framing::length, std::string_view(input).substr(0, input.size() - 1), GetParam());
  EXPECT_THAT(result.records, ElementsAre("one"));
  EXPECT_THAT(result.error, HasSubstr("in the middle of record 2"));
}

TEST_P(InPiecesOf, LengthBeyondTheLargestRecord) {
  std::string input = framed({"one"});
  append_frame_head(Framing::length, max_record_bytes + 1, input);
  const auto result = cut(Framing::length, input, GetParam());
  EXPECT_THAT(result.records, ElementsAre("one"));
  EXPECT_THAT(result.error, HasSubstr("record 2 is larger than 64 MiB"));
}

TEST_P(InPiecesOf, FileIsOneRecord) {
  EXPECT_THAT(cut(Framing::file, "one\ntwo\n", GetParam()).records, ElementsAre("one\ntwo\n"));
}

INSTANTIATE_TEST_SUITE_P(Framing, InPiecesOf, testing::Values(1, 2, 3, 5, 7, 4096));

TEST(Framing, EmptyInput) {
  EXPECT_THAT(cut(Framing::lines, "", 1).records, ElementsAre());
  EXPECT_THAT(cut(Framing::length, "", 1).records, ElementsAre());
  EXPECT_THAT(cut(Framing::file, "", 1).records, ElementsAre(""));
}

TEST(Framing, LineOfExactlyTheLargestRecordAndOneMore) {
  std::string line(max_record_bytes, 'x');
  EXPECT_EQ(cut(Framing::lines, line, std::size_t{1} << 20).records.size(), 1);
  line.push_back('x');
  EXPECT_THAT(cut(Framing::lines, line, std::size_t{1} << 20).error, HasSubstr("record 1 is larger"));
  EXPECT_THAT(cut(Framing::file, line, std::size_t{1} << 20).error, HasSubstr("record 1 is larger"));
}

TEST(Framing, SinkThatHasEnoughIsNotCalledAgain) {
  RecordCutter cutter(Framing::lines);
  int calls = 0;
  const auto fed = cutter.feed(bytes_of("one\ntwo\n"), [&](auto) { return ++calls > 1; });
  EXPECT_FALSE(*fed);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace varve::cli
