// The whole S3 store against a server that misbehaves on purpose.
#include <fmt/chrono.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "object_store/blocking.h"
#include "object_store/bytes.h"
#include "object_store/s3/s3_store.h"
#include "object_store/s3/signature.h"
#include "object_store/s3/transport.h"
#include "testing/fake_server.h"

namespace varve::object_store::s3 {
namespace {

using std::chrono::milliseconds;

class WireTest : public testing::Test {
 protected:
  void serve(FakeServer::Handler handler) {
    server_ = std::make_unique<FakeServer>(std::move(handler));
    settings_.endpoint = server_->url();
    open();
  }
  void open() {
    auto store = make_store(settings_, [](const std::atomic<bool>&) { return keys(); });
    ASSERT_TRUE(store);
    store_ = *store;
  }
  static Credentials keys() {
    return {.access_key_id = "AK",
            .secret_access_key = Secret("SK"),
            .session_token = Secret("ST"),
            .source = "test"};
  }
  static std::string error(int status, std::string_view code) {
    return http_answer(status, "<Error><Code>" + std::string(code) + "</Code></Error>");
  }
  static std::string text(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()};
  }

  Settings settings_{.bucket = "b",
                     .endpoint = "",
                     .region = "us-east-1",
                     .path_style = true,
                     .attempt_timeout = milliseconds(2'000),
                     .deadline = milliseconds(1'000)};
  std::unique_ptr<FakeServer> server_;
  std::shared_ptr<Store> store_;
};

/// Signs what arrived once more: the same signature must come out.
std::string signature_of(const ArrivedRequest& arrived, const Credentials& keys) {
  HttpRequest request;
  request.method = arrived.method == "PUT"    ? Method::put
                   : arrived.method == "POST" ? Method::post
                                              : Method::get;
  const std::size_t question = arrived.target.find('?');
  request.path = arrived.target.substr(0, question);
  if (question != std::string::npos) request.query = arrived.target.substr(question + 1);
  const std::string& sent = arrived.headers.at("authorization");
  const std::size_t begin = sent.find("SignedHeaders=") + 14;
  std::string names = sent.substr(begin, sent.find(',', begin) - begin) + ";";
  std::vector<Header> headers;
  for (std::size_t at = 0; at < names.size(); at = names.find(';', at) + 1) {
    const std::string name = names.substr(at, names.find(';', at) - at);
    headers.push_back({name, arrived.headers.at(name)});
  }
  return Signer({.region = "us-east-1"}, keys)
      .authorization(request, headers, arrived.headers.at("x-amz-content-sha256"));
}

TEST_F(WireTest, WhatIsSignedIsWhatArrives) {
  std::vector<ArrivedRequest> arrived;
  serve([&](const ArrivedRequest& request) {
    arrived.push_back(request);
    if (request.method == "GET") return error(404, "NoSuchKey");
    if (request.method == "POST") return http_answer(200, "<DeleteResult/>");
    return http_answer(200);
  });
  const std::string odd = " !\"#$&'()*+,%41..a:;<=>?@[\\]^_`{|}~\xc3\xa4/.hidden/a..b";
  ASSERT_TRUE(put_if_absent_now(*store_, odd, copy_bytes("hello")));
  ASSERT_EQ(get_now(*store_, odd).error().code(), Code::not_found);
  ASSERT_FALSE(list_now(*store_, odd, odd + "a", 7));
  ASSERT_TRUE(remove_now(*store_, {odd, "b"}));
  for (const ArrivedRequest& request : arrived) {
    EXPECT_EQ(signature_of(request, keys()), request.headers.at("authorization")) << request.target;
    EXPECT_EQ(request.headers.at("x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
    EXPECT_EQ(request.headers.at("x-amz-security-token"), "ST");
    EXPECT_FALSE(request.headers.contains("expect"));
  }
  EXPECT_EQ(arrived[0].headers.at("if-none-match"), "*");
  EXPECT_EQ(arrived[0].body, "hello");
}

TEST_F(WireTest, EveryPutAsksForTheEncryptionOfItsObject) {
  std::vector<ArrivedRequest> arrived;
  settings_.encryption = Encryption::s3;
  serve([&](const ArrivedRequest& request) {
    arrived.push_back(request);
    return request.method == "GET" ? http_answer(200, "x") : http_answer(200);
  });
  ASSERT_TRUE(put_if_absent_now(*store_, "a", copy_bytes("x")));
  settings_.encryption = Encryption::kms;
  settings_.kms_key = "arn:aws:kms:eu-west-1:1:key/2";
  open();
  ASSERT_TRUE(put_if_absent_now(*store_, "a", copy_bytes("x")));
  ASSERT_TRUE(put_now(*store_, "a", copy_bytes("x")));
  ASSERT_TRUE(get_now(*store_, "a"));
  ASSERT_EQ(arrived.size(), 4U);
  constexpr const char* sse = "x-amz-server-side-encryption";
  constexpr const char* sse_key = "x-amz-server-side-encryption-aws-kms-key-id";
  EXPECT_EQ(arrived[0].headers.at(sse), "AES256");
  EXPECT_FALSE(arrived[0].headers.contains(sse_key));
  for (const ArrivedRequest& put : {arrived[1], arrived[2]}) {
    EXPECT_EQ(put.headers.at(sse), "aws:kms");
    EXPECT_EQ(put.headers.at(sse_key), settings_.kms_key);
    EXPECT_EQ(signature_of(put, keys()), put.headers.at("authorization"));
  }
  EXPECT_FALSE(arrived[3].headers.contains(sse)) << "S3 refuses a GET that says so";
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: 15 minutes are the limit.
TEST_F(WireTest, AWrongClockIsSignedForAndTold) {
  using std::chrono::hours;
  using std::chrono::system_clock;
  for (const hours ahead : {hours(1), hours(-30)}) {
    int refused = 0;
    serve([&](const ArrivedRequest& request) {
      const auto its_now = system_clock::now() + ahead;
      const std::string date = fmt::format("Date: {:%a, %d %b %Y %H:%M:%S GMT}\r\n",
                                           fmt::gmtime(system_clock::to_time_t(its_now)));
      // To the hour: as long as that has not passed, which another try makes up for.
      const bool skewed = request.headers.at("x-amz-date").substr(0, 11) != amz_date(its_now).substr(0, 11);
      if (!skewed) return http_answer(200, "x", date);
      ++refused;
      return http_answer(403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", date);
    });
    EXPECT_EQ(store_->clock_ahead(), std::nullopt) << "it has not told yet";
    for (int i = 0; i < 3; ++i) {
      const auto got = get_now(*store_, "a", {.length = 1});
      EXPECT_TRUE(got) << got.error().message();
    }
    EXPECT_LE(refused, 2) << "the rest is signed right at once";
    EXPECT_LE(std::chrono::abs(*store_->clock_ahead() - ahead), std::chrono::seconds(5));
  }
}

TEST_F(WireTest, TheSlowOneOfAPairSendsNothingOfABufferThatIsReused) {
  settings_.deadline = std::chrono::seconds(20);
  serve([](const ArrivedRequest&) { return http_answer(200); });
  constexpr std::size_t usual = (std::size_t{4} << 20) + 1;
  constexpr std::size_t more_than_sockets_hold = std::size_t{15} << 20;  // and of the same size class
  for (int i = 0; i < 32; ++i)
    ASSERT_TRUE(put_if_absent_now(*store_, "a", copy_bytes(std::string(usual, 'x'))));
  server_->stall_next_body_after(1);
  std::string buffer(more_than_sockets_hold, 'x');
  // As soon as nobody holds it, the buffer has another use.
  Bytes body{
      .data = std::as_bytes(std::span(buffer)),
      .owner = std::shared_ptr<std::string>(&buffer, [](std::string* b) { b->assign(b->size(), '!'); })};
  const auto put = put_if_absent_now(*store_, "b", std::move(body));
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(buffer.front(), '!');
  const std::string sent = server_->read_on();
  EXPECT_LT(sent.size(), more_than_sockets_hold) << "it was not cut";
  EXPECT_EQ(sent.find_first_not_of('x'), std::string::npos);
}

/// The only answer to one request.
HttpAnswer exchange(Transport& transport, HttpRequest request) {
  transport.start(1, std::move(request), {{"host", "h"}}, milliseconds(5'000));
  while (true) {
    for (auto& [id, answer] : transport.poll(milliseconds(1'000))) return std::move(answer);
  }
}

TEST(TransportTest, OneHandleServesRequestsOfAllKinds) {
  std::vector<ArrivedRequest> arrived;
  FakeServer server([&](const ArrivedRequest& request) {
    arrived.push_back(request);
    return http_answer(200);
  });
  const auto transport = Transport::create({.base_url = server.url(), .ca_file = "", .proxy = ""}, 4);
  ASSERT_TRUE(transport);
  const std::string large(300'000, 'l');
  const std::vector<std::pair<Method, std::string>> requests = {
      {Method::put, large},     {Method::put, large},   {Method::put, "small"}, {Method::get, ""},
      {Method::post, "posted"}, {Method::put, "other"}, {Method::post, large},  {Method::del, ""},
      {Method::get, ""},        {Method::put, ""},      {Method::put, large}};
  for (const auto& [method, body] : requests) {
    EXPECT_EQ(exchange(**transport, {.method = method, .path = "/a", .body = copy_bytes(body)}).status, 200);
    EXPECT_EQ(arrived.back().method, to_string(method));
    EXPECT_EQ(arrived.back().body, body);
    EXPECT_FALSE(arrived.back().headers.contains("content-type"));
  }
  EXPECT_EQ(arrived.size(), requests.size());
  EXPECT_EQ(server.connections(), 1);
}

TEST(TransportTest, AnAnswerThatDoesNotComeBringsNothingOfTheOneBefore) {
  std::atomic<bool> silent = false;
  FakeServer server([&](const ArrivedRequest&) {
    return silent ? std::string()
                  : http_answer(200, "body",
                                "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nx-amz-bucket-region: r\r\n"
                                "Retry-After: 7\r\nContent-Range: bytes 0-3/4\r\n");
  });
  const auto transport = Transport::create({.base_url = server.url(), .ca_file = "", .proxy = ""}, 4);
  ASSERT_TRUE(transport);
  for (const Method method : {Method::put, Method::get}) {
    silent = false;
    const HttpRequest request{.method = method, .path = "/a"};
    const HttpAnswer first = exchange(**transport, request);
    EXPECT_TRUE(first.date_unix_s && first.retry_after_s && first.content_range);
    EXPECT_EQ(first.text(), "body");
    silent = true;
    const HttpAnswer second = exchange(**transport, request);
    EXPECT_TRUE(second.failure);
    EXPECT_EQ(second.status, 0);
    EXPECT_FALSE(second.date_unix_s || second.retry_after_s || second.content_range);
    EXPECT_EQ(second.region, "");
    EXPECT_EQ(second.text(), "");
  }
}

TEST_F(WireTest, ConnectionsAreKept) {
  serve([](const ArrivedRequest&) { return http_answer(200, "x"); });
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(get_now(*store_, "a"));
  EXPECT_EQ(server_->connections(), 1);
}

TEST_F(WireTest, HalfABodyIsCertainlyNotWritten) {
  serve([](const ArrivedRequest&) { return error(403, "AccessDenied"); });
  server_->cut_next_body_after(std::size_t{1} << 20);
  const auto put = put_if_absent_now(*store_, "a", copy_bytes(std::string(std::size_t{64} << 20, 'x')));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().outcome(), WriteOutcome::not_written) << put.error().message();
  EXPECT_EQ(server_->connections(), 2) << "it was tried again, and refused";
}

TEST_F(WireTest, AWholeBodyWithoutAnAnswerIsUnknown) {
  serve([](const ArrivedRequest&) { return std::string(); });
  const auto put = put_if_absent_now(*store_, "a", copy_bytes("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), Code::unavailable);
  EXPECT_EQ(put.error().outcome(), WriteOutcome::unknown);
  EXPECT_GT(server_->requests(), 1);
}

TEST_F(WireTest, AnAnswerLostOnceMeansAlreadyExists) {
  int seen = 0;
  serve(
      [&](const ArrivedRequest&) { return ++seen == 1 ? std::string() : error(412, "PreconditionFailed"); });
  const auto put = put_if_absent_now(*store_, "a", copy_bytes("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), Code::already_exists);
  EXPECT_EQ(put.error().outcome(), WriteOutcome::unknown);
}

// libcurl itself sends again when a kept-alive connection turns out to be dead: the request may
// have been carried out before that.
TEST_F(WireTest, ASendingInsideTheTransportIsNotForgotten) {
  int seen = 0;
  serve([&](const ArrivedRequest&) {
    ++seen;
    if (seen == 1) return http_answer(200);
    return seen == 2 ? std::string() : error(403, "AccessDenied");
  });
  ASSERT_TRUE(put_if_absent_now(*store_, "a", copy_bytes("x")));
  for (const char* body : {"x", ""}) {
    seen = 1;
    const auto put = put_if_absent_now(*store_, "b", copy_bytes(body));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code(), Code::denied);
    EXPECT_EQ(put.error().outcome(), WriteOutcome::unknown);
    seen = 0;
    ASSERT_TRUE(put_if_absent_now(*store_, "a", copy_bytes("x")));
  }
}

TEST_F(WireTest, ACutOrShortAnswerIsReadAgain) {
  int seen = 0;
  serve([&](const ArrivedRequest&) {
    if (++seen == 1)
      return std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf");
    return http_answer(200, "0123456789");
  });
  const auto got = get_now(*store_, "a");
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(text(*got), "0123456789");
}

TEST_F(WireTest, AnswersWithoutALengthAreRead) {
  serve([](const ArrivedRequest&) {
    return std::string(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
  });
  const auto got = get_now(*store_, "a");
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(text(*got), "abcdefg");
}

TEST_F(WireTest, AnAbsurdLengthIsNotAllocated) {
  serve([](const ArrivedRequest&) {
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\nConnection: close\r\n\r\nx");
  });
  EXPECT_EQ(get_now(*store_, "a", {.length = 10}).error().code(), Code::unavailable);
}

TEST_F(WireTest, GarbageIsNotTakenForAnAnswer) {
  serve([](const ArrivedRequest& request) {
    return request.method == "GET" && request.target.find("list-type") != std::string::npos
               ? http_answer(200, "<html>welcome</html>")
               : std::string("what is HTTP?\r\n\r\n");
  });
  EXPECT_EQ(list_now(*store_, "a").error().code(), Code::unavailable);
  EXPECT_EQ(get_now(*store_, "a", {.length = 10}).error().code(), Code::unavailable);
}

TEST_F(WireTest, NobodyThereIsUnavailableAndNotWritten) {
  serve([](const ArrivedRequest&) { return http_answer(200); });
  store_.reset();
  server_.reset();
  open();
  const auto put = put_if_absent_now(*store_, "a", copy_bytes("x"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), Code::unavailable);
  EXPECT_EQ(put.error().outcome(), WriteOutcome::not_written);
}

TEST_F(WireTest, SilenceTimesOutAndIsTriedAgain) {
  settings_.attempt_timeout = milliseconds(50);
  settings_.deadline = milliseconds(5'000);
  settings_.hedge = false;
  std::atomic<int> seen = 0;
  // The first answer is of a length that never comes.
  serve([&](const ArrivedRequest&) {
    return ++seen == 1 ? std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") : http_answer(200, "x");
  });
  const auto got = get_now(*store_, "a", {.length = 1});
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(seen, 2);
}

TEST_F(WireTest, WithoutCredentialsRequestsFailAndTheNextAsksAgain) {
  serve([](const ArrivedRequest&) { return http_answer(200, "x"); });
  std::atomic<int> asked = 0;
  settings_.deadline = milliseconds(10'000);
  auto store = make_store(settings_, [&](const std::atomic<bool>&) -> Result<Credentials> {
    if (++asked == 1) return Error(Code::denied, "no credentials found");
    return keys();
  });
  ASSERT_TRUE(store);
  const auto first = get_now(**store, "a");
  EXPECT_TRUE(first || first.error().code() == Code::denied);
  EXPECT_TRUE(get_now(**store, "a"));
}

TEST_F(WireTest, AnonymousRequestsAreNotSigned) {
  bool is_signed = true;
  serve([&](const ArrivedRequest& request) {
    is_signed = request.headers.contains("authorization");
    return http_answer(200, "x");
  });
  auto store = make_store(settings_, nullptr);
  ASSERT_TRUE(store);
  EXPECT_TRUE(get_now(**store, "a"));
  EXPECT_FALSE(is_signed);
}

TEST_F(WireTest, TheLastOwnerMayLetGoWithinDone) {
  serve([](const ArrivedRequest&) { return http_answer(200, "x"); });
  const Answer<Bytes> answer;
  auto* const store = store_.get();
  pid_t stores_thread = 0;
  store->get("a", {}, [&stores_thread, held = std::move(store_), done = answer.done()](auto result) mutable {
    stores_thread = ::gettid();
    held.reset();
    done(std::move(result));
  });
  EXPECT_TRUE(answer.wait());
  // Nobody can join that thread now. Ending the process while it tidies up would look like a leak.
  const auto running = std::filesystem::path("/proc/self/task") / std::to_string(stores_thread);
  while (std::filesystem::exists(running)) std::this_thread::yield();
}

}  // namespace
}  // namespace varve::object_store::s3
