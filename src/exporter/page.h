// The web page's files, as they stand in web/, built into the library.
#pragma once

#include <optional>
#include <string_view>

namespace varve::exporter {

struct PageFile {
  std::string_view type;  ///< for `Content-Type`
  std::string_view text;
};

/// Nothing for a path that is none of them.
[[nodiscard]] std::optional<PageFile> page_file(std::string_view path);

}  // namespace varve::exporter
