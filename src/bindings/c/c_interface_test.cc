#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "bindings/c/failure.h"
#include "varve/varve.h"

namespace {

/// An error that a test looks at, and its freeing.
class Failure {
 public:
  Failure() = default;
  Failure(const Failure&) = delete;
  Failure& operator=(const Failure&) = delete;
  ~Failure() { varve_error_free(error_); }
  varve_error** operator&() {  // NOLINT(google-runtime-operator): as C writes it
    varve_error_free(error_);
    error_ = nullptr;
    return &error_;
  }
  [[nodiscard]] const varve_error* get() const { return error_; }
  [[nodiscard]] std::string message() const { return varve_error_message(error_); }

 private:
  varve_error* error_ = nullptr;
};

class CInterface : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string uri =
        fmt::format("mem://c-{}/log", ::testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_EQ(varve_log_open(uri.c_str(), &log_, &failure_), VARVE_OK) << failure_.message();
  }
  void TearDown() override { varve_log_free(log_); }

  varve_writer* open_writer() {
    varve_writer* writer = nullptr;
    EXPECT_EQ(varve_writer_open(log_, nullptr, &writer, &failure_), VARVE_OK) << failure_.message();
    return writer;
  }

  varve_code append(varve_writer* writer, const std::string& text, std::uint64_t* offset = nullptr) {
    return varve_writer_append(writer, text.data(), text.size(), nullptr, nullptr, offset, &failure_);
  }

  varve_log* log_ = nullptr;
  Failure failure_;
};

/// What callbacks say.
struct Heard {
  std::vector<std::uint64_t> offsets;
  std::vector<varve_code> codes;
  varve_error* kept = nullptr;
};

void hear(void* context, std::uint64_t first_offset, const varve_error* error) {
  auto& heard = *static_cast<Heard*>(context);
  heard.offsets.push_back(first_offset);
  heard.codes.push_back(varve_error_code(error));
  if (error != nullptr && heard.kept == nullptr) heard.kept = varve_error_copy(error);
}

TEST_F(CInterface, AppendsAndReadsBack) {
  varve_writer* writer = open_writer();
  Heard heard;
  std::uint64_t offset = 77;
  ASSERT_EQ(varve_writer_append(writer, "one", 3, hear, &heard, &offset, &failure_), VARVE_OK);
  EXPECT_EQ(offset, 0U);
  const varve_bytes batch[] = {{"two", 3}, {nullptr, 0}, {"four", 4}};
  ASSERT_EQ(varve_writer_append_batch(writer, batch, 3, hear, &heard, &offset, &failure_), VARVE_OK);
  EXPECT_EQ(offset, 1U);
  ASSERT_EQ(varve_writer_append_wait(writer, "five", 4, 60'000, hear, &heard, &offset, &failure_), VARVE_OK);
  EXPECT_EQ(offset, 4U);
  const varve_bytes more[] = {{"six", 3}, {"seven", 5}};
  ASSERT_EQ(varve_writer_append_batch_wait(writer, more, 2, 60'000, hear, &heard, &offset, &failure_),
            VARVE_OK);
  EXPECT_EQ(offset, 5U);
  ASSERT_EQ(varve_writer_flush(writer, VARVE_FOREVER, &failure_), VARVE_OK);
  ASSERT_EQ(varve_writer_wait_durable(writer, 7, VARVE_FOREVER, &failure_), VARVE_OK);
  varve_offsets offsets;
  ASSERT_EQ(varve_writer_offsets(writer, &offsets, &failure_), VARVE_OK);
  EXPECT_EQ(offsets.start, 0U);
  EXPECT_EQ(offsets.durable, 7U);
  EXPECT_EQ(offsets.end, 7U);
  ASSERT_EQ(varve_writer_close(writer, VARVE_FOREVER, &failure_), VARVE_OK);
  varve_writer_free(writer);
  EXPECT_EQ(heard.offsets, (std::vector<std::uint64_t>{0, 1, 4, 5}));
  EXPECT_EQ(heard.codes, (std::vector<varve_code>(4, VARVE_OK)));

  varve_reader* reader = nullptr;
  ASSERT_EQ(varve_reader_open(log_, nullptr, &reader, &failure_), VARVE_OK) << failure_.message();
  std::vector<std::string> read;
  varve_record record;
  bool found = true;
  while (true) {
    ASSERT_EQ(varve_reader_next(reader, VARVE_FOREVER, &record, &found, &failure_), VARVE_OK);
    if (!found) break;
    EXPECT_EQ(record.offset, read.size());
    EXPECT_GT(record.time_unix_ms, 0);
    read.emplace_back(static_cast<const char*>(record.data), record.bytes);
  }
  EXPECT_EQ(read, (std::vector<std::string>{"one", "two", "", "four", "five", "six", "seven"}));
  EXPECT_EQ(varve_reader_position(reader), 7U);
  varve_reader_free(reader);
}

TEST_F(CInterface, WhatIsDurableIsInTheStandbyToo) {
  varve_log* second = nullptr;
  ASSERT_EQ(varve_log_open("mem://c-second/log", &second, &failure_), VARVE_OK);
  varve_writer_options options;
  varve_writer_options_init(&options, sizeof options);
  options.standby = second;
  varve_writer* writer = nullptr;
  ASSERT_EQ(varve_writer_open(log_, &options, &writer, &failure_), VARVE_OK) << failure_.message();
  ASSERT_EQ(append(writer, "twice"), VARVE_OK);
  ASSERT_EQ(varve_writer_wait_durable(writer, 1, VARVE_FOREVER, &failure_), VARVE_OK);

  // While the writer is open, with nothing flushed or closed: it is there already.
  varve_reader* reader = nullptr;
  ASSERT_EQ(varve_reader_open(second, nullptr, &reader, &failure_), VARVE_OK) << failure_.message();
  varve_record record;
  bool found = false;
  ASSERT_EQ(varve_reader_next(reader, VARVE_FOREVER, &record, &found, &failure_), VARVE_OK);
  ASSERT_TRUE(found);
  EXPECT_EQ(std::string(static_cast<const char*>(record.data), record.bytes), "twice");
  varve_reader_free(reader);
  ASSERT_EQ(varve_writer_close(writer, VARVE_FOREVER, &failure_), VARVE_OK);
  varve_writer_free(writer);

  // A place that holds another log is refused.
  varve_log* other = nullptr;
  ASSERT_EQ(varve_log_open("mem://c-other/log", &other, &failure_), VARVE_OK);
  ASSERT_EQ(varve_writer_open(other, nullptr, &writer, &failure_), VARVE_OK);
  varve_writer_free(writer);
  options.standby = other;
  EXPECT_EQ(varve_writer_open(log_, &options, &writer, &failure_), VARVE_FOREIGN) << failure_.message();
  varve_log_free(other);
  varve_log_free(second);
}

// Programs that were written against the header of the version before.
TEST_F(CInterface, FieldsHaveTheirOldNamesToo) {
  using Options = varve_writer_options;
  static_assert(offsetof(Options, standby) == offsetof(Options, second));  // old spelling
  static_assert(offsetof(Options, degrades_on_standby_loss) ==
                offsetof(Options, goes_on_without_second));  // old spelling
  static_assert(offsetof(Options, standby_patience_ms) ==
                offsetof(Options, second_patience_ms));  // old spelling
  struct Before {                                        // the end of the struct, as it was
    varve_compression compression;
    std::int32_t compression_level;
    const varve_log* standby;
    bool degrades;
    std::uint32_t patience_ms;
  };
  const std::size_t base = offsetof(Options, compression);
  EXPECT_EQ(offsetof(Options, standby) - base, offsetof(Before, standby));
  EXPECT_EQ(offsetof(Options, degrades_on_standby_loss) - base, offsetof(Before, degrades));
  EXPECT_EQ(offsetof(Options, standby_patience_ms) - base, offsetof(Before, patience_ms));
  EXPECT_EQ(sizeof(Options) - base, sizeof(Before));

  Options options;
  varve_writer_options_init(&options, sizeof options);
  EXPECT_EQ(options.second, nullptr);              // old spelling
  EXPECT_FALSE(options.goes_on_without_second);    // old spelling
  EXPECT_EQ(options.second_patience_ms, 10'000U);  // old spelling
  options.second_patience_ms = 0;                  // old spelling
  options.second = log_;                           // old spelling
  varve_writer* writer = nullptr;
  EXPECT_EQ(varve_writer_open(log_, &options, &writer, &failure_), VARVE_INVALID_ARGUMENT);
}

TEST_F(CInterface, BeginsWhereItIsTold) {
  varve_writer* writer = open_writer();
  for (int i = 0; i < 10; ++i) ASSERT_EQ(append(writer, "x"), VARVE_OK);
  ASSERT_EQ(varve_writer_flush(writer, VARVE_FOREVER, &failure_), VARVE_OK);
  std::uint64_t left = 99;
  ASSERT_EQ(varve_writer_trim(writer, 4, VARVE_FOREVER, &left, &failure_), VARVE_OK);
  EXPECT_EQ(left, 0U);

  const auto position = [&](varve_begin begin, std::uint64_t from, std::uint64_t last, std::int64_t since) {
    varve_reader_options options;
    varve_reader_options_init(&options, sizeof options);
    options.begin = begin;
    options.from = from;
    options.last = last;
    options.since_unix_ms = since;
    varve_reader* reader = nullptr;
    EXPECT_EQ(varve_reader_open(log_, &options, &reader, &failure_), VARVE_OK) << failure_.message();
    const std::uint64_t at = varve_reader_position(reader);
    varve_reader_free(reader);
    return at;
  };
  EXPECT_EQ(position(VARVE_BEGIN_AT_START, 9, 9, 9), 4U);
  EXPECT_EQ(position(VARVE_BEGIN_AT_OFFSET, 7, 9, 9), 7U);
  EXPECT_EQ(position(VARVE_BEGIN_BEFORE_END, 9, 1, 9), 9U);
  EXPECT_EQ(position(VARVE_BEGIN_AT_TIME, 9, 9, INT64_MAX), 10U);

  varve_reader_options options;
  varve_reader_options_init(&options, sizeof options);
  options.begin = VARVE_BEGIN_AT_OFFSET;
  options.from = 3;
  varve_reader* reader = nullptr;
  EXPECT_EQ(varve_reader_open(log_, &options, &reader, &failure_), VARVE_OUT_OF_RANGE);
  EXPECT_EQ(reader, nullptr);
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  EXPECT_TRUE(varve_error_valid_range(failure_.get(), &begin, &end));
  EXPECT_EQ(begin, 4U);
  EXPECT_EQ(end, 10U);
  options.begin = 17;
  EXPECT_EQ(varve_reader_open(log_, &options, &reader, &failure_), VARVE_INVALID_ARGUMENT);
  varve_writer_free(writer);
}

TEST_F(CInterface, AFencedWriterSaysSo) {
  varve_writer* first = open_writer();
  EXPECT_EQ(varve_writer_failure(first, &failure_), VARVE_OK);
  EXPECT_EQ(failure_.get(), nullptr);
  varve_writer* second = open_writer();
  Heard heard;
  ASSERT_EQ(varve_writer_append(first, "lost", 4, hear, &heard, nullptr, &failure_), VARVE_OK);
  EXPECT_EQ(varve_writer_flush(first, VARVE_FOREVER, &failure_), VARVE_FENCED);
  EXPECT_EQ(varve_writer_failure(first, &failure_), VARVE_FENCED);
  EXPECT_EQ(append(first, "more"), VARVE_FENCED);
  EXPECT_EQ(varve_error_outcome(failure_.get()), VARVE_OUTCOME_FENCED);
  varve_writer_free(first);
  EXPECT_EQ(heard.codes, (std::vector<varve_code>{VARVE_FENCED}));
  // What was lent to the callback is gone, its copy is not.
  EXPECT_EQ(varve_error_outcome(heard.kept), VARVE_OUTCOME_FENCED);
  EXPECT_STRNE(varve_error_message(heard.kept), "");
  varve_error_free(heard.kept);
  varve_writer_free(second);
}

TEST_F(CInterface, StopEndsAWaitingReader) {
  varve_writer* writer = open_writer();
  varve_reader_options options;
  varve_reader_options_init(&options, sizeof options);
  options.follow = true;
  options.poll_ms = 60'000;
  varve_reader* reader = nullptr;
  ASSERT_EQ(varve_reader_open(log_, &options, &reader, &failure_), VARVE_OK);
  std::thread stopper([&] { varve_reader_stop(reader); });
  varve_record record;
  bool found = true;
  EXPECT_EQ(varve_reader_next(reader, VARVE_FOREVER, &record, &found, &failure_), VARVE_OK);
  EXPECT_FALSE(found);
  stopper.join();
  ASSERT_EQ(append(writer, "x"), VARVE_OK);
  ASSERT_EQ(varve_writer_flush(writer, VARVE_FOREVER, &failure_), VARVE_OK);
  varve_reader_wake(reader);
  EXPECT_EQ(varve_reader_next(reader, VARVE_FOREVER, &record, &found, &failure_), VARVE_OK);
  EXPECT_TRUE(found);
  varve_reader_free(reader);
  varve_writer_free(writer);
}

TEST_F(CInterface, Cursors) {
  varve_writer* writer = open_writer();
  for (int i = 0; i < 12; ++i) ASSERT_EQ(append(writer, "x"), VARVE_OK);
  ASSERT_EQ(varve_writer_flush(writer, VARVE_FOREVER, &failure_), VARVE_OK);
  varve_writer_free(writer);
  varve_cursors* cursors = nullptr;
  ASSERT_EQ(varve_cursors_open(log_, &cursors, &failure_), VARVE_OK);
  std::uint64_t offset = 5;
  EXPECT_EQ(varve_cursors_get(cursors, "backup", &offset, &failure_), VARVE_NOT_FOUND);
  EXPECT_EQ(offset, 5U);
  EXPECT_EQ(varve_cursors_set(cursors, "backup", 12, &failure_), VARVE_OK);
  EXPECT_EQ(varve_cursors_get(cursors, "backup", &offset, &failure_), VARVE_OK);
  EXPECT_EQ(offset, 12U);
  EXPECT_EQ(varve_cursors_set(cursors, "backup", 11, &failure_), VARVE_OUT_OF_RANGE);
  EXPECT_EQ(varve_cursors_remove(cursors, "backup", &failure_), VARVE_OK);
  EXPECT_EQ(varve_cursors_get(cursors, "backup", &offset, &failure_), VARVE_NOT_FOUND);
  varve_cursors_free(cursors);
}

TEST_F(CInterface, TheLogsHandleMayGoFirst) {
  varve_log* log = nullptr;
  ASSERT_EQ(varve_log_open("mem://c-goes-first/log", &log, &failure_), VARVE_OK);
  varve_writer* writer = nullptr;
  ASSERT_EQ(varve_writer_open(log, nullptr, &writer, &failure_), VARVE_OK);
  varve_log_free(log);
  ASSERT_EQ(append(writer, "x"), VARVE_OK);
  EXPECT_EQ(varve_writer_flush(writer, VARVE_FOREVER, &failure_), VARVE_OK);
  varve_writer_free(writer);
}

TEST_F(CInterface, NullWhereSomethingBelongs) {
  varve_writer* writer = nullptr;
  varve_reader* reader = nullptr;
  varve_log* log = nullptr;
  varve_record record;
  bool found;
  EXPECT_EQ(varve_log_open(nullptr, &log, &failure_), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(failure_.message(), "uri must not be NULL");
  EXPECT_EQ(varve_log_open("mem://x/y", nullptr, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_open(nullptr, nullptr, &writer, &failure_), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_open(log_, nullptr, nullptr, &failure_), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(append(nullptr, "x"), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_append_batch(nullptr, nullptr, 0, nullptr, nullptr, nullptr, nullptr),
            VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_flush(nullptr, 0, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_wait_durable(nullptr, 0, 0, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_trim(nullptr, 0, 0, nullptr, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_offsets(nullptr, nullptr, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_failure(nullptr, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_close(nullptr, 0, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_reader_open(log_, nullptr, nullptr, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_reader_next(reader, 0, &record, &found, nullptr), VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_reader_position(nullptr), 0U);
  EXPECT_EQ(varve_cursors_open(log_, nullptr, nullptr), VARVE_INVALID_ARGUMENT);
  varve_reader_stop(nullptr);
  varve_reader_wake(nullptr);
  varve_reader_free(nullptr);
  varve_writer_free(nullptr);
  varve_cursors_free(nullptr);
  varve_log_free(nullptr);
  varve_error_free(nullptr);
  writer = open_writer();
  EXPECT_EQ(varve_writer_append(writer, nullptr, 1, nullptr, nullptr, nullptr, &failure_),
            VARVE_INVALID_ARGUMENT);
  EXPECT_EQ(varve_writer_append(writer, nullptr, 0, nullptr, nullptr, nullptr, &failure_), VARVE_OK);
  varve_writer_free(writer);
}

TEST_F(CInterface, CompressionIsAnOption) {
  varve_writer_options options;
  varve_writer_options_init(&options, sizeof options);
  EXPECT_EQ(options.compression, VARVE_UNCOMPRESSED);
  options.compression = VARVE_ZSTD;
  options.compression_level = 20;
  varve_writer* writer = nullptr;
  EXPECT_EQ(varve_writer_open(log_, &options, &writer, &failure_), VARVE_INVALID_ARGUMENT);
  options.compression_level = 19;
  EXPECT_EQ(varve_writer_open(log_, &options, &writer, &failure_), VARVE_OK) << failure_.message();
  varve_writer_free(writer);
}

TEST_F(CInterface, OptionsOfOtherVersions) {
  varve_writer* writer = nullptr;
  varve_writer_options options{};
  EXPECT_EQ(varve_writer_open(log_, &options, &writer, &failure_), VARVE_INVALID_ARGUMENT);
  EXPECT_NE(failure_.message().find("_init"), std::string::npos);

  // An older header's struct ends before some options: the library must not touch what lies behind.
  std::memset(static_cast<void*>(&options), 0x5a, sizeof options);
  const std::size_t older = offsetof(varve_writer_options, give_up_ms);
  varve_writer_options_init(&options, older);
  EXPECT_EQ(options.struct_bytes, older);
  EXPECT_EQ(options.window, 64U);
  EXPECT_EQ(options.give_up_ms, 0x5a5a5a5aU);
  options.window = 3;
  EXPECT_EQ(varve_writer_open(log_, &options, &writer, &failure_), VARVE_OK) << failure_.message();
  varve_writer_free(writer);

  struct {
    varve_writer_options known;
    std::uint64_t news;
  } newer;
  varve_writer_options_init(&newer.known, sizeof newer);
  EXPECT_EQ(newer.news, 0U);
  EXPECT_EQ(varve_writer_open(log_, &newer.known, &writer, &failure_), VARVE_UNSUPPORTED);
}

TEST_F(CInterface, EachCallHasItsOwnError) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&wrong, i] {
      const std::string uri = fmt::format("scheme{}://x/y", i);
      for (int round = 0; round < 100; ++round) {
        varve_log* log = nullptr;
        varve_error* error = nullptr;
        const varve_code code = varve_log_open(uri.c_str(), &log, &error);
        if (code != VARVE_INVALID_ARGUMENT || code != varve_error_code(error) ||
            std::strstr(varve_error_message(error), fmt::format("scheme{}", i).c_str()) == nullptr) {
          ++wrong;
        }
        varve_error_free(error);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(CInterfaceErrors, NothingIsThrown) {
  using varve::bindings::guarded;
  Failure failure;
  const auto no_memory = []() -> varve::Result<void> { throw std::bad_alloc(); };
  EXPECT_EQ(guarded(&failure, no_memory), VARVE_OUT_OF_MEMORY);
  EXPECT_EQ(varve_error_code(failure.get()), VARVE_OUT_OF_MEMORY);
  EXPECT_NE(failure.message(), "");
  varve_error* copy = varve_error_copy(failure.get());
  EXPECT_EQ(varve_error_code(copy), VARVE_OUT_OF_MEMORY);
  varve_error_free(copy);
  const auto defect = []() -> varve::Result<void> { throw std::logic_error("a defect"); };
  EXPECT_EQ(guarded(&failure, defect), VARVE_INTERNAL);
  EXPECT_EQ(failure.message(), "a defect");
  const auto fine = []() -> varve::Result<void> { return {}; };
  EXPECT_EQ(guarded(&failure, fine), VARVE_OK);
  EXPECT_EQ(failure.get(), nullptr);
}

TEST(CInterfaceErrors, CodesHaveNames) {
  EXPECT_STREQ(varve_code_name(VARVE_OK), "ok");
  EXPECT_STREQ(varve_code_name(VARVE_OVER_CAPACITY), "over_capacity");
  EXPECT_STREQ(varve_code_name(VARVE_INTERNAL), "internal");
  EXPECT_STREQ(varve_code_name(VARVE_OUT_OF_MEMORY), "out_of_memory");
  EXPECT_STREQ(varve_code_name(1717), "unknown");
  EXPECT_EQ(varve_interface_version(), static_cast<std::uint32_t>(VARVE_INTERFACE_VERSION));
}

}  // namespace
