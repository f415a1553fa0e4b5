#include "object_store/s3/credentials/sources.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <utility>

#include "object_store/s3/credentials/shared_files.h"
#include "object_store/s3/credentials/web_identity.h"

namespace varve::object_store::s3 {
namespace {

std::string value_or_empty(const Profile& profile, const char* name) {
  const auto found = profile.find(name);
  return found == profile.end() ? std::string() : found->second;
}

Error unsupported_profile(const std::string& name, const char* setting) {
  return Error(Code::denied,
               fmt::format("profile '{0}' uses {1}, which Varve does not speak: run `eval \"$(aws configure "
                           "export-credentials --profile {0} --format env)\"` first",
                           name, setting));
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text) {
  std::tm parts{};
  if (strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

Found from_environment(const SourceContext& context) {
  const auto id = context.environment("AWS_ACCESS_KEY_ID");
  const auto secret = context.environment("AWS_SECRET_ACCESS_KEY");
  if (!id && !secret) return std::optional<Credentials>();
  if (!id || !secret) {
    return Error(Code::denied, fmt::format("{} is set but {} is not: set both or neither",
                                           id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                                           id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID"));
  }
  return std::optional(
      Credentials{.access_key_id = *id,
                  .secret_access_key = Secret(*secret),
                  .session_token = Secret(context.environment("AWS_SESSION_TOKEN").value_or("")),
                  .source = "environment"});
}

Found from_profile(const SourceContext& context) {
  const std::string name = profile_name(context.profile, context.environment);
  const auto profile = load_profile(name, context.environment);
  if (!profile) {
    if (name == "default") return std::optional<Credentials>();
    return Error(Code::denied, fmt::format("there is no profile '{}' in ~/.aws/credentials or ~/.aws/config "
                                           "(AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE)",
                                           name));
  }
  const std::string role = value_or_empty(*profile, "role_arn");
  const std::string token_file = value_or_empty(*profile, "web_identity_token_file");
  if (!role.empty() && !token_file.empty()) {
    return assume_with_web_identity(context, {.token_file = token_file,
                                              .role_arn = role,
                                              .session_name = value_or_empty(*profile, "role_session_name")});
  }
  if (!role.empty()) return unsupported_profile(name, "role_arn with a source profile");
  const std::string id = value_or_empty(*profile, "aws_access_key_id");
  const std::string secret = value_or_empty(*profile, "aws_secret_access_key");
  if (!id.empty() && !secret.empty()) {
    return std::optional(Credentials{.access_key_id = id,
                                     .secret_access_key = Secret(secret),
                                     .session_token = Secret(value_or_empty(*profile, "aws_session_token")),
                                     .source = fmt::format("profile '{}'", name)});
  }
  if (!id.empty() || !secret.empty()) {
    return Error(
        Code::denied,
        fmt::format("profile '{}' has only one of aws_access_key_id and aws_secret_access_key", name));
  }
  if (profile->contains("credential_process")) return unsupported_profile(name, "credential_process");
  if (profile->contains("sso_session") || profile->contains("sso_start_url"))
    return unsupported_profile(name, "SSO");
  return std::optional<Credentials>();
}

Found from_web_identity(const SourceContext& context) {
  const auto token_file = context.environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  const auto role = context.environment("AWS_ROLE_ARN");
  if (!token_file || !role) return std::optional<Credentials>();
  return assume_with_web_identity(
      context, {.token_file = *token_file,
                .role_arn = *role,
                .session_name = context.environment("AWS_ROLE_SESSION_NAME").value_or("")});
}

Result<Credentials> find_credentials(const SourceContext& context) {
  constexpr std::array sources = {from_environment, from_profile, from_web_identity, from_container,
                                  from_instance};
  for (const auto source : sources) {
    auto found = source(context);
    if (!found) return found.error();
    if (*found) return **std::move(found);
  }
  return Error(
      Code::denied,
      fmt::format(
          "no credentials found; looked in the environment (AWS_ACCESS_KEY_ID), profile '{}' of ~/.aws, "
          "web identity (AWS_WEB_IDENTITY_TOKEN_FILE), container (AWS_CONTAINER_CREDENTIALS_*) and "
          "instance metadata: set one of them up, or give anonymous=true",
          profile_name(context.profile, context.environment)));
}

}  // namespace varve::object_store::s3
