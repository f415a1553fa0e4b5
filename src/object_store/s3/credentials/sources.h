// Where AWS credentials come from, one function for each place, and the order to ask them in.
#pragma once

#include <optional>
#include <string>

#include "object_store/s3/credentials/credentials.h"
#include "object_store/s3/credentials/fetch.h"
#include "object_store/s3/settings.h"

namespace varve::object_store::s3 {

struct SourceContext {
  Environment environment;
  Fetch fetch;
  std::string profile;  ///< wanted by the URI; empty: AWS_PROFILE or "default"
  std::string region;   ///< for the token service's address
};

/// Credentials; nothing if this source is not set up here; an error if it is, but fails. Messages
/// never contain keys or tokens.
using Found = Result<std::optional<Credentials>>;

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
Found from_environment(const SourceContext& context);
/// A profile's keys, or its web identity.
Found from_profile(const SourceContext& context);
/// AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN: Kubernetes service accounts.
/// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
Found from_web_identity(const SourceContext& context);
/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI: ECS and EKS pod identity.
/// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
Found from_container(const SourceContext& context);
/// The instance metadata service, version 2 only.
/// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
Found from_instance(const SourceContext& context);

/// The first of these that has some, in that order. `denied` if none has.
Result<Credentials> find_credentials(const SourceContext& context);

/// Seconds since 1970 of "2024-05-01T12:00:00Z" (a fraction is ignored). Nothing if it is not one.
std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text);

}  // namespace varve::object_store::s3
