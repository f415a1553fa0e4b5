#include "object_store/s3/curl_handle.h"

#include <mutex>
#include <new>

namespace varve::object_store::s3 {

void ensure_curl_is_initialised() {
  static std::once_flag once;
  // Never cleaned up: the application may use libcurl itself, after us.
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

void HeaderLines::add(const std::string& line) {
  curl_slist* longer = curl_slist_append(lines_.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(lines_.release());
  lines_.reset(longer);
}

}  // namespace varve::object_store::s3
