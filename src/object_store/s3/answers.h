// Reading S3's XML answers. Whatever does not make sense is refused: a garbled listing taken for a
// short one would look like lost objects.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/store.h"

namespace varve::object_store::s3 {

/// The body of a failed request: <Error>.
struct ErrorDocument {
  std::string code;     ///< "NoSuchKey"
  std::string message;  ///< the server's words, cleaned for a line of text
  std::string region;   ///< where the bucket is, if the error says so
};

/// Nothing if `xml` is not an S3 error.
std::optional<ErrorDocument> parse_error(std::string_view xml);

struct ListPage {
  Listing listing;
  std::string token;  ///< for the next page, if truncated
};

/// A ListObjectsV2 answer to a question for `prefix` and `after`. Nothing if it is not one, is
/// out of order, or has keys that were not asked for.
std::optional<ListPage> parse_listing(std::string_view xml, std::string_view prefix, std::string_view after);

struct KeyError {
  std::string key;
  std::string code;
  std::string message;
};

/// The per-key errors of a DeleteObjects answer. Nothing if it is not one.
std::optional<std::vector<KeyError>> parse_delete_result(std::string_view xml);

}  // namespace varve::object_store::s3
