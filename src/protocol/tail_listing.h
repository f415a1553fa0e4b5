// Lists the objects at the end of a log, however long it is: from a hint on where there is one,
// else by doubling steps and halving (names sort by seq, so "anything from here on?" is one LIST).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/request.h"

namespace varve::protocol {

class TailListing {
 public:
  /// `hint`: a seq thought to be near the end and on the chain; 0 for none.
  explicit TailListing(Seq hint) : from_(hint) {}

  Request first();
  /// The reply's consequence: the next request; nothing when done (then see `error`, `objects`).
  std::optional<Request> next(const Reply& reply);

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  /// Every object from `covered_from` on, ascending: at the least the last 2 x the largest window
  /// before the newest, or all there are.
  [[nodiscard]] const std::vector<ListedSeq>& objects() const { return objects_; }
  [[nodiscard]] Seq covered_from() const { return from_; }

 private:
  enum class Stage : std::uint8_t { first_page, doubling, halving, last_pages };

  std::optional<Request> list_last_pages();
  Request probe(Seq from) const { return Request::make(Request::Kind::list, from, 1); }

  Stage stage_ = Stage::first_page;
  Seq from_;
  Seq low_ = 0;   // an object is at or above this
  Seq high_ = 0;  // none is at or above this
  Seq step_ = page_limit;
  std::uint32_t pages_ = 0;
  std::vector<ListedSeq> objects_;
  std::optional<Error> error_;
};

}  // namespace varve::protocol
