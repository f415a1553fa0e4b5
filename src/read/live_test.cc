// Readers and verifications beside writers that append, trim and take over meanwhile.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "varve/inspect.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace varve {
namespace {

using std::chrono::milliseconds;

std::string payload_of(Offset offset) { return fmt::format("{}:{}", offset, offset * 2654435761U); }

bool is_right(const Record& record) {
  const std::string payload = payload_of(record.offset);
  return std::ranges::equal(record.data, std::as_bytes(std::span(payload)));
}

/// Appends records up to `end`, in many small objects.
void append_up_to(Writer& writer, Offset end) {
  for (Offset offset = writer.status().end_offset; offset < end; ++offset) {
    const std::string payload = payload_of(offset);
    const auto appended = writer.append_wait(std::as_bytes(std::span(payload)), milliseconds(10'000));
    ASSERT_TRUE(appended) << appended.error().message();
    ASSERT_EQ(*appended, offset);
    if (offset % 16 == 15) {
      ASSERT_TRUE(writer.flush());
    }
  }
}

/// Follows the log up to `end`; says what went wrong, or nothing.
std::string follow(const LogAddress& log, Offset end) {
  Result<std::unique_ptr<Reader>> reader = Reader::open(log);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!reader && std::chrono::steady_clock::now() < deadline) {
    if (reader.error().code() != Code::not_found) return reader.error().message();
    std::this_thread::yield();  // the log is created any moment now
    reader = Reader::open(log, {.follow = true, .poll_ms = 1});
  }
  if (!reader) return reader.error().message();
  reader = Reader::open(log, {.from = Offset{0}, .follow = true, .poll_ms = 1});
  if (!reader) return reader.error().message();
  for (Offset expected = 0; expected < end; ++expected) {
    const auto record = (*reader)->next(milliseconds(60'000));
    if (!record) return record.error().message();
    if (!*record) return fmt::format("nothing came at offset {}", expected);
    if ((*record)->offset != expected || !is_right(**record)) {
      return fmt::format("offset {} is not what was appended", expected);
    }
  }
  return {};
}

TEST(LiveReaders, FollowAWriterAndItsSuccessors) {
  constexpr Offset end = 3000;
  const LogAddress log = resolve("mem://live-follow/log").value();
  std::string failures[2];
  std::thread followers[2];
  for (int i = 0; i < 2; ++i) followers[i] = std::thread([&, i] { failures[i] = follow(log, end); });
  std::unique_ptr<Writer> writers[3];
  for (Offset i = 0; i < 3; ++i) {
    writers[i] = Writer::open(log, {.window = 4}).value();  // the one before is not closed
    append_up_to(*writers[i], (i + 1) * 1000);
    ASSERT_TRUE(writers[i]->flush());
  }
  for (int i = 0; i < 2; ++i) {
    followers[i].join();
    EXPECT_EQ(failures[i], "");
  }
}

TEST(LiveReaders, AreWokenByAWriterInTheirProcess) {
  const LogAddress log = resolve("mem://live-woken/log").value();
  const std::unique_ptr<Writer> writer = Writer::open(log).value();
  const std::unique_ptr<Reader> reader =
      Reader::open(log, {.follow = true, .poll_ms = 60'000, .poll_max_ms = 60'000}).value();
  for (Offset offset = 0; offset < 20; ++offset) {
    EXPECT_FALSE(reader->next(milliseconds(1)).value());  // it pauses, for a minute
    append_up_to(*writer, offset + 1);
    const auto record = reader->next(milliseconds(50'000));
    ASSERT_TRUE(record) << record.error().message();
    ASSERT_TRUE(*record) << "nobody woke the reader";
    EXPECT_TRUE(is_right(**record));
  }
}

TEST(LiveVerify, FindsNoDamageWhileAWriterAppendsAndTrims) {
  const LogAddress log = resolve("mem://live-verify/log").value();
  const std::unique_ptr<Writer> writer = Writer::open(log, {.window = 4}).value();
  std::atomic<bool> enough = false;
  std::thread appender([&] {
    for (Offset end = 200; !enough; end += 200) {
      append_up_to(*writer, end);
      EXPECT_TRUE(writer->trim(end - 150));
    }
  });
  for (int i = 0; i < 30; ++i) {
    const auto report = verify(log);
    EXPECT_TRUE(report) << report.error().message();
    if (!report) break;
    for (const Finding& finding : report->findings) {
      EXPECT_NE(finding.severity, Severity::damage) << finding.key << ": " << finding.what;
    }
  }
  enough = true;
  appender.join();
}

TEST(LiveReaders, InOtherProcessesOnFiles) {
  constexpr Offset end = 1000;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("varve-{}", getpid());
  const std::string uri = fmt::format("file://{}/log", folder.string());
  pid_t children[3];
  for (pid_t& child : children) {
    child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const std::string failure = follow(resolve(uri).value(), end);
      if (!failure.empty()) fmt::print(stderr, "reader: {}\n", failure);
      _exit(failure.empty() ? 0 : 1);
    }
  }
  {
    const LogAddress log = resolve(uri).value();
    const std::unique_ptr<Writer> first = Writer::open(log).value();
    append_up_to(*first, end / 2);
    const std::unique_ptr<Writer> second = Writer::open(log).value();
    append_up_to(*second, end);
    EXPECT_TRUE(second->close());
    EXPECT_TRUE(verify(log)->sound());
  }
  for (const pid_t child : children) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace varve
