// Many writers in one process: they share few threads, and none keeps another from its work.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <latch>
#include <memory>
#include <vector>

#include "append/writer_threads.h"
#include "testing/writers.h"

namespace varve::append {
namespace {

using namespace std::chrono_literals;

std::size_t threads_of_this_process() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

class SharedThreads : public testing::Test {
 protected:
  std::vector<std::unique_ptr<Writer>> open(std::size_t count) {
    std::vector<std::unique_ptr<Writer>> writers;
    for (std::size_t i = 0; i < count; ++i) {
      // Memory enough for a thousand of them.
      auto opened = Writer::open({store_, "log" + std::to_string(i)},
                                 {.batch_bytes = std::size_t{64} << 10, .window = 1});
      EXPECT_TRUE(opened) << opened.error().message();
      writers.push_back(*std::move(opened));
    }
    return writers;
  }
  static std::span<const std::byte> record() { return std::as_bytes(std::span("record", 6)); }

  const std::shared_ptr<Store> store_ = *open_store("mem://shared-threads");
};

TEST_F(SharedThreads, AThousandIdleWritersTakeEightAtMost) {
  const std::size_t before = threads_of_this_process();
  const auto writers = open(1000);
  for (const auto& writer : writers) {
    ASSERT_TRUE(writer->append(record()));
    ASSERT_TRUE(writer->flush(10s));
  }
  EXPECT_LE(threads_of_this_process(), before + 8);
}

// As many as there are threads for callbacks, and more: each waits for the next one's record.
TEST_F(SharedThreads, CallbacksMayWaitForOtherWriters) {
  constexpr std::size_t many = 8;
  struct Chain {
    const std::vector<std::unique_ptr<Writer>>* writers;
    std::size_t at;
    std::latch& done;
    std::vector<Chain>& all;
  };
  std::latch done(many);
  std::vector<Chain> chains;
  chains.reserve(many);
  const auto writers = open(many);  // after what their callbacks use
  for (std::size_t i = 0; i < many; ++i) chains.push_back({&writers, i, done, chains});
  struct Call {
    Chain* chain;
    void operator()(const Result<Offset>& outcome) const {
      EXPECT_TRUE(outcome);
      if (chain->at + 1 < many) {
        Writer& next = *(*chain->writers)[chain->at + 1];
        EXPECT_TRUE(next.append(record(), Call{&chain->all[chain->at + 1]}));
        EXPECT_TRUE(next.flush(60s));
      }
      chain->done.count_down();
    }
  };
  ASSERT_TRUE(writers.front()->append(record(), Call{chains.data()}));
  done.wait();
}

// Callbacks that wait in a way the library can't see keep callbacks back, and no upload.
TEST_F(SharedThreads, CallbacksThatHangKeepNoUploadBack) {
  constexpr std::size_t many = 5;
  std::latch released(1);
  std::atomic<std::size_t> hanging = 0;
  const auto writers = open(many + 1);  // after what their callbacks use
  for (std::size_t i = 0; i < many; ++i) {
    ASSERT_TRUE(writers[i]->append(record(), [&](const Result<Offset>&) {
      ++hanging;
      hanging.notify_all();
      released.wait();
    }));
    if (i == 0) hanging.wait(0);
  }
  EXPECT_TRUE(writers.back()->append(record()));
  EXPECT_TRUE(writers.back()->flush(60s));
  released.count_down();
}

TEST_F(SharedThreads, GoWithTheLastWriter) {
  auto writers = open(3);
  const std::weak_ptr<WriterThreads> threads = WriterThreads::shared();
  writers.pop_back();
  EXPECT_FALSE(threads.expired());
  writers.clear();
  EXPECT_TRUE(threads.expired());
}

}  // namespace
}  // namespace varve::append
