// What the public functions do with arguments that make no sense: a typed error, no crash and no exception.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <regex>

#include "tests/interface/every_function.h"

namespace varve::interface_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

template <class T>
void expect_refused(const Result<T>& result, const char* call) {
  ASSERT_FALSE(result) << call;
  EXPECT_EQ(result.error().code(), Code::invalid_argument) << call << ": " << result.error().message();
  EXPECT_NE(result.error().message().find("store"), std::string::npos) << result.error().message();
}
#define EXPECT_REFUSED(call) expect_refused(call, #call)

TEST(Interface, ALogWithoutAStoreIsRefused) {
  World world;
  LogAddress given_away = world.log;
  const LogAddress taken = std::move(given_away);
  for (const LogAddress& none : {LogAddress{}, LogAddress{.store = nullptr, .path = "log"}, given_away}) {
    EXPECT_REFUSED(Writer::open(none));
    EXPECT_REFUSED(Writer::open(world.unwritten, {.standby = none}));
    EXPECT_REFUSED(Reader::open(none));
    EXPECT_REFUSED(PointReader::open(none));
    EXPECT_REFUSED(Cursors::open(none));
    EXPECT_REFUSED(Consumer::open(none, "name"));
    EXPECT_REFUSED(inspect(none));
    EXPECT_REFUSED(verify(none));
    EXPECT_REFUSED(plan_repair(none));
    EXPECT_REFUSED(repair(none));
    EXPECT_REFUSED(plan_retention(none, {.max_bytes = 1}));
    EXPECT_REFUSED(retain(none, {.max_bytes = 1}));
    EXPECT_REFUSED(retain(*world.writer, none, {.max_bytes = 1}));
    EXPECT_REFUSED(Mirror::open(none, world.unwritten));
    EXPECT_REFUSED(Mirror::open(world.log, none));
    EXPECT_REFUSED(plan_promotion(none));
    EXPECT_REFUSED(promote(none));
    EXPECT_REFUSED(plan_promotion(world.mirror, {.source = none}));
    EXPECT_REFUSED(promote(world.mirror, {.source = none}));
  }
}

// A header that gets a new function, or a new way to take a log, gets a call here.
TEST(Interface, NoFunctionIsLeftOut) {
  std::set<std::string> called;
  for (const auto& [name, call] : cpp_calls()) called.insert(name);
  for (const auto& [name, call] : c_calls_with_null()) called.insert(name);
  const std::map<std::string, std::string> no_calls = {
      {"Exporter::start", "of another library, varve::exporter, and tried by its tests"},
      {"await_resume", "hands over what `append` said"},
  };
  std::size_t found = 0;
  for (const auto& file : std::filesystem::directory_iterator(VARVE_PUBLIC_HEADERS)) {
    std::ifstream stream(file.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    std::string within;
    // A class begins, it ends, a function returns a result, or it is one of C's.
    const std::regex words(R"((?:^|\n)class (?:\[\[nodiscard\]\] )?(\w+) \{|(?:^|\n)\};)"
                           R"(|\n *(?:static )?Result<[^\n;=]*> (\w+)\()"
                           R"(|\n(?:varve_\w+|void|bool|uint\w+|const char)\s*\*? ?(varve_\w+)\()");
    for (std::sregex_iterator at(text.begin(), text.end(), words); at != std::sregex_iterator(); ++at) {
      const std::smatch& match = *at;
      if (match[1].matched) {
        within = match[1].str() + "::";
      } else if (match[2].matched || match[3].matched) {
        const std::string name = match[3].matched ? match[3].str() : within + match[2].str();
        ++found;
        EXPECT_TRUE(called.contains(name) || no_calls.contains(name)) << name << " is never called";
      } else {
        within.clear();
      }
    }
  }
  EXPECT_GE(found, called.size());
}

TEST(Interface, NullIsRefusedByC) {
  for (const auto& [name, call] : c_calls_with_null()) {
    const int code = call();
    EXPECT_TRUE(code == VARVE_INVALID_ARGUMENT || code == VARVE_OK)
        << name << " says " << varve_code_name(code);
  }
}

TEST(Interface, WhatWasMovedFromIsStillSomething) {
  World world;
  Cursors given_away = *world.cursors;
  const Cursors taken = std::move(given_away);
  EXPECT_TRUE(given_away.get("there").has_value());  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_TRUE(taken.get("there").has_value());

  Error error(Code::closed, "it is closed");
  const Error moved = std::move(error);
  EXPECT_EQ(error.code(), Code::closed);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(error.message(), moved.message());

  Result<void> result = moved;
  const Result<void> other = std::move(result);
  EXPECT_EQ(result.error().message(), other.error().message());  // NOLINT(bugprone-use-after-move)
}

TEST(Interface, ValueIsThereForVoidToo) {
  const Result<void> well;
  EXPECT_NO_THROW(well.value());
  const Result<void> failed = Error(Code::closed, "it is closed");
  EXPECT_THROW(failed.value(), tl::bad_expected_access<Error>);
}

template <class T>
Code code_of(const Result<T>& result) {
  return result ? Code::internal : result.error().code();
}

TEST(Interface, RecordsOfNoPossibleSizeAreRefused) {
  World world;
  Writer& writer = *world.writer;
  // As long as one likes to say, and never looked at.
  static const std::byte byte{};
  for (const std::size_t bytes : {max_record_bytes + 1, SIZE_MAX / 2, SIZE_MAX - 7, SIZE_MAX}) {
    SCOPED_TRACE(bytes);
    const std::span<const std::byte> huge(&byte, bytes);
    const std::array<std::span<const std::byte>, 2> two = {huge, huge};
    EXPECT_EQ(code_of(writer.append(huge)), Code::invalid_argument);
    EXPECT_EQ(code_of(writer.append_wait(huge, 1ms)), Code::invalid_argument);
    EXPECT_EQ(code_of(writer.append_batch(two)), Code::invalid_argument);
    EXPECT_EQ(code_of(writer.append_batch_wait(two, 1ms)), Code::invalid_argument);
    EXPECT_EQ(code_of(writer.append_future(huge).get()), Code::invalid_argument);
    EXPECT_EQ(code_of(writer.reserve(bytes)), Code::invalid_argument);
    EXPECT_EQ(code_of(writer.reserve_wait(bytes, 1ms)), Code::invalid_argument);
    uint64_t offset = 0;
    EXPECT_EQ(varve_writer_append(nullptr, &byte, bytes, nullptr, nullptr, &offset, nullptr),
              VARVE_INVALID_ARGUMENT);
  }
  EXPECT_EQ(writer.status().end_offset, 0U) << "nothing was claimed";
}

TEST(Interface, AbsurdTimesEndAtOnceOrNever) {
  for (const milliseconds time : {milliseconds::min(), milliseconds(-1), 0ms, milliseconds::max()}) {
    SCOPED_TRACE(time.count());
    World world;
    EXPECT_TRUE(world.writer->append_wait(bytes_of("record"), time));
    EXPECT_TRUE(world.writer->reserve_wait(8, time));
    const bool forever = time == milliseconds::max();
    for (const auto& next : {world.reader->next(time), world.consumer->next(time)})
      EXPECT_TRUE(next || (!forever && next.error().code() == Code::timed_out)) << next.error().message();
    for (const Result<void>& ended : {world.writer->flush(time), world.writer->close(time)})
      EXPECT_TRUE(ended || ended.error().code() == Code::timed_out) << ended.error().message();
  }
}

/// Opens with each of them: it is refused, or works.
template <class Options>
void expect_typed(const std::vector<std::function<void(Options&)>>& absurdities,
                  const std::function<Outcome(World&, const Options&)>& call) {
  for (std::size_t i = 0; i < absurdities.size(); ++i) {
    SCOPED_TRACE(i);
    World world;
    Options options;
    absurdities[i](options);
    const Outcome outcome = call(world, options);
    EXPECT_TRUE(!outcome || *outcome == Code::invalid_argument || *outcome == Code::timed_out ||
                *outcome == Code::unavailable || *outcome == Code::out_of_range)
        << to_string(*outcome);
  }
}

TEST(Interface, AbsurdWriterOptionsAreRefusedOrWork) {
  std::vector<std::function<void(WriterOptions&)>> absurd;
  for (const std::uint32_t number : {0U, 1U, UINT32_MAX}) {
    absurd.insert(
        absurd.end(),
        {[=](WriterOptions& o) { o.linger_ms = number; }, [=](WriterOptions& o) { o.window = number; },
         [=](WriterOptions& o) { o.uploads_max = number; }, [=](WriterOptions& o) { o.give_up_ms = number; },
         [=](WriterOptions& o) { o.open_timeout_ms = number; },
         [=](WriterOptions& o) { o.checkpoint_every_objects = number; }});
  }
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, SIZE_MAX / 2, SIZE_MAX}) {
    absurd.insert(absurd.end(), {[=](WriterOptions& o) { o.batch_bytes = bytes; },
                                 [=](WriterOptions& o) { o.buffered_bytes_max = bytes; },
                                 [=](WriterOptions& o) { o.batch_bytes = o.buffered_bytes_max = bytes; }});
  }
  for (const double number : {std::nan(""), HUGE_VAL, -HUGE_VAL, -1.0, 0.0, 1e-300, 1e300}) {
    absurd.insert(absurd.end(), {[=](WriterOptions& o) { o.puts_per_second = number; },
                                 [=](WriterOptions& o) { o.put_burst = number; },
                                 [=](WriterOptions& o) { o.puts_per_second = o.put_burst = number; }});
  }
  for (const int level : {INT_MIN, -100, 100, INT_MAX}) {
    absurd.emplace_back([=](WriterOptions& o) {
      o.compression = Compression::zstd;
      o.compression_level = level;
    });
  }
  absurd.emplace_back([](WriterOptions& o) { o.compression = static_cast<Compression>(200); });
  expect_typed<WriterOptions>(absurd, [](World& world, const WriterOptions& options) {
    const auto writer = Writer::open(world.unwritten, options);
    if (!writer) return outcome_of(writer);
    const auto appended = (*writer)->append(bytes_of("record"));
    return appended ? outcome_of((*writer)->close(2s)) : outcome_of(appended);
  });
}

TEST(Interface, AbsurdOptionsOfReadersAreRefusedOrWork) {
  std::vector<std::function<void(ReaderOptions&)>> absurd;
  for (const std::uint32_t number : {0U, 1U, UINT32_MAX}) {
    absurd.insert(absurd.end(), {[=](ReaderOptions& o) { o.read_ahead_objects = number; },
                                 [=](ReaderOptions& o) { o.read_ahead_bytes = number; },
                                 [=](ReaderOptions& o) { o.poll_ms = number; },
                                 [=](ReaderOptions& o) { o.poll_max_ms = number; },
                                 [=](ReaderOptions& o) { o.give_up_ms = number; }});
  }
  for (const std::uint64_t number : {std::uint64_t{0}, UINT64_MAX}) {
    absurd.insert(absurd.end(),
                  {[=](ReaderOptions& o) { o.from = number; }, [=](ReaderOptions& o) { o.last = number; },
                   [=](ReaderOptions& o) { o.read_ahead_bytes = number; }});
  }
  for (const std::int64_t time : {INT64_MIN, INT64_MAX})
    absurd.emplace_back([=](ReaderOptions& o) { o.since_unix_ms = time; });
  expect_typed<ReaderOptions>(absurd, [](World& world, ReaderOptions options) {
    const auto reader = Reader::open(world.log, options);
    if (!reader) return outcome_of(reader);
    options.follow = true;
    const auto consumer = Consumer::open(world.log, "absurd", {.reader = options});
    return outcome_of((*reader)->next(1ms));
  });
}

TEST(Interface, OtherAbsurdOptionsAreRefusedOrWork) {
  for (const std::uint32_t number : {0U, 1U, UINT32_MAX}) {
    SCOPED_TRACE(number);
    World world;
    const std::vector<std::pair<const char*, Outcome>> outcomes = {
        {"cache_bytes", outcome_of(PointReader::open(world.log, {.cache_bytes = number}))},
        {"give_up_ms", outcome_of(PointReader::open(world.log, {.give_up_ms = number}))},
        {"cursors", outcome_of(Cursors::open(world.log, {.give_up_ms = number}))},
        {"repair", outcome_of(repair(world.log, {.give_up_ms = number}))},
        {"hole", outcome_of(repair(world.log, {.seal_past_hole_at = number}))},
        {"age", outcome_of(plan_retention(world.log, {.max_age_ms = number}))},
        {"bytes", outcome_of(plan_retention(world.log, {.max_bytes = number}))},
        {"retention", outcome_of(plan_retention(world.log, {.max_bytes = 1}, {.give_up_ms = number}))},
        {"now", outcome_of(plan_retention(world.log, {.max_age_ms = 1}, {.now_unix_ms = INT64_MIN}))},
        {"fetch", outcome_of(Mirror::open(world.log, world.mirror, {.fetch_objects = number}))},
        {"poll", outcome_of(Mirror::open(world.log, world.mirror, {.poll_ms = number}))},
        {"held", outcome_of(Mirror::open(world.log, world.mirror, {.bytes_max = number}))},
        {"promotion", outcome_of(plan_promotion(world.mirror, {.timeout_ms = number}))},
        {"loss", outcome_of(promote(world.mirror, {.accept_loss_after = Offset{number} << 32U | number}))},
        {"trim", outcome_of(world.writer->trim(UINT64_MAX, {.timeout_ms = number}))},
        {"days", outcome_of(world.writer->trim(0, {.no_writer_sleeps_days = number}))},
        {"name", outcome_of(world.cursors->get(std::string(number % 5000, 'x')))},
    };
    const std::set<Code> typed = {Code::invalid_argument, Code::timed_out, Code::unavailable,
                                  Code::out_of_range, Code::not_found};
    for (const auto& [name, outcome] : outcomes)
      EXPECT_TRUE(!outcome || typed.contains(*outcome)) << name << ": " << to_string(*outcome);
  }
}

}  // namespace
}  // namespace varve::interface_test
