// The S3 store through TLS that is to be trusted or not, and through HTTP proxies.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/s3/s3_store.h"
#include "testing/fake_server.h"
#include "testing/test_proxy.h"

namespace varve::object_store::s3 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A store's answer to one request through what the test has put in the way. The server behind it
/// answers every request with "hello".
class OnTheWay : public testing::Test {
 protected:
  OnTheWay() { authority_.write(ca_file_); }
  ~OnTheWay() override { std::filesystem::remove(ca_file_); }

  /// As `?name=value&...` has it.
  [[nodiscard]] Result<std::shared_ptr<Store>> open(const std::string& parameters) const {
    const auto uri = parse_uri("s3://bucket?region=r&" + parameters);
    if (!uri) return uri.error();
    auto settings = settings_from(*uri, [](const std::string&) { return std::nullopt; });
    if (!settings) return settings.error();
    settings->deadline = deadline_;
    return make_store(*settings, [](const std::atomic<bool>&) {
      return Credentials{.access_key_id = "AK", .secret_access_key = Secret("SK"), .source = "test"};
    });
  }
  [[nodiscard]] Result<Bytes> get(const std::string& parameters) const {
    const auto store = open(parameters);
    if (!store) return store.error();
    return get_now(**store, "key", {.length = 100});
  }
  static std::string text(const Result<Bytes>& bytes) {
    if (!bytes) return bytes.error().message();
    return {reinterpret_cast<const char*>(bytes->data.data()), bytes->data.size()};
  }
  [[nodiscard]] std::unique_ptr<TestProxy> tls(const std::string& names) const {
    return TestProxy::tls(server_.port(), authority_.issue(names));
  }
  static std::string https(const TestProxy& relay) {
    return fmt::format("endpoint=https://127.0.0.1:{}", relay.port());
  }

  const TestAuthority authority_;
  const std::string ca_file_ = fmt::format("{}varve-authority-{}.pem", testing::TempDir(), ::getpid());
  std::chrono::milliseconds deadline_{20'000};  // less for what is tried until then
  std::string target_;                          // of the last request
  FakeServer server_{[this](const ArrivedRequest& request) {
    target_ = request.target;
    return http_answer(200, "hello");
  }};
};

TEST_F(OnTheWay, AnAuthorityOfOnesOwnIsTrustedByItsFile) {
  const auto relay = tls("IP:127.0.0.1");
  EXPECT_EQ(text(get(https(*relay) + "&ca_file=" + ca_file_)), "hello");
}

TEST_F(OnTheWay, AStrangerIsNotTrusted) {
  const auto relay = tls("IP:127.0.0.1");
  const auto got = get(https(*relay));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::denied);
  EXPECT_THAT(got.error().message(), HasSubstr("give its file as ca_file"));
  EXPECT_EQ(server_.requests(), 0) << "nothing is said to a stranger";
}

TEST_F(OnTheWay, AnotherAuthorityDoesNotDo) {
  const auto relay = tls("IP:127.0.0.1");
  TestAuthority("Another authority").write(ca_file_);
  const auto got = get(https(*relay) + "&ca_file=" + ca_file_);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::denied);
  EXPECT_THAT(got.error().message(), HasSubstr("give its file as ca_file"));
}

// As one whose file was made anew. libcurl 7.88 calls that a failed handshake, as it does a broken
// connection.
TEST_F(OnTheWay, AnAuthorityOfTheSameNameDoesNotDo) {
  deadline_ = std::chrono::seconds(3);  // it is tried until then
  const auto relay = tls("IP:127.0.0.1");
  TestAuthority().write(ca_file_);
  const auto got = get(https(*relay) + "&ca_file=" + ca_file_);
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message(), HasSubstr("and ca_file its authority's?"));
  EXPECT_EQ(server_.requests(), 0);
}

TEST_F(OnTheWay, ACertificateOfAnotherHostDoesNotDo) {
  const auto relay = tls("DNS:store.example");
  const auto got = get(https(*relay) + "&ca_file=" + ca_file_);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::denied);
  EXPECT_THAT(got.error().message(), HasSubstr("another host's"));
  EXPECT_EQ(server_.requests(), 0);
}

TEST_F(OnTheWay, AnAuthorityThatCannotBeReadIsNamed) {
  const auto relay = tls("IP:127.0.0.1");
  const auto got = get(https(*relay) + "&ca_file=/no/such/file.pem");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::denied);
  EXPECT_THAT(got.error().message(), HasSubstr("/no/such/file.pem"));
}

TEST_F(OnTheWay, AFailedHandshakeWritesNothing) {
  const auto relay = tls("IP:127.0.0.1");
  const auto store = open(https(*relay));
  ASSERT_TRUE(store);
  const auto put = put_if_absent_now(**store, "key", copy_bytes("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().outcome(), WriteOutcome::not_written);
}

// Only the proxy knows where "store.invalid" is: https://www.rfc-editor.org/rfc/rfc6761#section-6.4
TEST_F(OnTheWay, APlainRequestGoesThroughTheProxy) {
  const auto proxy = TestProxy::proxy(server_.port());
  EXPECT_EQ(text(get(fmt::format("endpoint=http://store.invalid&proxy=http://127.0.0.1:{}", proxy->port()))),
            "hello");
  EXPECT_THAT(proxy->asked(), ElementsAre("GET http://store.invalid/bucket/key HTTP/1.1"));
  EXPECT_EQ(target_, "http://store.invalid/bucket/key");
}

TEST_F(OnTheWay, TlsGoesThroughATunnelOfTheProxy) {
  const auto relay = tls("DNS:store.invalid");
  const auto proxy = TestProxy::proxy(relay->port());
  EXPECT_EQ(text(get(fmt::format("endpoint=https://store.invalid&ca_file={}&proxy=http://127.0.0.1:{}",
                                 ca_file_, proxy->port()))),
            "hello");
  EXPECT_THAT(proxy->asked(), ElementsAre("CONNECT store.invalid:443 HTTP/1.1"));
  EXPECT_EQ(target_, "/bucket/key") << "the proxy has not seen it";
}

TEST_F(OnTheWay, AProxyThatWantsAPasswordIsExplained) {
  const auto proxy = TestProxy::proxy(server_.port());
  proxy->refuse_with("407 Proxy Authentication Required");
  for (const char* endpoint : {"http://store.invalid", "https://store.invalid"}) {
    const auto got = get(fmt::format("endpoint={}&proxy=http://127.0.0.1:{}", endpoint, proxy->port()));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), Code::denied) << got.error().message();
    EXPECT_THAT(got.error().message(), HasSubstr("https_proxy")) << endpoint;
  }
}

TEST_F(OnTheWay, AProxyThatIsAwayIsNamed) {
  deadline_ = std::chrono::seconds(3);  // it is tried until then
  int port = 0;
  { port = TestProxy::proxy(server_.port())->port(); }
  const auto got = get(fmt::format("endpoint=http://store.invalid&proxy=http://127.0.0.1:{}", port));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::unavailable);
  EXPECT_THAT(got.error().message(), HasSubstr("the proxy"));
}

}  // namespace
}  // namespace varve::object_store::s3
