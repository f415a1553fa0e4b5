#include "object_store/s3/credentials/credentials.h"

#include <cstring>

namespace varve::object_store::s3 {

void Secret::wipe() noexcept {
  // The whole capacity: the small-string buffer and shorter later values included.
  if (text_.capacity() == 0) return;
  text_.resize(text_.capacity());
  explicit_bzero(text_.data(), text_.size());
  text_.clear();
}

}  // namespace varve::object_store::s3
