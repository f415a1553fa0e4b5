#include "format/seal.h"

#include <fmt/format.h>

#include "format/crc.h"
#include "format/fields.h"

namespace varve::format {
namespace {

constexpr std::size_t longest_host = 255;

std::string_view stored_host(const SealBody& body) {
  return std::string_view(body.host).substr(0, longest_host);
}

std::size_t body_bytes(const SealBody& body) {
  return 8 + 1 + stored_host(body).size() + history_bytes(newest(body.history).size()) + crc32c_bytes;
}

// Of the whole object but its two checksums: a body cannot be another seal's. (With the header's own
// checksum inside, every sound header would leave the same remainder.)
std::uint32_t checksum_of(std::span<const std::byte> object) {
  const std::uint32_t of_header = crc32c(object.first(header_bytes - crc32c_bytes));
  return crc32c(object.subspan(header_bytes, object.size() - header_bytes - crc32c_bytes), of_header);
}

Error damaged_seal(const Header& header, std::string_view how) {
  return {Code::corruption, fmt::format("the seal at {} {}", header.seq, how)};
}

}  // namespace

Header seal_header(Header header, const SealBody& body) {
  header.body_end = header_bytes + body_bytes(body);
  header.object_bytes = header.body_end;
  return header;
}

std::vector<std::byte> encode_seal(Header header, const SealBody& body) {
  header = seal_header(header, body);
  const auto history = newest(body.history);
  VARVE_INVARIANT(header.kind == Kind::seal);
  VARVE_INVARIANT(broken_rule(history, header.window, header.seq).empty());
  VARVE_INVARIANT(!header.has(flag::ahead) || history.empty());

  std::vector<std::byte> object(header.object_bytes);
  encode_header(header, std::span(object).first<header_bytes>());
  FieldWriter fields{std::span(object).subspan(header_bytes)};
  const std::string_view host = stored_host(body);
  fields.field(body.pid);
  fields.field(static_cast<std::uint8_t>(host.size()));
  fields.bytes(std::as_bytes(std::span(host)));
  write_history(fields, history);
  fields.field(checksum_of(object));
  return object;
}

Result<SealBody> decode_seal(std::span<const std::byte> object, const Header& header) {
  VARVE_INVARIANT(header.kind == Kind::seal);
  if (object.size() != header.object_bytes) {
    return damaged_seal(
        header, fmt::format("is {} bytes long, its header says {}", object.size(), header.object_bytes));
  }
  if (object.size() < header_bytes + crc32c_bytes) return damaged_seal(header, "has no body");
  const auto stored = field_at<std::uint32_t>(object, object.size() - crc32c_bytes);
  if (stored != checksum_of(object)) return damaged_seal(header, "has a damaged body: wrong checksum");

  FieldReader fields(object.subspan(header_bytes, object.size() - header_bytes - crc32c_bytes));
  SealBody body;
  std::uint8_t host_bytes = 0;
  fields.field(body.pid);
  fields.field(host_bytes);
  const auto host = fields.take(host_bytes);
  body.host.assign(reinterpret_cast<const char*>(host.data()), host.size());
  body.history = read_history(fields);
  if (fields.ran_out() || fields.left() != 0) return damaged_seal(header, "has a body of the wrong length");
  if (const auto rule = broken_rule(body.history, header.window, header.seq); !rule.empty()) {
    return damaged_seal(header, fmt::format("has an impossible history: it breaks the rule that {}", rule));
  }
  if (header.has(flag::ahead) && !body.history.empty()) {
    return damaged_seal(header, "is ahead, and yet knows the epochs before it");
  }
  return body;
}

}  // namespace varve::format
