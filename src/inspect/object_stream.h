// All objects of a log in the order of their seqs, a few of them fetched ahead.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "courier/courier.h"
#include "store/blocking.h"

namespace varve::inspect_log {

/// Object `seq`, asked for until it is known. Errors: `not_found`, or what kept it from being known.
Result<Bytes> fetch(const courier::Courier& courier, Seq seq);

class ObjectStream {
 public:
  /// Up to `last` and no further, however fast the log grows. Below `bodies_from`, objects larger
  /// than any seal come as their headers alone.
  ObjectStream(const courier::Courier& courier, Seq last, Seq bodies_from)
      : courier_(courier), last_(last), bodies_from_(bodies_from) {}

  struct Item {
    chain::ListedSeq listed;
    Result<Bytes> object;  ///< `not_found`: it has gone since it was listed
  };
  /// Nothing after the last. Errors: the store's.
  Result<std::optional<Item>> next();

 private:
  struct Pending {
    chain::ListedSeq listed;
    store::Answer<Bytes> answer;
  };

  Result<void> list_more();
  void ask_ahead();

  const courier::Courier& courier_;
  Seq last_;
  Seq bodies_from_;
  Seq list_from_ = 0;
  bool all_listed_ = false;
  std::deque<chain::ListedSeq> listed_;
  std::deque<Pending> pending_;
  std::uint64_t pending_bytes_ = 0;
};

}  // namespace varve::inspect_log
