// Owning handles of libcurl, and its set-up and tear-down.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

namespace varve::object_store::s3 {

/// Initialises libcurl once for the process; safe from any thread.
void ensure_curl_is_initialised();

struct EasyCloser {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
using EasyHandle = std::unique_ptr<CURL, EasyCloser>;

/// A list of header lines.
class HeaderLines {
 public:
  void add(const std::string& line);
  [[nodiscard]] curl_slist* get() const noexcept { return lines_.get(); }

 private:
  struct Freer {
    void operator()(curl_slist* lines) const noexcept { curl_slist_free_all(lines); }
  };
  std::unique_ptr<curl_slist, Freer> lines_;
};

}  // namespace varve::object_store::s3
