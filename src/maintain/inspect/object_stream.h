// All objects of a log in the order of their seqs, a few of them fetched ahead.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "log/log_store.h"
#include "object_store/blocking.h"

namespace varve::maintain {

/// Object `seq`, asked for until it is known. Errors: `not_found`, or what kept it from being known.
Result<Bytes> fetch(const log::LogStore& log_store, Seq seq);

class ObjectStream {
 public:
  /// Up to `last` and no further, however fast the log grows. Below `bodies_from`, objects larger
  /// than any seal come as their headers alone.
  ObjectStream(const log::LogStore& log_store, Seq last, Seq bodies_from)
      : log_store_(log_store), last_(last), bodies_from_(bodies_from) {}

  struct Item {
    protocol::ListedSeq listed;
    Result<Bytes> object;  ///< `not_found`: it has gone since it was listed
  };
  /// Nothing after the last. Errors: the store's.
  Result<std::optional<Item>> next();

 private:
  struct Pending {
    protocol::ListedSeq listed;
    object_store::Answer<Bytes> answer;
  };

  Result<void> list_more();
  void ask_ahead();

  const log::LogStore& log_store_;
  Seq last_;
  Seq bodies_from_;
  Seq list_from_ = 0;
  bool all_listed_ = false;
  std::deque<protocol::ListedSeq> listed_;
  std::deque<Pending> pending_;
  std::uint64_t pending_bytes_ = 0;
};

}  // namespace varve::maintain
