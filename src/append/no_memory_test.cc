// The k-th allocation fails, for every k: a process that opens a log, appends, trims, closes and reads is
// told so (`Code::no_memory`), or ends with a message. Whatever it had been told is durable is there, seen
// by this program, which starts such a process for each k.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>

#include "varve/inspect.h"
#include "varve/reader.h"
#include "varve/writer.h"

namespace {

// Counted down by all threads of a process; below zero, nothing is counted.
std::atomic<std::int64_t> allocations_left{-1};
std::atomic<bool> fail_for_good{false};

bool refuse() {
  if (allocations_left.load() < 0) return false;
  if (allocations_left.fetch_sub(1) > 0) return false;
  allocations_left.store(fail_for_good.load() ? 0 : -1);
  return true;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (refuse()) throw std::bad_alloc();
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  if (void* memory = std::aligned_alloc(alignment, rounded)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
// NOLINTBEGIN(cppcoreguidelines-no-malloc): what `allocate` returns
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
// NOLINTEND(cppcoreguidelines-no-malloc)

namespace varve {
namespace {

namespace fs = std::filesystem;

constexpr unsigned patience_s = 60;  // far more than a process needs
constexpr Offset before_trim = 1;

// How a process ends that was not killed.
enum Exit : int {
  well = 0,
  not_reached = 1,
  wrong_record = 10,
  wrong_error = 11,
  threw = 12,
  lost_its_own = 13
};

std::string payload(Offset offset) { return "record " + std::to_string(offset); }

/// What a process has been told, in a file that outlives it.
class Notes {
 public:
  explicit Notes(const fs::path& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}
  Notes(const Notes&) = delete;
  Notes& operator=(const Notes&) = delete;
  ~Notes() { ::close(fd_); }

  /// Called where nothing may be allocated.
  void durable(Offset end) const {
    if (::write(fd_, &end, sizeof end) != sizeof end) std::_Exit(lost_its_own);
  }

 private:
  int fd_;
};

Offset durable_in(const fs::path& notes) {
  std::ifstream file(notes, std::ios::binary);
  Offset end = 0;
  for (Offset each = 0; file.read(reinterpret_cast<char*>(&each), sizeof each);) end = std::max(end, each);
  return end;
}

template <class T>
bool went_well(const Result<T>& result) {
  if (result) return true;
  // After an upload that was never sent for want of memory, the writer or reader is as it was.
  if (result.error().code() == Code::no_memory) return false;
  std::fprintf(stderr, "unexpected: %s\n", result.error().message().c_str());
  std::_Exit(wrong_error);
}

/// Calls until it goes well or memory is gone for good: what has failed once can be called again.
template <class Call>
auto insist(const Call& call) {
  auto result = call();
  for (int again = 0; !went_well(result) && again < 2; ++again) result = call();
  return result;
}

bool write_log(const LogAddress& log, const Notes& notes) {
  const auto writer = insist([&] { return Writer::open(log, {.batch_bytes = 64 << 10, .window = 2}); });
  if (!writer) return false;
  const auto append = [&] {
    std::string record = payload((*writer)->status().end_offset);
    return (*writer)->append(std::as_bytes(std::span(record)), [&notes](const Result<Offset>& outcome) {
      if (outcome) notes.durable(*outcome + 1);
    });
  };
  for (int i = 0; i < 2; ++i) {
    if (!insist(append)) return false;
    if (!insist([&] { return (*writer)->flush(); })) return false;
  }
  if (!insist([&] { return (*writer)->trim(before_trim); })) return false;
  if (!insist(append)) return false;
  return insist([&] { return (*writer)->close(); }).has_value();
}

/// From the log's start: every record is right, none is passed over. The end offset.
std::optional<Offset> read_log(const LogAddress& log) {
  const auto reader = insist([&] { return Reader::open(log); });
  if (!reader) return std::nullopt;
  for (Offset expected = (*reader)->position();; ++expected) {
    const auto record = insist([&] { return (*reader)->next(); });
    if (!record) return std::nullopt;
    if (!*record) return expected;
    char text[32];
    const int length = std::snprintf(text, sizeof text, "record %d", static_cast<int>(expected));
    const auto& data = (*record)->data;
    const bool right = (*record)->offset == expected && data.size() == static_cast<std::size_t>(length) &&
                       std::memcmp(data.data(), text, data.size()) == 0;
    if (!right) std::_Exit(wrong_record);
  }
}

void live(const std::string& uri, const Notes& notes) {
  const auto log = insist([&] { return resolve(uri); });
  if (!log) return;
  write_log(*log, notes);
  const auto there = insist([&] { return inspect(*log); });
  if (there) read_log(*log);
}

/// In a process of its own.
[[noreturn]] void live_alone(const fs::path& directory, std::int64_t k, bool for_good) {
  ::alarm(patience_s);
  const int errors = ::open((directory / "stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(errors, STDERR_FILENO);
  const std::string uri = "file://" + (directory / "log").string();
  const Notes notes(directory / "notes");
  fail_for_good = for_good;
  allocations_left = k;
  try {
    live(uri, notes);
  } catch (...) {
    std::_Exit(threw);
  }
  std::_Exit(allocations_left > 0 ? not_reached : well);
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Looks at what the process left; true if its k was beyond its last allocation.
bool expect_nothing_lost(const fs::path& directory, int status) {
  const std::string said = text_of(directory / "stderr");
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGABRT) << said;
    EXPECT_NE(said.find("varve: memory is exhausted"), std::string::npos) << said;
  } else {
    EXPECT_LE(WEXITSTATUS(status), not_reached) << said;
  }
  const Offset durable = durable_in(directory / "notes");
  const LogAddress log = resolve("file://" + (directory / "log").string()).value();
  if (durable > 0) {
    EXPECT_GE(read_log(log).value(), durable) << "acknowledged records are gone; " << said;
    EXPECT_TRUE(verify(log)->sound());
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == not_reached;
}

/// In memory where there is such a place: it is processes that end here, not the machine, and a disk
/// that is kept busy takes a hundred times as long.
fs::path scratch() {
  const fs::path memory = "/dev/shm";
  return fs::is_directory(memory) ? memory : fs::temp_directory_path();
}

class NoMemory : public testing::TestWithParam<bool> {};

TEST_P(NoMemory, AtTheKthAllocation) {
  const fs::path directory = scratch() / ("varve-no-memory-" + std::to_string(::getpid()));
  const int step = std::getenv("VARVE_EVERY_ALLOCATION") != nullptr ? 1 : 7;
  std::int64_t k = 0;
  for (bool beyond = false; !beyond; k += step) {
    ASSERT_LT(k, 100'000);
    SCOPED_TRACE("allocation " + std::to_string(k));
    fs::remove_all(directory);
    fs::create_directories(directory / "log");
    const pid_t child = ::fork();
    if (child == 0) live_alone(directory, k, GetParam());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    beyond = expect_nothing_lost(directory, status);
    if (HasFailure()) break;
  }
  fs::remove_all(directory);
  EXPECT_GT(k, 500) << "most allocations of such a life are not counted";
}

INSTANTIATE_TEST_SUITE_P(Once, NoMemory, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(ForGood, NoMemory, testing::Values(true));

}  // namespace
}  // namespace varve
