// Names spelled as Signature Version 4 wants them: what is signed and what is sent must be the same
// bytes, so everything is encoded once, here, before either happens.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace varve::object_store::s3 {

/// Percent-encodes every byte but `A-Za-z0-9-_.~`, with upper-case digits.
std::string encode_component(std::string_view text);

/// As `encode_component`, but leaves '/' alone: a key as a path.
std::string encode_path(std::string_view key);

using Parameter = std::pair<std::string, std::string>;

/// "a=1&b=": encoded, then sorted by encoded name; one without a value keeps its '='.
std::string encode_query(const std::vector<Parameter>& parameters);

/// Undoes the encoding of `encoding-type=url` answers, where '+' may stand for a space. Nothing if
/// an escape is broken.
std::optional<std::string> decode_component(std::string_view text);

}  // namespace varve::object_store::s3
