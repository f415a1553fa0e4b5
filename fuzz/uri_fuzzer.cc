// Any text as a store's URI, and as the values of its parameters: what is taken apart can be put together
// and taken apart again with the same result; numbers stay within what the header promises.
#include "object_store/uri.h"

#include <string>

#include "base/invariant.h"
#include "fuzz/input.h"
#include "object_store/latency_profile.h"
#include "object_store/s3/canonical.h"
#include "object_store/s3/settings.h"

namespace {

using namespace varve;
using object_store::Uri;

std::string text_of(const Uri& uri) {
  std::string text = uri.scheme + "://" + object_store::s3::encode_component(uri.authority) +
                     object_store::s3::encode_path(uri.path);
  char separator = '?';
  for (const auto& [name, value] : uri.params) {
    text += separator + object_store::s3::encode_component(name) + "=" +
            object_store::s3::encode_component(value);
    separator = '&';
  }
  return text;
}

void read_uri(std::string_view text) {
  const Result<Uri> uri = object_store::parse_uri(text);
  if (!uri) {
    VARVE_INVARIANT(uri.error().code() == Code::invalid_argument && !uri.error().message().empty());
    return;
  }
  VARVE_INVARIANT(uri->path.empty() || uri->path.front() == '/');
  const Result<Uri> again = object_store::parse_uri(text_of(*uri));
  VARVE_INVARIANT(again && again->scheme == uri->scheme && again->authority == uri->authority);
  VARVE_INVARIANT(again->path == uri->path && again->params == uri->params);

  if (const auto profile = object_store::parse_latency_profile(*uri)) {
    VARVE_INVARIANT(profile->stall_probability >= 0 && profile->stall_probability <= 1);
    if (profile->put)
      VARVE_INVARIANT(profile->put->p50.count() > 0 && profile->put->p50 <= profile->put->p999);
  }
  const auto nothing_set = [](const std::string& /*name*/) { return std::optional<std::string>(); };
  if (const auto settings = object_store::s3::settings_from(*uri, nothing_set)) {
    VARVE_INVARIANT(!settings->bucket.empty() && !settings->host().empty());
    VARVE_INVARIANT(settings->base_url().starts_with("http"));
  }
}

void read_values(std::string_view text) {
  if (const auto duration = object_store::parse_duration(text)) {
    VARVE_INVARIANT(duration->count() >= 0 && *duration <= std::chrono::hours(24));
  }
  if (const auto bytes = object_store::parse_bytes(text))
    VARVE_INVARIANT(*bytes <= 1'000'000'000'000'000'000);
  if (const auto part = object_store::parse_percentage(text)) VARVE_INVARIANT(*part >= 0 && *part <= 1);
  if (const auto count = object_store::parse_count(text)) {
    VARVE_INVARIANT(object_store::parse_count(std::to_string(*count)).value() == *count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::byte> input = fuzz::copy_of(fuzz::input_of(data, size));
  read_uri(fuzz::text_of(input));
  read_values(fuzz::text_of(input));
  return 0;
}
