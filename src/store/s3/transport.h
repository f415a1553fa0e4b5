// Many HTTP exchanges at once on kept-alive connections: libcurl's multi interface.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/s3/transfer.h"
#include "varve/result.h"

namespace varve::store::s3 {

/// Belongs to one thread, except `wake`. Transfers that are still under way when it goes are cut.
class Transport {
 public:
  using Id = std::uint64_t;
  using Ended = std::vector<std::pair<Id, HttpAnswer>>;

  /// `connections_max`: how many are kept open while idle.
  static Result<std::unique_ptr<Transport>> create(TransferLimits limits, std::uint32_t connections_max);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  void start(Id id, HttpRequest request, const std::vector<Header>& headers,
             std::chrono::milliseconds timeout);
  /// Cuts it at once: its connection is closed, its body is not read any more.
  void cancel(Id id);
  /// Moves bytes; waits up to `patience` if nothing ends at once. Returns what has ended.
  Ended poll(std::chrono::milliseconds patience);
  /// Ends a waiting `poll`, or the next one. From any thread.
  void wake() noexcept { curl_multi_wakeup(multi_.get()); }

 private:
  struct MultiCloser {
    void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
  };

  Transport(TransferLimits limits, std::unique_ptr<CURLM, MultiCloser> multi);
  void perform(Ended& ended);
  void retire(std::unordered_map<Id, std::unique_ptr<Transfer>>::iterator transfer);

  TransferLimits limits_;
  std::unique_ptr<CURLM, MultiCloser> multi_;
  std::unordered_map<Id, std::unique_ptr<Transfer>> transfers_;
  std::unordered_map<const Transfer*, Id> ids_;
  std::vector<EasyHandle> spare_;  // at most as many as were ever under way at once
};

}  // namespace varve::store::s3
