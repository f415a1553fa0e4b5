// The S3 store on a real server that we did not write: Ceph's gateway, started by ctest (tools/rgw).
// Without its packages this program says so and exits with 77: skipped, not passed.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/s3/s3_store.h"
#include "testing/conformance.h"
#include "varve/store.h"

namespace varve::object_store {
namespace {

/// The started gateway: its directory, and what `tools/rgw env` says of it.
struct Gateway {
  std::string script;
  std::string dir;

  [[nodiscard]] int run(const std::string& verb) const {
    return std::system(("'" + script + "' " + verb + " '" + dir + "'").c_str());
  }
};

Gateway gateway;

std::string uri(const std::string& parameters = "") {
  return std::string("s3://") + std::getenv("S3_BUCKET") + (parameters.empty() ? "" : "?" + parameters);
}

std::shared_ptr<Store> open_gateway(const std::string& parameters = "") {
  auto store = open_store(uri(parameters));
  EXPECT_TRUE(store) << store.error().message();
  return store ? *store : nullptr;
}

INSTANTIATE_TEST_SUITE_P(Rgw, StoreConformance,
                         testing::Values(StoreUnderTest{.name = "s3", .open = [] { return open_gateway(); }},
                                         StoreUnderTest{.name = "s3md5",
                                                        .open = [] { return open_gateway("checksum=md5"); }}),
                         name_of);

class Rgw : public testing::Test {
 protected:
  void TearDown() override {
    auto left = list_all_now(*store_, base_);
    ASSERT_TRUE(left) << left.error().message();
    std::vector<std::string> keys;
    for (const ListedObject& object : *left) keys.push_back(object.key);
    for (std::size_t at = 0; at < keys.size(); at += 1000) {
      const auto first = keys.begin() + static_cast<std::ptrdiff_t>(at);
      const auto last = keys.begin() + static_cast<std::ptrdiff_t>(std::min(at + 1000, keys.size()));
      EXPECT_TRUE(remove_now(*store_, {first, last}));
    }
  }

  /// Puts objects `begin` to `end` from several threads; their names are their bytes.
  void fill(int begin, int end) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([=, this] {
        for (int i = begin + t; i < end; i += 8) {
          const auto put = put_if_absent_now(*store_, name(i), copy_bytes(name(i)));
          EXPECT_TRUE(put) << put.error().message();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  [[nodiscard]] std::string name(int i) const { return base_ + std::to_string(100'000 + i); }

  std::shared_ptr<Store> store_ = open_gateway();
  std::string base_ = "rgw-" + std::to_string(std::random_device()()) + "/";
};

TEST_F(Rgw, ListsAndDeletesMoreThanOnePage) {
  constexpr int count = 1234;
  fill(0, count);
  const auto all = list_all_now(*store_, base_);
  ASSERT_TRUE(all) << all.error().message();
  ASSERT_EQ(all->size(), count);
  for (int i = 0; i < count; ++i) ASSERT_EQ((*all)[static_cast<std::size_t>(i)].key, name(i));

  std::vector<std::string> first_thousand;
  for (int i = 0; i < 1000; ++i) first_thousand.push_back(name(i));
  const auto removed = remove_now(*store_, first_thousand);
  ASSERT_TRUE(removed && removed->empty());
  const auto rest = list_all_now(*store_, base_);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->size(), count - 1000);
  EXPECT_EQ(rest->front().key, name(1000));
}

TEST_F(Rgw, MovesTheLargestObjectsOfALog) {
  std::string large((std::size_t{65} << 20) + 1, '\0');
  std::minstd_rand random(7);
  for (std::size_t i = 0; i < large.size(); i += 97) large[i] = static_cast<char>(random());
  ASSERT_TRUE(put_if_absent_now(*store_, base_ + "large", copy_bytes(large)));
  const auto got = get_now(*store_, base_ + "large");
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_TRUE(got->data.size() == large.size() &&
              std::memcmp(got->data.data(), large.data(), large.size()) == 0);
  // The loser of a conditional PUT of that size hears of it, too.
  EXPECT_EQ(put_if_absent_now(*store_, base_ + "large", copy_bytes(large)).error().code(),
            Code::already_exists);
}

TEST_F(Rgw, AMissingBucketIsNamed) {
  auto store = open_store("s3://no-such-bucket-anywhere");
  ASSERT_TRUE(store);
  for (const Error& error :
       {get_now(**store, "a").error(), put_if_absent_now(**store, "a", copy_bytes("x")).error(),
        list_now(**store, "").error()}) {
    EXPECT_EQ(error.code(), Code::denied);
    EXPECT_NE(error.message().find("no-such-bucket-anywhere"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("create the bucket"), std::string::npos) << error.message();
  }
}

TEST_F(Rgw, NobodyWritesWithoutCredentials) {
  const auto store = open_gateway("anonymous=true");
  const auto put = put_if_absent_now(*store, base_ + "a", copy_bytes("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), Code::denied) << put.error().message();
  EXPECT_EQ(put.error().outcome(), WriteOutcome::not_written);
}

TEST_F(Rgw, AWrongSecretIsDeniedAndNotShown) {
  const auto settings = s3::settings_from(*parse_uri(uri()), s3::process_environment());
  ASSERT_TRUE(settings);
  const auto store = s3::make_store(*settings, [](const std::atomic<bool>&) {
    return s3::Credentials{.access_key_id = std::getenv("AWS_ACCESS_KEY_ID"),
                           .secret_access_key = s3::Secret("wrong-secret"),
                           .source = "test"};
  });
  ASSERT_TRUE(store);
  const auto error = get_now(**store, "a").error();
  EXPECT_EQ(error.code(), Code::denied);
  EXPECT_NE(error.message().find("secret key does not belong"), std::string::npos) << error.message();
  EXPECT_EQ(error.message().find("wrong-secret"), std::string::npos);
}

TEST_F(Rgw, AStoreThatIsClosedAnswersWhatIsOpen) {
  auto store = open_gateway();
  std::vector<Answer<void>> answers(50);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    store->put_if_absent(name(static_cast<int>(i)), copy_bytes(std::string(1 << 20, 'x')), answers[i].done());
  }
  store.reset();
  for (const Answer<void>& answer : answers) {
    ASSERT_TRUE(answer.ready());
    const auto result = answer.wait();
    EXPECT_TRUE(result || result.error().code() == Code::closed);
  }
}

TEST_F(Rgw, OutlivesTheGateway) {
  constexpr int count = 2000;
  std::atomic<int> acknowledged = 0;
  std::vector<std::thread> writers;
  for (int t = 0; t < 8; ++t) {
    writers.emplace_back([&, t] {
      for (int i = t; i < count; i += 8) {
        const auto put = put_if_absent_now(*store_, name(i), copy_bytes(name(i)));
        // A first try may have landed when the gateway died before it could say so.
        EXPECT_TRUE(put || put.error().code() == Code::already_exists) << put.error().message();
        ++acknowledged;
        acknowledged.notify_all();
      }
    });
  }
  for (int seen = 0; seen < count / 4; seen = acknowledged) acknowledged.wait(seen);
  EXPECT_EQ(gateway.run("kill"), 0);
  EXPECT_EQ(gateway.run("up"), 0);
  for (std::thread& writer : writers) writer.join();

  const auto all = list_all_now(*store_, base_);
  ASSERT_TRUE(all) << all.error().message();
  ASSERT_EQ(all->size(), count);
  for (int i = 0; i < count; i += 100) {
    const auto got = get_now(*store_, name(i));
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(got->data.data()), got->data.size()), name(i));
  }
}

/// False if there is no gateway.
bool find_gateway() {
  const char* script = std::getenv("VARVE_RGW");
  const char* dir = std::getenv("VARVE_RGW_DIR");
  if (script == nullptr || dir == nullptr) return false;
  gateway = {.script = script, .dir = dir};
  std::ifstream env(gateway.dir + "/env");
  std::string line;
  while (std::getline(env, line)) {
    const std::size_t equals = line.find('=');
    if (!line.starts_with("export ") || equals == std::string::npos) return false;
    ::setenv(line.substr(7, equals - 7).c_str(), line.substr(equals + 1).c_str(), 1);
  }
  return std::getenv("S3_BUCKET") != nullptr;
}

}  // namespace
}  // namespace varve::object_store

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!varve::object_store::find_gateway()) {
    std::cerr << "SKIPPED: no S3 gateway to test on. Run make deps for Ceph's packages, and this by ctest, "
                 "which starts it.\n";
    return 77;
  }
  return RUN_ALL_TESTS();
}
