// Any bytes as S3's XML answers: a listing that is accepted has only what was asked for, in order, and is
// the same when it is written and read again.
#include "object_store/s3/answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/invariant.h"
#include "fuzz/input.h"
#include "object_store/s3/canonical.h"

namespace {

using namespace varve;
using namespace varve::object_store::s3;

constexpr std::string_view prefix = "a/";
constexpr std::string_view after = "a/1";

std::string text_of(const ListPage& page) {
  std::string text =
      fmt::format("<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>",
                  page.listing.truncated);
  // Tokens come as they are, in characters that need no escape.
  text += fmt::format("<NextContinuationToken>{}</NextContinuationToken>", page.token.empty() ? "" : "t");
  for (const ListedObject& object : page.listing.objects) {
    text += fmt::format("<Contents><Key>{}</Key><Size>{}</Size></Contents>", encode_component(object.key),
                        object.bytes);
  }
  return text + "</ListBucketResult>";
}

bool same(const ListedObject& one, const ListedObject& other) {
  return one.key == other.key && one.bytes == other.bytes;
}

void read_listing(std::string_view xml) {
  const auto page = parse_listing(xml, prefix, after);
  if (!page) return;
  std::string_view last = after;
  for (const ListedObject& object : page->listing.objects) {
    VARVE_INVARIANT(object.key.starts_with(prefix) && object.key > last);
    last = object.key;
  }
  VARVE_INVARIANT(!page->listing.truncated || !page->listing.objects.empty() || !page->token.empty());
  const auto again = parse_listing(text_of(*page), prefix, after);
  VARVE_INVARIANT(again && again->listing.truncated == page->listing.truncated);
  VARVE_INVARIANT(std::ranges::equal(again->listing.objects, page->listing.objects, same));
}

/// What goes into messages is one line, and not endless.
void expect_clean(std::string_view text) {
  VARVE_INVARIANT(text.size() <= 300);
  VARVE_INVARIANT(std::ranges::none_of(text, [](char c) { return c == 0x7f || (c >= 0 && c < 0x20); }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::byte> input = fuzz::copy_of(fuzz::input_of(data, size));
  const std::string_view xml = fuzz::text_of(input);
  read_listing(xml);
  if (const auto error = parse_error(xml)) {
    expect_clean(error->code);
    expect_clean(error->message);
    expect_clean(error->region);
  }
  if (const auto failed = parse_delete_result(xml)) {
    for (const KeyError& each : *failed) expect_clean(each.message);
  }
  return 0;
}
