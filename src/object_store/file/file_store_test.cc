// What only the file store promises: between processes, when it is refused, when the disk is full,
// and after a crash. The rest is in the conformance suite.
#include "object_store/file/file_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/file/staged_file.h"

namespace varve::object_store {
namespace {

namespace fs = std::filesystem;

/// How a child process ends when it cannot arrange what its test is about.
constexpr int cannot_try = 77;

/// Runs `body` in a child process; what it returns is the child's exit code, returned here. Nothing
/// that failed in the child is lost: it prints to the same standard error.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class FileStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "varve-file-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] std::vector<fs::path> staged() const {
    if (!fs::exists(root_ / staging_folder)) return {};
    return {fs::directory_iterator(root_ / staging_folder), fs::directory_iterator()};
  }

  fs::path root_;
};

TEST_F(FileStoreTest, MakesItsRootAtTheFirstWriteAndNotBefore) {
  const fs::path deep = root_ / "a/b/c";
  FileStore store(deep);
  EXPECT_EQ(get_now(store, "x").error().code(), Code::not_found);
  EXPECT_TRUE(list_now(store, "")->objects.empty());
  EXPECT_TRUE(remove_now(store, {"x"})->empty());
  EXPECT_FALSE(fs::exists(root_ / "a"));
  EXPECT_TRUE(put_if_absent_now(store, "log/wal/1", copy_bytes("x")));
  EXPECT_TRUE(fs::is_regular_file(deep / "log/wal/1"));
}

TEST_F(FileStoreTest, KeysThatFilesCannotHave) {
  FileStore store(root_);
  ASSERT_TRUE(put_now(store, "object", copy_bytes("x")));
  ASSERT_TRUE(put_now(store, "folder/object", copy_bytes("x")));
  const std::vector<std::string> impossible{"object/below", "folder", std::string(256, 'x'),
                                            std::string(staging_folder) + "/x", staging_folder};
  for (const std::string& key : impossible) {
    for (const auto& result :
         {put_if_absent_now(store, key, copy_bytes("y")), put_now(store, key, copy_bytes("y"))}) {
      ASSERT_FALSE(result) << key;
      EXPECT_EQ(result.error().code(), Code::invalid_argument) << result.error().message();
      EXPECT_EQ(result.error().outcome(), WriteOutcome::not_written);
    }
  }
  EXPECT_EQ(get_now(store, "object/below").error().code(), Code::not_found);
  EXPECT_EQ(list_all_now(store, "")->size(), 2U);
  EXPECT_TRUE(staged().empty());
}

TEST_F(FileStoreTest, DoesNotFollowSymbolicLinks) {
  FileStore store(root_);
  std::ofstream(root_ / "secret") << "text";
  fs::create_directories(root_ / "log");
  fs::create_symlink(root_ / "secret", root_ / "log/link");
  EXPECT_FALSE(get_now(store, "log/link"));
  const Result<void> created = put_if_absent_now(store, "log/link", copy_bytes("x"));
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code(), Code::already_exists);
  EXPECT_TRUE(list_now(store, "log/")->objects.empty());
  ASSERT_TRUE(put_now(store, "log/link", copy_bytes("x")));  // takes the link's place
  EXPECT_EQ(fs::file_size(root_ / "secret"), 4U);
}

TEST_F(FileStoreTest, GoesOnAfterItsFolderWasReplaced) {
  FileStore store(root_);
  ASSERT_TRUE(put_if_absent_now(store, "log/1", copy_bytes("x")));
  fs::rename(root_ / "log", root_ / "old");
  ASSERT_TRUE(put_if_absent_now(store, "log/1", copy_bytes("x")));
  EXPECT_TRUE(fs::exists(root_ / "log/1"));
  fs::remove_all(root_);
  EXPECT_TRUE(put_if_absent_now(store, "log/1", copy_bytes("x")));
  EXPECT_TRUE(put_now(store, "log/1", copy_bytes("x")));
}

TEST_F(FileStoreTest, EmptiedFoldersGo) {
  FileStore store(root_);
  ASSERT_TRUE(put_if_absent_now(store, "a/b/c/1", copy_bytes("x")));
  ASSERT_TRUE(put_if_absent_now(store, "a/2", copy_bytes("x")));
  ASSERT_TRUE(remove_now(store, {"a/b/c/1"}));
  EXPECT_FALSE(fs::exists(root_ / "a/b"));
  EXPECT_TRUE(fs::exists(root_ / "a/2"));
  ASSERT_TRUE(remove_now(store, {"a/2"}));
  EXPECT_FALSE(fs::exists(root_ / "a"));
  EXPECT_TRUE(fs::exists(root_)) << "that is somebody else's";
}

// What one makes the other may be about to remove, with the folder that both are in.
TEST_F(FileStoreTest, FoldersThatGoAreMadeAgainByThoseWhoWrite) {
  const auto come_and_go = [this](const std::string& name) {
    FileStore store(root_);
    for (int i = 0; i < 100; ++i) {
      const auto created = put_if_absent_now(store, "a/b/" + name, copy_bytes("x"));
      ASSERT_TRUE(created) << created.error().message();
      const auto replaced = put_now(store, "a/b/" + name, copy_bytes("y"));
      ASSERT_TRUE(replaced) << replaced.error().message();
      ASSERT_TRUE(get_now(store, "a/b/" + name));
      const auto removed = remove_now(store, {"a/b/" + name});
      ASSERT_TRUE(removed && removed->empty());
    }
  };
  std::thread other(come_and_go, "other");
  come_and_go("one");
  other.join();
  EXPECT_FALSE(fs::exists(root_ / "a"));
}

TEST_F(FileStoreTest, ProcessesRaceForANameAndOneWins) {
  constexpr int process_count = 4;
  constexpr int key_count = 200;
  int start[2];
  ASSERT_EQ(::pipe(start), 0);
  std::vector<pid_t> children;
  for (int p = 0; p < process_count; ++p) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    ::close(start[1]);
    char go;
    if (::read(start[0], &go, 1) != 0) ::_exit(cannot_try);  // until the parent closes its end
    int wins = 0;
    {
      FileStore store(root_);
      for (int k = 0; k < key_count; ++k) {
        const auto put = put_if_absent_now(store, "race/" + std::to_string(k), copy_bytes(std::to_string(p)));
        if (put) ++wins;
        if (!put && put.error().code() != Code::already_exists) ::_exit(cannot_try);
      }
    }
    std::ofstream(root_ / ("wins-" + std::to_string(p))) << wins;
    ::_exit(0);
  }
  ::close(start[0]);
  ::close(start[1]);
  int wins = 0;
  for (int p = 0; p < process_count; ++p) {
    int status = 0;
    ::waitpid(children[static_cast<std::size_t>(p)], &status, 0);
    ASSERT_EQ(status, 0);
    int its_wins = 0;
    std::ifstream(root_ / ("wins-" + std::to_string(p))) >> its_wins;
    wins += its_wins;
  }
  EXPECT_EQ(wins, key_count);
  FileStore store(root_);
  for (int k = 0; k < key_count; ++k) EXPECT_EQ(get_now(store, "race/" + std::to_string(k))->data.size(), 1U);
}

TEST_F(FileStoreTest, SaysDeniedWhereItMayNotWriteOrRead) {
  {
    FileStore store(root_);
    ASSERT_TRUE(put_now(store, "log/1", copy_bytes("x")));
  }
  fs::permissions(root_ / "log/1", fs::perms::none);
  fs::permissions(root_ / "log", fs::perms(0555));
  fs::permissions(root_ / staging_folder, fs::perms(0555));
  fs::permissions(root_, fs::perms(0555));
  const int ended = in_child([&] {
    // The superuser passes every check: be nobody.
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return cannot_try;
    FileStore store(root_);
    const auto denied = [](const Error& error) {
      if (error.code() == Code::denied && error.outcome() == WriteOutcome::not_written) return true;
      std::fprintf(stderr, "not denied: %s\n", error.message().c_str());
      return false;
    };
    if (!denied(put_if_absent_now(store, "log/2", copy_bytes("x")).error())) return 1;
    if (!denied(put_now(store, "log/1", copy_bytes("x")).error())) return 2;
    if (!denied(put_now(store, "new/1", copy_bytes("x")).error())) return 3;
    if (!denied(get_now(store, "log/1").error())) return 4;
    const auto removed = remove_now(store, {"log/1"});
    if (!removed || removed->size() != 1 || !denied((*removed)[0].error)) return 5;
    return list_now(store, "log/")->objects.size() == 1 ? 0 : 6;
  });
  for (const fs::path& path : {root_, root_ / staging_folder, root_ / "log"})
    fs::permissions(path, fs::perms(0755));
  if (ended == cannot_try) GTEST_SKIP() << "cannot become another user";
  EXPECT_EQ(ended, 0);
}

/// Both puts must say `no_space`, leave nothing behind, and the store must go on with small objects.
int expect_no_space(const fs::path& root) {
  FileStore store(root);
  const Bytes large = copy_bytes(std::string(std::size_t{2} << 20, 'x'));
  for (const auto& result : {put_if_absent_now(store, "log/1", large), put_now(store, "log/1", large)}) {
    if (result) return 1;
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    if (result.error().code() != Code::no_space || result.error().outcome() != WriteOutcome::not_written)
      return 2;
  }
  if (get_now(store, "log/1") || !fs::is_empty(root / staging_folder)) return 3;
  const auto small = put_if_absent_now(store, "log/1", copy_bytes("x"));
  if (!small) std::fprintf(stderr, "%s\n", small.error().message().c_str());
  return small ? 0 : 4;
}

TEST_F(FileStoreTest, SaysNoSpaceOnAFullDisk) {
  const int ended = in_child([&] {
    const bool is_root = ::geteuid() == 0;
    if (::unshare(is_root ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) return cannot_try;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return cannot_try;
    if (::mount("tmpfs", root_.c_str(), "tmpfs", 0, "size=1m") != 0) return cannot_try;
    return expect_no_space(root_);
  });
  if (ended == cannot_try) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(ended, 0);
}

TEST_F(FileStoreTest, SaysNoSpaceBeyondTheFileSizeLimit) {
  const int ended = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return cannot_try;
    return expect_no_space(root_);
  });
  EXPECT_EQ(ended, 0);
}

// Kills a process that writes without end, at whatever it does then, and looks at what it left.
TEST_F(FileStoreTest, ACrashLeavesWholeObjectsOnly) {
  constexpr std::size_t object_bytes = 300'000;
  for (int round = 0; round < 5; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      FileStore store(root_);
      for (int i = 0;; ++i) {
        const Bytes body = copy_bytes(std::string(object_bytes, static_cast<char>('a' + i % 26)));
        const Answer<void> hint;
        store.put("log/hint", body, hint.done());
        (void)put_if_absent_now(store, "log/wal/" + std::to_string(round) + "-" + std::to_string(i), body);
        (void)hint.wait();
      }
    }
    // Not before it writes; how far it comes from here on is up to the scheduler.
    while (!fs::exists(root_ / ("log/wal/" + std::to_string(round) + "-" + std::to_string(round))))
      ::sched_yield();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);

    FileStore store(root_);
    const auto objects = list_all_now(store, "");
    ASSERT_TRUE(objects) << objects.error().message();
    for (const ListedObject& object : *objects) {
      ASSERT_THAT(object.key, testing::StartsWith("log/"));
      ASSERT_EQ(object.bytes, object_bytes) << object.key;
      const auto bytes = get_now(store, object.key);
      ASSERT_EQ(bytes->data.front(), bytes->data.back());
    }
    ASSERT_TRUE(put_now(store, "log/after", copy_bytes(std::string(object_bytes, 'x'))));  // sweeps
    EXPECT_TRUE(staged().empty());
  }
}

/// Does what it is told between the names of a folder and the sizes of its files: once, or each time.
class BetweenNamesAndSizes final : public FileSystem {
 public:
  BetweenNamesAndSizes(std::function<void()> doing, int times) : doing_(std::move(doing)), times_(times) {}

  const dirent* readdir(DIR* names) override {
    const dirent* const name = FileSystem::readdir(names);
    if (name == nullptr && times_ > 0) {
      --times_;
      doing_();
      errno = 0;
    }
    return name;
  }

 private:
  std::function<void()> doing_;
  int times_;
};

// Each of a cursor's revisions may be replaced while a listing sleeps. It must not look as if there were
// none.
TEST_F(FileStoreTest, AFolderWhoseFilesAreAllReplacedIsReadAgain) {
  FileStore store(root_);
  int newest = 0;
  const auto replace = [&] {
    ASSERT_TRUE(put_now(store, "cursor/" + std::to_string(newest + 1), copy_bytes("x")));
    ASSERT_TRUE(remove_now(store, {"cursor/" + std::to_string(newest)}));
    ++newest;
  };
  ASSERT_TRUE(put_now(store, "cursor/0", copy_bytes("x")));
  FileStore asleep(root_, std::make_shared<BetweenNamesAndSizes>(replace, 3));
  const Result<Listing> listing = list_now(asleep, "cursor/");
  ASSERT_TRUE(listing) << listing.error().message();
  ASSERT_EQ(listing->objects.size(), 1U);
  EXPECT_EQ(listing->objects.front().key, "cursor/3");

  FileStore outrun(root_, std::make_shared<BetweenNamesAndSizes>(replace, 1000));
  EXPECT_EQ(list_now(outrun, "cursor/").error().code(), Code::unavailable);
}

TEST_F(FileStoreTest, SweepsOnlyWhatNobodyOwns) {
  Directories directories(*FileSystem::real(), root_);
  const auto staging = directories.ensure(root_ / staging_folder);
  ASSERT_TRUE(staging);
  auto owned = StagedFile::create_named(*FileSystem::real(), **staging);
  ASSERT_TRUE(owned);
  std::ofstream(root_ / staging_folder / "left-by-a-crash") << "half an obj";
  EXPECT_EQ(staged().size(), 2U);
  sweep(*FileSystem::real(), **staging);
  EXPECT_EQ(staged().size(), 1U);
  ASSERT_TRUE(owned->write(copy_bytes("x").data));
  const auto log = directories.ensure(root_ / "log");
  ASSERT_TRUE(log);
  ASSERT_TRUE(owned->rename(**log, "object"));
  EXPECT_TRUE(staged().empty());
  EXPECT_EQ(fs::file_size(root_ / "log/object"), 1U);
}

// The way of file systems without O_TMPFILE.
TEST_F(FileStoreTest, LinksFilesWithAPassingName) {
  Directories directories(*FileSystem::real(), root_);
  const auto staging = directories.ensure(root_ / staging_folder);
  const auto log = directories.ensure(root_ / "log");
  ASSERT_TRUE(staging && log);
  {
    auto winner = StagedFile::create_named(*FileSystem::real(), **staging);
    auto loser = StagedFile::create_named(*FileSystem::real(), **staging);
    ASSERT_TRUE(winner && loser);
    ASSERT_TRUE(winner->write(copy_bytes("winner").data));
    ASSERT_TRUE(winner->link(**log, "object"));
    EXPECT_EQ(loser->link(**log, "object").error().code(), Code::already_exists);
  }
  EXPECT_TRUE(staged().empty());
  EXPECT_EQ(fs::file_size(root_ / "log/object"), 6U);
}

TEST_F(FileStoreTest, ListsManyFiles) {
  constexpr int file_count = 5000;
  fs::create_directories(root_ / "log/wal");
  for (int i = 0; i < file_count; ++i) {
    const auto path = root_ / "log/wal" / std::to_string(100'000 + i);
    ::close(::open(path.c_str(), O_CREAT | O_WRONLY, 0666));
  }
  FileStore store(root_);
  const auto objects = list_all_now(store, "log/wal/");
  ASSERT_TRUE(objects);
  ASSERT_EQ(objects->size(), std::size_t{file_count});
  EXPECT_EQ(objects->front().key, "log/wal/100000");
  EXPECT_EQ(objects->back().key, "log/wal/" + std::to_string(100'000 + file_count - 1));
}

}  // namespace
}  // namespace varve::object_store
