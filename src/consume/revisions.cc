#include "consume/revisions.h"

#include "format/key.h"

namespace varve::consume {

void take(Revisions& revisions, const Listing& page, std::string_view log_path) {
  for (const ListedObject& object : page.objects) {
    if (auto key = format::parse_cursor_key(log_path, object.key)) {
      revisions[std::move(key->name)].push_back(key->revision);
    }
  }
}

}  // namespace varve::consume
