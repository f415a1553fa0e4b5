// One small HTTP request that blocks: for the services that hand out credentials.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "object_store/s3/credentials/credentials.h"
#include "object_store/s3/http.h"
#include "varve/result.h"

namespace varve::object_store::s3 {

struct FetchRequest {
  Method method = Method::get;
  std::string url = {};
  std::vector<Header> headers = {};
  Secret body = {};
  std::chrono::milliseconds timeout{5'000};
  bool link_local = false;  ///< a service of this machine: never through a proxy
};

struct FetchAnswer {
  int status = 0;
  Secret body;
};

/// Errors: `unavailable`, if no whole answer came.
using Fetch = std::function<Result<FetchAnswer>(const FetchRequest& request)>;

/// By libcurl. Ends soon after `stop` becomes true.
Fetch fetch_with_curl(const std::atomic<bool>& stop, std::string ca_file);

}  // namespace varve::object_store::s3
