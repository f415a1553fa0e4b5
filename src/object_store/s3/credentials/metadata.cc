// Services beside the machine that hand out keys as JSON: container endpoints and instance metadata.
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "object_store/s3/credentials/sources.h"

namespace varve::object_store::s3 {
namespace {

Found credentials_in(const FetchAnswer& answer, const char* source) {
  const std::string_view text = answer.body.reveal();
  const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  const auto field = [&](const char* name) -> std::string_view {
    if (!json.is_object()) return {};
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? std::string_view(found->get_ref<const std::string&>())
                                                     : std::string_view();
  };
  Credentials found{.access_key_id = std::string(field("AccessKeyId")),
                    .secret_access_key = Secret(field("SecretAccessKey")),
                    .session_token = Secret(field("Token")),
                    .expires = parse_utc(std::string(field("Expiration"))),
                    .source = source};
  if (found.access_key_id.empty() || found.secret_access_key.empty()) {
    return Error(Code::unavailable, fmt::format("{}: the answer holds no credentials", source));
  }
  return std::optional(std::move(found));
}

Error refused(const char* source, int status, const char* fix) {
  const Code code = status >= 500 || status == 429 ? Code::unavailable : Code::denied;
  return Error(code, fmt::format("{}: HTTP {}; {}", source, status, fix));
}

/// The token goes out with the request: only to this machine's own services, or under TLS.
bool may_have_the_token(std::string_view url) {
  if (url.starts_with("https://")) return true;
  if (!url.starts_with("http://")) return false;
  std::string_view host = url.substr(7, url.find('/', 7) - 7);
  if (host.find('@') != std::string_view::npos) return false;
  if (host.starts_with('[')) {
    host = host.substr(0, host.find(']') + 1);
    return host == "[::1]" || host == "[fd00:ec2::23]";
  }
  host = host.substr(0, host.find(':'));
  return host == "localhost" || host == "127.0.0.1" || host == "169.254.170.2" || host == "169.254.170.23";
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

Found from_container(const SourceContext& context) {
  constexpr const char* source = "container credentials";
  const auto relative = context.environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const auto full = context.environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative && !full) return std::optional<Credentials>();
  FetchRequest request{.url = relative ? "http://169.254.170.2" + *relative : *full, .link_local = true};
  if (!may_have_the_token(request.url)) {
    return Error(Code::denied,
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https or an address of this machine");
  }
  std::string token;
  if (const auto file = context.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    token = first_line(*file);
  } else {
    token = context.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
  }
  if (!token.empty()) request.headers.push_back({"authorization", token});
  const auto answer = context.fetch(request);
  if (!answer) return answer.error().with_context(source);
  if (answer->status != 200) return refused(source, answer->status, "check the task's role");
  return credentials_in(*answer, source);
}

Found from_instance(const SourceContext& context) {
  constexpr const char* source = "instance metadata";
  if (context.environment("AWS_EC2_METADATA_DISABLED").value_or("") == "true")
    return std::optional<Credentials>();
  std::string endpoint =
      context.environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254");
  if (endpoint.ends_with('/')) endpoint.pop_back();

  constexpr std::chrono::milliseconds timeout{1'000};
  const auto token = context.fetch({.method = Method::put,
                                    .url = endpoint + "/latest/api/token",
                                    .headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}},

                                    .timeout = timeout,
                                    .link_local = true});
  if (!token) return std::optional<Credentials>();  // nobody there: not on such a machine
  if (token->status != 200) return refused(source, token->status, "no session token was given (IMDSv2)");

  const auto ask = [&](const std::string& path) {
    return context.fetch({.url = endpoint + "/latest/meta-data/iam/security-credentials/" + path,
                          .headers = {{"x-aws-ec2-metadata-token", std::string(token->body.reveal())}},

                          .timeout = timeout,
                          .link_local = true});
  };
  const auto role = ask("");
  if (!role) return role.error().with_context(source);
  if (role->status != 200) return refused(source, role->status, "attach a role to the instance");
  const std::string_view names = role->body.reveal();
  const auto answer = ask(std::string(names.substr(0, names.find('\n'))));
  if (!answer) return answer.error().with_context(source);
  if (answer->status != 200) return refused(source, answer->status, "check the instance's role");
  return credentials_in(*answer, source);
}

}  // namespace varve::object_store::s3
