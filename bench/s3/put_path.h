// Two ways to create objects on S3, under the same load: Varve's store, and libcurl with nothing around it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "varve/store.h"

namespace varve::bench::s3 {

/// Objects to create, so many at once, for a while. Each key is `prefix` and a number from 0 on.
struct PutLoad {
  std::string prefix;
  Bytes body;
  std::uint32_t in_flight = 1;
  double seconds = 1;
  std::uint64_t puts_max = UINT64_MAX;
};

struct PutFigures {
  std::vector<double> latencies_ms;  ///< of each PUT, from handing it over to hearing of it
  double seconds = 0;                ///< from the first to the last

  [[nodiscard]] std::uint64_t puts() const { return latencies_ms.size(); }
};

/// One way to create objects. Its connections stay open from one load to the next.
class PutPath {
 public:
  PutPath() = default;
  PutPath(const PutPath&) = delete;
  PutPath& operator=(const PutPath&) = delete;
  virtual ~PutPath() = default;

  /// Starts no PUT once `load.seconds` are over, and waits for those under way.
  virtual Result<PutFigures> run(const PutLoad& load) = 0;
};

/// `Store::put_if_absent`, the next from within the answer to the last.
std::unique_ptr<PutPath> make_varve_path(Store& store);

/// Where the objects go, and whose they are.
struct Bucket {
  std::string endpoint;  ///< "http://127.0.0.1:8100"
  std::string name;
  std::string region;
  std::string access_key_id;
  std::string secret_access_key;
};

/// A loop over libcurl's multi interface, as short as it can be: the same signature and headers as
/// Varve's, and the first failure ends it.
Result<std::unique_ptr<PutPath>> make_curl_path(const Bucket& bucket);

}  // namespace varve::bench::s3
