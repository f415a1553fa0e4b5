#include "object_store/s3/credentials/web_identity.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <pugixml.hpp>

#include "object_store/s3/canonical.h"

namespace varve::object_store::s3 {
namespace {

Found credentials_in(const FetchAnswer& answer) {
  pugi::xml_document document;
  const std::string_view text = answer.body.reveal();
  document.load_buffer(text.data(), text.size());
  if (answer.status != 200) {
    const pugi::xml_node error = document.child("ErrorResponse").child("Error");
    const Code code = answer.status >= 500 || answer.status == 429 ? Code::unavailable : Code::denied;
    return Error(
        code,
        fmt::format(
            "the token service refused the web identity: HTTP {} {} ({}); check the role's trust policy",
            answer.status, error.child_value("Code"), error.child_value("Message")));
  }
  const pugi::xml_node keys = document.child("AssumeRoleWithWebIdentityResponse")
                                  .child("AssumeRoleWithWebIdentityResult")
                                  .child("Credentials");
  Credentials found{.access_key_id = keys.child_value("AccessKeyId"),
                    .secret_access_key = Secret(keys.child_value("SecretAccessKey")),
                    .session_token = Secret(keys.child_value("SessionToken")),
                    .expires = parse_utc(keys.child_value("Expiration")),
                    .source = "web identity"};
  if (found.access_key_id.empty() || found.secret_access_key.empty()) {
    return Error(Code::unavailable, "the token service's answer holds no credentials");
  }
  return std::optional(std::move(found));
}

}  // namespace

Found assume_with_web_identity(const SourceContext& context, const WebIdentity& identity) {
  std::ifstream file(identity.token_file, std::ios::binary);
  const Secret token(std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  if (!file || token.empty()) {
    return Error(Code::denied,
                 fmt::format("cannot read the web identity token from {}", identity.token_file));
  }
  const std::string region = context.region.empty() ? "us-east-1" : context.region;
  const std::string endpoint = context.environment("AWS_ENDPOINT_URL_STS")
                                   .value_or(fmt::format("https://sts.{}.amazonaws.com{}", region,
                                                         region.starts_with("cn-") ? ".cn" : ""));
  FetchRequest request{
      .method = Method::post,
      .url = endpoint + "/",
      .headers = {{"content-type", "application/x-www-form-urlencoded"}},
      .body = Secret(
          encode_query({{"Action", "AssumeRoleWithWebIdentity"},
                        {"Version", "2011-06-15"},
                        {"RoleArn", identity.role_arn},
                        {"RoleSessionName", identity.session_name.empty() ? "varve" : identity.session_name},
                        {"WebIdentityToken", std::string(token.reveal())}}))};
  const auto answer = context.fetch(request);
  if (!answer) return answer.error().with_context("web identity");
  return credentials_in(*answer);
}

}  // namespace varve::object_store::s3
