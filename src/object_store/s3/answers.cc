#include "object_store/s3/answers.h"

#include <charconv>
#include <pugixml.hpp>

#include "object_store/s3/canonical.h"
#include "object_store/s3/http.h"

namespace varve::object_store::s3 {
namespace {

/// Safe to put into a message: printable, and not endless.
std::string cleaned(std::string_view text) {
  constexpr std::size_t longest = 300;
  std::string out(text.substr(0, longest));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

/// The document's root if it has this name.
pugi::xml_node load(pugi::xml_document& document, std::string_view xml, const char* root) {
  // pugixml expands no external entities.
  if (!document.load_buffer(xml.data(), xml.size())) return {};
  return document.child(root);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ListedObject> listed(pugi::xml_node entry, bool url_encoded) {
  const char* text = entry.child_value("Key");
  auto key = url_encoded ? decode_component(text) : std::optional<std::string>(text);
  const auto bytes = number(entry.child_value("Size"));
  if (!key || key->empty() || !bytes) return std::nullopt;
  ListedObject object{.key = *std::move(key), .bytes = *bytes};
  if (const auto stored_s = parse_iso_date(entry.child_value("LastModified"))) {
    object.stored_unix_ms = *stored_s * 1000;
  }
  return object;
}

}  // namespace

std::optional<ErrorDocument> parse_error(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_node root = load(document, xml, "Error");
  const std::string_view code = root.child_value("Code");
  if (code.empty()) return std::nullopt;
  return ErrorDocument{.code = cleaned(code),
                       .message = cleaned(root.child_value("Message")),
                       .region = cleaned(root.child_value("Region"))};
}

std::optional<ListPage> parse_listing(std::string_view xml, std::string_view prefix, std::string_view after) {
  pugi::xml_document document;
  const pugi::xml_node root = load(document, xml, "ListBucketResult");
  const std::string_view truncated = root.child_value("IsTruncated");
  if (truncated != "true" && truncated != "false") return std::nullopt;
  const bool url_encoded = std::string_view(root.child_value("EncodingType")) == "url";

  ListPage page;
  page.listing.truncated = truncated == "true";
  page.token = root.child_value("NextContinuationToken");
  for (const pugi::xml_node entry : root.children("Contents")) {
    auto object = listed(entry, url_encoded);
    const std::string_view last = page.listing.objects.empty() ? after : page.listing.objects.back().key;
    if (!object || !object->key.starts_with(prefix) || object->key <= last) return std::nullopt;
    page.listing.objects.push_back(*std::move(object));
  }
  // Nothing here and nowhere to go on would end the listing in silence.
  if (page.listing.truncated && page.listing.objects.empty() && page.token.empty()) return std::nullopt;
  return page;
}

std::optional<std::vector<KeyError>> parse_delete_result(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_node root = load(document, xml, "DeleteResult");
  if (!root) return std::nullopt;
  std::vector<KeyError> errors;
  for (const pugi::xml_node entry : root.children("Error")) {
    errors.push_back({.key = entry.child_value("Key"),
                      .code = cleaned(entry.child_value("Code")),
                      .message = cleaned(entry.child_value("Message"))});
  }
  return errors;
}

}  // namespace varve::object_store::s3
