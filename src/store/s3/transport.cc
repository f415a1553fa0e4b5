#include "store/s3/transport.h"

#include <new>

namespace varve::store::s3 {

Result<std::unique_ptr<Transport>> Transport::create(TransferLimits limits, std::uint32_t connections_max) {
  ensure_curl_is_initialised();
  std::unique_ptr<CURLM, MultiCloser> multi(curl_multi_init());
  if (!multi) return Error(Code::unavailable, "libcurl could not be set up (out of memory or descriptors)");
  curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections_max));
  curl_multi_setopt(multi.get(), CURLMOPT_PIPELINING, long{CURLPIPE_NOTHING});
  return std::unique_ptr<Transport>(new Transport(std::move(limits), std::move(multi)));
}

Transport::Transport(TransferLimits limits, std::unique_ptr<CURLM, MultiCloser> multi)
    : limits_(std::move(limits)), multi_(std::move(multi)) {}

Transport::~Transport() {
  while (!transfers_.empty()) retire(transfers_.begin());
}

void Transport::start(Id id, HttpRequest request, const std::vector<Header>& headers,
                      std::chrono::milliseconds timeout) {
  EasyHandle easy;
  if (spare_.empty()) {
    easy.reset(curl_easy_init());
    if (!easy) throw std::bad_alloc();
  } else {
    easy = std::move(spare_.back());
    spare_.pop_back();
  }
  auto transfer = std::make_unique<Transfer>(std::move(easy));
  transfer->prepare(limits_, std::move(request), headers, timeout);
  curl_multi_add_handle(multi_.get(), transfer->easy());
  ids_.emplace(transfer.get(), id);
  transfers_.emplace(id, std::move(transfer));
}

void Transport::cancel(Id id) {
  if (const auto found = transfers_.find(id); found != transfers_.end()) retire(found);
}

void Transport::retire(std::unordered_map<Id, std::unique_ptr<Transfer>>::iterator transfer) {
  curl_multi_remove_handle(multi_.get(), transfer->second->easy());
  ids_.erase(transfer->second.get());
  EasyHandle easy = transfer->second->release();
  // Drops what it points to in the transfer, which goes now.
  curl_easy_reset(easy.get());
  spare_.push_back(std::move(easy));
  transfers_.erase(transfer);
}

void Transport::perform(Ended& ended) {
  int running = 0;
  curl_multi_perform(multi_.get(), &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // the message dies with the handle's removal
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    const Id id = ids_.at(transfer);
    ended.emplace_back(id, transfer->answer(code));
    retire(transfers_.find(id));
  }
}

Transport::Ended Transport::poll(std::chrono::milliseconds patience) {
  Ended ended;
  perform(ended);
  if (!ended.empty()) return ended;
  curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(patience.count()), nullptr);
  perform(ended);
  return ended;
}

}  // namespace varve::store::s3
