#include "object_store/s3/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/mutant.h"
#include "object_store/s3/answers.h"

namespace varve::object_store::s3 {

/// A refusal in S3's terms. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
struct Judge::Refusal {
  int status = 0;
  std::string code;  // empty: the body was no S3 error
  std::string happened;
  std::string region = {};
  std::optional<std::int64_t> clock_ahead_s = {};  // the store's, of ours
};

namespace {

template <std::size_t n>
bool among(const std::array<std::string_view, n>& codes, std::string_view code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// The store asks us to slow down.
constexpr std::array<std::string_view, 6> throttling = {"SlowDown",
                                                        "Throttling",
                                                        "ThrottlingException",
                                                        "RequestLimitExceeded",
                                                        "TooManyRequests",
                                                        "BandwidthLimitExceeded"};
// A fault on the way or in the store; the request as such is fine.
constexpr std::array<std::string_view, 9> passing = {"RequestTimeout",     "IncompleteBody",
                                                     "BadDigest",          "InternalError",
                                                     "ServiceUnavailable", "ConditionalRequestConflict",
                                                     "OperationAborted",   "XAmzContentChecksumMismatch",
                                                     "InternalServerError"};
constexpr std::array<std::string_view, 2> stale_credentials = {"ExpiredToken", "TokenRefreshRequired"};
constexpr std::array<std::string_view, 3> unknown_keys = {"InvalidAccessKeyId", "InvalidToken",
                                                          "InvalidClientTokenId"};
constexpr std::array<std::string_view, 4> wrong_region = {"PermanentRedirect", "TemporaryRedirect",
                                                          "AuthorizationHeaderMalformed",
                                                          "IllegalLocationConstraintException"};
constexpr std::array<std::string_view, 4> full = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage",
                                                  "ServiceQuotaExceededException"};

Verdict give_up(Error error) { return {.next = Next::give_up, .error = std::move(error)}; }

}  // namespace

Error Judge::error(Code code, std::string_view what, std::string_view happened, std::string_view fix) const {
  return Error(code, fmt::format("{} in s3://{} ({}): {}; {}", what, settings_.bucket, settings_.endpoint,
                                 happened, fix));
}

Verdict Judge::nonsense(std::string_view what, std::string_view why) const {
  return {.next = Next::retry,
          .may_have_landed = true,
          .error = error(Code::unavailable, what, why,
                         "is this an S3 endpoint, and does no proxy on the way change its answers?")};
}

Verdict Judge::failure(const HttpAnswer& answer, std::string_view what) const {
  const bool landed = answer.request_arrived && !mutated(Mutant::lost_put_not_written);
  const auto retry = [&](std::string_view fix) {
    const Code code = answer.failure == Failure::timed_out ? Code::timed_out : Code::unavailable;
    return Verdict{
        .next = Next::retry, .may_have_landed = landed, .error = error(code, what, answer.failure_text, fix)};
  };
  const auto distrust = [&](std::string_view fix) {
    return Verdict{.next = Next::give_up,
                   .may_have_landed = landed,
                   .error = error(Code::denied, what, answer.failure_text, fix)};
  };
  switch (*answer.failure) {
    case Failure::unreachable:
      return retry("check the endpoint's name, the network and the proxy");
    case Failure::interrupted:
      return retry("the connection broke: the network, or the server went away");
    case Failure::timed_out:
      return retry("the store or the network is slow: see stall_timeout and attempt_timeout");
    case Failure::malformed:
      return retry("is this an S3 endpoint?");
    case Failure::handshake:
      return retry("no TLS connection: is this a port that speaks TLS, and ca_file its authority's?");
    case Failure::untrusted:
      return distrust(
          "the server's certificate cannot be trusted: for a private authority give its file as ca_file");
    case Failure::misnamed:
      return distrust("the server's certificate is another host's: mend the endpoint (or path_style)");
  }
  return nonsense(what, "no answer");
}

Verdict Judge::by_code(const Refusal& refusal, std::string_view what) const {
  const std::string& code = refusal.code;
  const auto answer = [&](Code kind, std::string_view fix) {
    return error(kind, what, refusal.happened, fix);
  };
  if (among(throttling, code)) {
    return {.next = Next::throttled, .error = answer(Code::unavailable, "the store asks for fewer requests")};
  }
  if (among(passing, code)) {
    return {.next = Next::retry,
            .error = answer(Code::unavailable, "a passing fault of the store or the network")};
  }
  if (among(stale_credentials, code)) {
    return {.next = Next::credentials,
            .error = answer(Code::denied, "the credentials have expired: renew them where they come from")};
  }
  if (among(unknown_keys, code)) {
    return {.next = Next::credentials,
            .error = answer(Code::denied,
                            "the store does not know this access key: check AWS_ACCESS_KEY_ID, AWS_PROFILE "
                            "and the session token")};
  }
  if (among(wrong_region, code)) {
    const std::string fix =
        refusal.region.empty()
            ? fmt::format("region '{}' is wrong for this bucket: add ?region=...", settings_.region)
            : fmt::format("the bucket is in region '{0}': use ?region={0}", refusal.region);
    return give_up(answer(Code::invalid_argument, fix));
  }
  if (among(full, code)) return give_up(answer(Code::no_space, "free some space or raise the quota"));
  if (code == "NoSuchBucket") {
    return give_up(
        answer(Code::denied, "create the bucket, or mend its name in the URI (and check path_style)"));
  }
  if (code == "RequestTimeTooSkewed") {
    if (!refusal.clock_ahead_s)
      return give_up(answer(Code::denied, "this machine's clock differs from the store's: set it (NTP)"));
    const std::int64_t ahead = *refusal.clock_ahead_s;
    return {
        .next = Next::clock,
        .error = answer(Code::denied, fmt::format("this machine's clock is {} s {} the store's: set it (NTP)",
                                                  std::abs(ahead), ahead > 0 ? "behind" : "ahead of")),
        .clock_ahead_s = ahead};
  }
  if (code == "SignatureDoesNotMatch") {
    return give_up(
        answer(Code::denied,
               "the secret key does not belong to the access key, or something on the way changes requests"));
  }
  if (code == "KMS.DisabledException" || code == "KMS.NotFoundException") {
    return give_up(answer(Code::denied, "check the KMS key (sse_kms_key) and the right to use it"));
  }
  if (code == "EntityTooLarge")
    return give_up(answer(Code::invalid_argument, "the store takes only smaller objects: lower batch_bytes"));
  return by_status(refusal, what);
}

Verdict Judge::by_status(const Refusal& refusal, std::string_view what) const {
  const int status = refusal.status;
  const auto answer = [&](Code kind, std::string_view fix) {
    return error(kind, what, refusal.happened, fix);
  };
  if (status == 429)
    return {.next = Next::throttled, .error = answer(Code::unavailable, "the store asks for fewer requests")};
  if (status == 503)
    return {.next = Next::throttled,
            .may_have_landed = true,
            .error = answer(Code::unavailable, "the store is overloaded or away")};
  if (status == 501) {
    return give_up(answer(Code::unsupported,
                          "the store lacks something that Varve needs: for PUT it is If-None-Match: * "
                          "(create if absent); see docs/stores.md"));
  }
  if (status == 507) return give_up(answer(Code::no_space, "free some space or raise the quota"));
  if (status >= 500)
    return {.next = Next::retry,
            .may_have_landed = true,
            .error = answer(Code::unavailable, "a fault of the store")};
  if (status == 408)
    return {.next = Next::retry,
            .error = answer(Code::unavailable, "the store waited too long for the request")};
  if (status == 409)
    return {.next = Next::retry,
            .error = answer(Code::unavailable, "another request on the same object was under way")};
  if (status == 401 || status == 403) {
    return give_up(answer(
        Code::denied, fmt::format("allow these credentials s3:GetObject, s3:PutObject and s3:DeleteObject on "
                                  "arn:aws:s3:::{0}/* and s3:ListBucket on arn:aws:s3:::{0}",
                                  settings_.bucket)));
  }
  if (status == 407)
    return give_up(answer(Code::denied, "the proxy wants a name and password: set them in https_proxy"));
  if (status >= 300 && status < 400) {
    const std::string fix =
        refusal.region.empty()
            ? "the bucket is elsewhere: mend endpoint or region"
            : fmt::format("the bucket is in region '{0}': use ?region={0}", refusal.region);
    return give_up(answer(Code::invalid_argument, fix));
  }
  // No S3 error in it: some machine between us and the store, which may come to its senses.
  if (refusal.code.empty()) return nonsense(what, refusal.happened);
  return give_up(answer(Code::unsupported,
                        "the store does not take this request: see docs/stores.md for what is known of it"));
}

Verdict Judge::refusal(const HttpAnswer& answer, std::string_view what, std::int64_t now_unix_s) const {
  const auto document = parse_error(answer.text());
  Refusal refusal{.status = answer.status,
                  .code = document ? document->code : "",
                  .happened = fmt::format("HTTP {}", answer.status)};
  if (document) {
    refusal.happened += fmt::format(" {}", document->code);
    if (!document->message.empty()) refusal.happened += fmt::format(" ({})", document->message);
  }
  refusal.region = !answer.region.empty() ? answer.region : document ? document->region : "";
  if (answer.date_unix_s) refusal.clock_ahead_s = *answer.date_unix_s - now_unix_s;

  Verdict verdict = by_code(refusal, what);
  // 5xx says nothing about the outcome, whatever its code: some servers answer it after storing.
  verdict.may_have_landed =
      verdict.may_have_landed || (answer.status >= 500 && answer.status != 501) || answer.sent_before;
  verdict.retry_after_s = answer.retry_after_s;
  return verdict;
}

Verdict Judge::put(const HttpAnswer& answer, std::string_view what, bool if_absent,
                   std::int64_t now_unix_s) const {
  if (answer.failure) return failure(answer, what);
  if (answer.status == 200 || answer.status == 201 || answer.status == 204) return {};
  if (answer.status == 412 && if_absent) {
    Verdict verdict = give_up(error(Code::already_exists, what, "the name is taken", "see who took it"));
    verdict.may_have_landed = answer.sent_before;
    return verdict;
  }
  if (answer.status < 300) return nonsense(what, fmt::format("HTTP {} to a PUT", answer.status));
  return refusal(answer, what, now_unix_s);
}

Verdict Judge::read(const HttpAnswer& answer, std::string_view what, std::int64_t now_unix_s) const {
  if (answer.failure) return failure(answer, what);
  if (answer.status == 200 || answer.status == 206) return {};
  if (answer.status < 300) return nonsense(what, fmt::format("HTTP {} to a GET", answer.status));
  if (answer.status == 404) {
    // Only the store itself may say that an object is missing: a gateway's own 404 page, taken for
    // it, would cut a log short.
    const auto document = parse_error(answer.text());
    if (document && document->code == "NoSuchKey") {
      return give_up(error(Code::not_found, what, "there is no such object", "check the log's name"));
    }
  }
  return refusal(answer, what, now_unix_s);
}

Verdict Judge::remove(const HttpAnswer& answer, std::string_view what, std::int64_t now_unix_s) const {
  if (answer.failure) return failure(answer, what);
  if (answer.status == 200 || answer.status == 204) return {};
  if (answer.status < 300) return nonsense(what, fmt::format("HTTP {} to a DELETE", answer.status));
  if (answer.status == 404) {
    const auto document = parse_error(answer.text());
    if (document && document->code == "NoSuchKey") return {};
  }
  return refusal(answer, what, now_unix_s);
}

Verdict Judge::key_error(std::string_view code, std::string_view message, std::string_view what) const {
  if (code == "NoSuchKey") return {};
  Refusal refusal{.status = 403,
                  .code = std::string(code),
                  .happened = fmt::format("{} ({})", code, message),
                  .region = {},
                  .clock_ahead_s = {}};
  return by_code(refusal, what);
}

}  // namespace varve::object_store::s3
