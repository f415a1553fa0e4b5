#include "object_store/s3/outcome.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "object_store/bytes.h"

namespace varve::object_store::s3 {
namespace {

using testing::HasSubstr;

HttpAnswer answer(int status, std::string_view code = "", std::string_view more = "") {
  HttpAnswer answer;
  answer.status = status;
  if (!code.empty()) {
    answer.body = copy_bytes(fmt::format(
        "<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>the server's words</Message>{}</Error>", code,
        more));
  }
  return answer;
}

HttpAnswer failed(Failure failure, bool arrived) {
  HttpAnswer answer;
  answer.failure = failure;
  answer.failure_text = "libcurl's words";
  answer.request_arrived = arrived;
  return answer;
}

class Outcome : public testing::Test {
 protected:
  Verdict put(const HttpAnswer& answer, bool if_absent = true) const {
    return judge_.put(answer, "PUT 'k'", if_absent, 1000);
  }
  Verdict get(const HttpAnswer& answer) const { return judge_.read(answer, "GET 'k'", 1000); }

  Judge judge_{{.bucket = "b", .endpoint = "https://s3.eu-west-1.amazonaws.com", .region = "eu-west-1"}};
};

TEST_F(Outcome, SuccessIsSuccess) {
  EXPECT_EQ(put(answer(200)).next, Next::done);
  EXPECT_EQ(get(answer(200)).next, Next::done);
  EXPECT_EQ(get(answer(206)).next, Next::done);
  EXPECT_EQ(judge_.remove(answer(204), "DELETE 'k'", 0).next, Next::done);
  EXPECT_EQ(judge_.remove(answer(404, "NoSuchKey"), "DELETE 'k'", 0).next, Next::done);
}

struct Case {
  int status;
  std::string_view code;
  Next next;
  Code error;
  bool may_have_landed;
  std::string_view fix;  // what the message must say
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.status << " " << c.code; }

class PutOutcome : public testing::TestWithParam<Case> {
 protected:
  Judge judge_{{.bucket = "b", .endpoint = "https://e", .region = "eu-west-1"}};
};

TEST_P(PutOutcome, IsClassedAndNamesTheFix) {
  const Case& c = GetParam();
  const Verdict verdict = judge_.put(answer(c.status, c.code), "PUT 'k'", true, 1000);
  EXPECT_EQ(verdict.next, c.next);
  EXPECT_EQ(verdict.may_have_landed, c.may_have_landed);
  ASSERT_TRUE(verdict.error);
  EXPECT_EQ(verdict.error->code(), c.error) << verdict.error->message();
  EXPECT_THAT(verdict.error->message(), HasSubstr("PUT 'k' in s3://b"));
  EXPECT_THAT(verdict.error->message(), HasSubstr(std::string(c.fix)));
}

INSTANTIATE_TEST_SUITE_P(
    Every, PutOutcome,
    testing::Values(
        Case{412, "PreconditionFailed", Next::give_up, Code::already_exists, false, "the name is taken"},
        Case{412, "", Next::give_up, Code::already_exists, false, "the name is taken"},
        Case{409, "ConditionalRequestConflict", Next::retry, Code::unavailable, false, ""},
        Case{409, "OperationAborted", Next::retry, Code::unavailable, false, ""},
        Case{400, "RequestTimeout", Next::retry, Code::unavailable, false, ""},
        Case{400, "IncompleteBody", Next::retry, Code::unavailable, false, ""},
        Case{400, "BadDigest", Next::retry, Code::unavailable, false, ""},
        Case{400, "ExpiredToken", Next::credentials, Code::denied, false, "expired"},
        Case{403, "InvalidAccessKeyId", Next::credentials, Code::denied, false, "AWS_ACCESS_KEY_ID"},
        Case{403, "AccessDenied", Next::give_up, Code::denied, false, "s3:PutObject"},
        Case{403, "SignatureDoesNotMatch", Next::give_up, Code::denied, false, "secret key"},
        Case{403, "RequestTimeTooSkewed", Next::give_up, Code::denied, false, "NTP"},
        Case{404, "NoSuchBucket", Next::give_up, Code::denied, false, "create the bucket"},
        Case{301, "PermanentRedirect", Next::give_up, Code::invalid_argument, false, "'eu-west-1' is wrong"},
        Case{307, "", Next::give_up, Code::invalid_argument, false, "mend endpoint or region"},
        Case{400, "EntityTooLarge", Next::give_up, Code::invalid_argument, false, "batch_bytes"},
        Case{405, "MethodNotAllowed", Next::give_up, Code::unsupported, false, "docs/stores.md"},
        Case{501, "NotImplemented", Next::give_up, Code::unsupported, false, "If-None-Match"},
        Case{507, "", Next::give_up, Code::no_space, true, "space"},
        Case{429, "", Next::throttled, Code::unavailable, false, "fewer requests"},
        Case{503, "SlowDown", Next::throttled, Code::unavailable, true, "fewer requests"},
        Case{503, "", Next::throttled, Code::unavailable, true, ""},
        Case{500, "InternalError", Next::retry, Code::unavailable, true, ""},
        Case{502, "", Next::retry, Code::unavailable, true, ""},
        Case{504, "", Next::retry, Code::unavailable, true, ""},
        // Not S3 at all.
        Case{400, "", Next::retry, Code::unavailable, true, "is this an S3 endpoint"},
        Case{404, "", Next::retry, Code::unavailable, true, "is this an S3 endpoint"},
        Case{206, "", Next::retry, Code::unavailable, true, "is this an S3 endpoint"},
        Case{407, "", Next::give_up, Code::denied, false, "proxy"}));

TEST_F(Outcome, OnlyTheStoreItselfMaySayThatAnObjectIsMissing) {
  EXPECT_EQ(get(answer(404, "NoSuchKey")).error->code(), Code::not_found);
  const Verdict page_of_a_proxy = get(answer(404));
  EXPECT_EQ(page_of_a_proxy.next, Next::retry);
  EXPECT_EQ(page_of_a_proxy.error->code(), Code::unavailable);
}

TEST_F(Outcome, AFailureIsUnknownUnlessTheServerCannotHaveHadTheWholeRequest) {
  for (const Failure failure : {Failure::unreachable, Failure::handshake, Failure::interrupted,
                                Failure::timed_out, Failure::malformed}) {
    EXPECT_FALSE(put(failed(failure, false)).may_have_landed);
    EXPECT_TRUE(put(failed(failure, true)).may_have_landed);
    EXPECT_EQ(put(failed(failure, true)).next, Next::retry);
  }
  HttpAnswer cut_success = failed(Failure::interrupted, true);
  cut_success.status = 200;
  EXPECT_EQ(put(cut_success).next, Next::retry);
  EXPECT_EQ(put(failed(Failure::timed_out, true)).error->code(), Code::timed_out);
}

TEST_F(Outcome, AnUntrustedServerIsNotAskedAgain) {
  const Verdict verdict = put(failed(Failure::untrusted, false));
  EXPECT_EQ(verdict.next, Next::give_up);
  EXPECT_EQ(verdict.error->code(), Code::denied);
  EXPECT_THAT(verdict.error->message(), HasSubstr("ca_file"));
  EXPECT_EQ(put(failed(Failure::misnamed, false)).next, Next::give_up);
}

TEST_F(Outcome, ARefusalSaysNothingOfASendingBeforeIt) {
  HttpAnswer refused = answer(403, "AccessDenied");
  refused.sent_before = true;
  EXPECT_TRUE(put(refused).may_have_landed);
  HttpAnswer taken = answer(412);
  taken.sent_before = true;
  EXPECT_TRUE(put(taken).may_have_landed);
}

TEST_F(Outcome, TheRightRegionIsNamed) {
  EXPECT_THAT(put(answer(400, "AuthorizationHeaderMalformed", "<Region>us-west-2</Region>")).error->message(),
              HasSubstr("?region=us-west-2"));
  HttpAnswer redirect = answer(301, "PermanentRedirect");
  redirect.region = "ap-south-1";
  EXPECT_THAT(get(redirect).error->message(), HasSubstr("?region=ap-south-1"));
}

TEST_F(Outcome, AWrongClockIsMeasured) {
  HttpAnswer skewed = answer(403, "RequestTimeTooSkewed");
  skewed.date_unix_s = 100;
  Verdict verdict = put(skewed);
  EXPECT_EQ(verdict.next, Next::clock);
  EXPECT_EQ(verdict.clock_ahead_s, -900);
  EXPECT_THAT(verdict.error->message(), HasSubstr("clock is 900 s ahead of the store's: set it (NTP)"));
  skewed.date_unix_s = 1900;
  EXPECT_THAT(put(skewed).error->message(), HasSubstr("clock is 900 s behind the store's"));
}

TEST_F(Outcome, RetryAfterIsPassedOn) {
  HttpAnswer slow = answer(503, "SlowDown");
  slow.retry_after_s = 7;
  EXPECT_EQ(put(slow).retry_after_s, 7U);
}

TEST_F(Outcome, MessagesAreOneLineOfBoundedLength) {
  HttpAnswer wild;
  wild.status = 403;
  wild.body = copy_bytes("<Error><Code>AccessDenied</Code><Message>a\nb" + std::string(100'000, 'x') +
                         "</Message></Error>");
  const std::string message = put(wild).error->message();
  EXPECT_LT(message.size(), 1000U);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST_F(Outcome, KeysOfAMultiDeleteAreJudgedOneByOne) {
  EXPECT_EQ(judge_.key_error("InternalError", "", "DELETE 'k'").next, Next::retry);
  EXPECT_EQ(judge_.key_error("SlowDown", "", "DELETE 'k'").next, Next::throttled);
  EXPECT_EQ(judge_.key_error("NoSuchKey", "", "DELETE 'k'").next, Next::done);
  const Verdict denied = judge_.key_error("AccessDenied", "", "DELETE 'k'");
  EXPECT_EQ(denied.next, Next::give_up);
  EXPECT_EQ(denied.error->code(), Code::denied);
}

}  // namespace
}  // namespace varve::object_store::s3
