#include "object_store/uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "object_store/latency_profile.h"
#include "varve/store.h"

namespace varve::object_store {
namespace {

using namespace std::chrono_literals;

std::string message_of(std::string_view uri) {
  const auto parsed = parse_uri(uri);
  if (parsed) return "fine";
  EXPECT_EQ(parsed.error().code(), Code::invalid_argument);
  return parsed.error().message();
}

TEST(ParseUri, TakesApart) {
  const auto uri = parse_uri("S3://bucket/a/b%20c?endpoint=http://localhost:1?x&region=eu%26west&e=1=2");
  ASSERT_TRUE(uri) << uri.error().message();
  EXPECT_EQ(uri->scheme, "s3");
  EXPECT_EQ(uri->authority, "bucket");
  EXPECT_EQ(uri->path, "/a/b c");
  EXPECT_EQ(*uri->param("endpoint"), "http://localhost:1?x");
  EXPECT_EQ(*uri->param("region"), "eu&west");
  EXPECT_EQ(*uri->param("e"), "1=2");
  EXPECT_EQ(uri->param("other"), nullptr);
}

TEST(ParseUri, KnowsWhatMayBeMissing) {
  EXPECT_EQ(parse_uri("mem://name")->path, "");
  EXPECT_EQ(parse_uri("mem://name/")->path, "");
  EXPECT_EQ(parse_uri("file:///")->path, "");
  EXPECT_EQ(parse_uri("file:///a/")->path, "/a");
  EXPECT_EQ(parse_uri("mem://a+b?seed=+")->params.at("seed"), "+");
}

TEST(ParseUri, ReadsPercentagesAsTheyAreWritten) {
  EXPECT_EQ(parse_uri("mem://a?stall=1%,2s&x=100%&y=1%25,2s")->params,
            (std::map<std::string, std::string>{{"stall", "1%,2s"}, {"x", "100%"}, {"y", "1%,2s"}}));
}

TEST(ParseUri, SaysWhatIsWrong) {
  EXPECT_THAT(message_of("/var/log"), testing::HasSubstr("file:///dir"));
  EXPECT_THAT(message_of(""), testing::HasSubstr("file:///dir"));
  EXPECT_THAT(message_of("://x"), testing::HasSubstr("scheme"));
  EXPECT_THAT(message_of("a b://x"), testing::HasSubstr("scheme"));
  EXPECT_THAT(message_of("file:///a/../b"), testing::HasSubstr("relative"));
  EXPECT_THAT(message_of("file:///a/%2e%2e/b"), testing::HasSubstr("relative"));
  EXPECT_THAT(message_of("file:///./b"), testing::HasSubstr("relative"));
  EXPECT_THAT(message_of("file:////b"), testing::HasSubstr("empty part"));
  EXPECT_THAT(message_of("file:///a//"), testing::HasSubstr("empty part"));
  EXPECT_THAT(message_of("file:///a%2"), testing::HasSubstr("%25"));
  EXPECT_THAT(message_of("mem://a?stall=1%x"), testing::HasSubstr("%25"));
  EXPECT_THAT(message_of("file:///a%,"), testing::HasSubstr("%25"));
  EXPECT_THAT(message_of("file:///a%zz"), testing::HasSubstr("%25"));
  EXPECT_THAT(message_of("file:///a%00"), testing::HasSubstr("control character"));
  EXPECT_THAT(message_of("file:///a#b"), testing::HasSubstr("%23"));
  EXPECT_THAT(message_of("mem://a?"), testing::HasSubstr("no name"));
  EXPECT_THAT(message_of("mem://a?x=1&"), testing::HasSubstr("no name"));
  EXPECT_THAT(message_of("mem://a?=1"), testing::HasSubstr("no name"));
  EXPECT_THAT(message_of("mem://a?seed"), testing::HasSubstr("'seed' has no value"));
  EXPECT_THAT(message_of("mem://a?seed="), testing::HasSubstr("'seed' has no value"));
  EXPECT_THAT(message_of("mem://a?seed=1&seed=2"), testing::HasSubstr("'seed' is given twice"));
}

TEST(ParseUri, DurationsSizesAndTheRest) {
  EXPECT_EQ(*parse_duration("100ms"), 100ms);
  EXPECT_EQ(*parse_duration("2s"), 2s);
  EXPECT_EQ(*parse_duration("50us"), 50us);
  EXPECT_EQ(*parse_duration("0.5ms"), 500us);
  for (const char* bad : {"", "ms", "100", "-1ms", "1m", "1 ms", "1e3ms", "1ms ", "86401s", "nan", "infs"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
  EXPECT_EQ(*parse_bytes("1GiB"), 1ULL << 30);
  EXPECT_EQ(*parse_bytes("8MiB"), 8ULL << 20);
  EXPECT_EQ(*parse_bytes("500MB"), 500'000'000U);
  EXPECT_EQ(*parse_bytes("1.5KiB"), 1536U);
  EXPECT_EQ(*parse_bytes("4096"), 4096U);
  for (const char* bad : {"", "GiB", "-1", "1gib", "1 MB", "1e30", "99999999TiB", "0x10"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
  EXPECT_DOUBLE_EQ(*parse_percentage("0.5%"), 0.005);
  EXPECT_DOUBLE_EQ(*parse_percentage("100%"), 1);
  for (const char* bad : {"", "%", "1", "101%", "-1%", "1%%"}) EXPECT_FALSE(parse_percentage(bad)) << bad;
  EXPECT_EQ(*parse_count("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", "-1", "1.0", "18446744073709551616", "+1"})
    EXPECT_FALSE(parse_count(bad)) << bad;
}

TEST(ParseUri, LatencyProfiles) {
  const auto profile =
      parse_latency_profile(*parse_uri("mem://a?put=100ms,195ms,274ms&stall=0.5%,2s&bandwidth=1GiB&seed=7"));
  ASSERT_TRUE(profile) << profile.error().message();
  EXPECT_EQ(profile->put->p99, 195ms);
  EXPECT_FALSE(profile->get);
  EXPECT_DOUBLE_EQ(profile->stall_probability, 0.005);
  EXPECT_EQ(profile->stall, 2s);
  EXPECT_EQ(profile->bytes_per_second, 1ULL << 30);
  EXPECT_EQ(profile->seed, 7U);
  for (const char* bad :
       {"put=1ms", "put=1ms,2ms", "put=2ms,1ms,3ms", "get=0ms,1ms,2ms", "put=1ms,2ms,3ms,4ms", "put=1ms,,3ms",
        "stall=1s", "stall=2s,1%25", "bandwidth=0", "bandwidth=fast", "seed=x"}) {
    const auto refused = parse_latency_profile(*parse_uri(std::string("mem://a?") + bad));
    ASSERT_FALSE(refused) << bad;
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("parameter '")) << bad;
  }
}

TEST(OpenStore, SaysWhatIsKnown) {
  const auto message = [](const char* uri) {
    const auto store = open_store(uri);
    if (store) return std::string("fine");
    EXPECT_EQ(store.error().code(), Code::invalid_argument) << uri;
    return store.error().message();
  };
  EXPECT_THAT(message("ftp://a/b"), testing::HasSubstr("file://, mem://, s3://"));
  EXPECT_THAT(message("mem://a?sede=1"), testing::HasSubstr("put, get, stall, bandwidth, seed"));
  EXPECT_THAT(message("mem://a?secret-value=hunter2"), testing::Not(testing::HasSubstr("hunter2")));
  EXPECT_THAT(message("mem://"), testing::HasSubstr("name"));
  EXPECT_THAT(message("mem://a/b"), testing::HasSubstr("no folders"));
  EXPECT_THAT(message("file:///a?sync=no"), testing::HasSubstr("none"));
  EXPECT_THAT(message("file://var/log"), testing::HasSubstr("file:///var"));
  EXPECT_THAT(message("file:///"), testing::HasSubstr("directory"));
  EXPECT_THAT(message("file:///dev/null"), testing::HasSubstr("Not a directory"));
}

TEST(OpenStore, TheSameNameIsTheSameMemoryWhileOneIsOpen) {
  auto first = *open_store("mem://twin");
  auto second = *open_store("mem://twin");
  EXPECT_EQ(first, second);
  const std::weak_ptr<Store> gone = first;
  first.reset();
  second.reset();
  EXPECT_TRUE(gone.expired());
}

TEST(Resolve, SplitsStoreAndLog) {
  const std::string missing = testing::TempDir() + "varve-resolve-nothing-here";
  const auto file = resolve("file://" + missing + "/log");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->path, "log");
  EXPECT_EQ(file->store->describe(), "file://" + missing);
  EXPECT_FALSE(std::filesystem::exists(missing));

  const auto memory = resolve("mem://name/a/log?seed=1");
  ASSERT_TRUE(memory) << memory.error().message();
  EXPECT_EQ(memory->path, "a/log");
  EXPECT_EQ(memory->store->describe(), "mem://name");

  for (const char* nameless : {"mem://name", "mem://name/", "file:///", "file://", "s3://bucket"}) {
    const auto refused = resolve(nameless);
    ASSERT_FALSE(refused) << nameless;
    EXPECT_EQ(refused.error().code(), Code::invalid_argument);
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("no log")) << nameless;
  }
  EXPECT_FALSE(resolve("file:///log"));  // a log in the root of the file system
}

}  // namespace
}  // namespace varve::object_store
