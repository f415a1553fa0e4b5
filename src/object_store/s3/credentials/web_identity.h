// Credentials for a token that somebody vouches for: STS AssumeRoleWithWebIdentity.
#pragma once

#include <string>

#include "object_store/s3/credentials/sources.h"

namespace varve::object_store::s3 {

struct WebIdentity {
  std::string token_file;
  std::string role_arn;
  std::string session_name;  ///< empty: "varve"
};

/// At the token service of the context's region, or at AWS_ENDPOINT_URL_STS. Reads the token anew
/// each time, because it is replaced from time to time.
Found assume_with_web_identity(const SourceContext& context, const WebIdentity& identity);

}  // namespace varve::object_store::s3
