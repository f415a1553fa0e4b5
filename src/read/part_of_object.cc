#include "read/part_of_object.h"

#include <fmt/format.h>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "log/request.h"

namespace varve::read {

namespace {

struct PartAndFront {
  Bytes part;
  Bytes front;
};

/// Two answers that are waited for as one.
class BothAnswers {
 public:
  explicit BothAnswers(Store::Done<PartAndFront> done) : done_(std::move(done)) {}

  void on_part(const Result<Bytes>& answer) { take(part_, answer); }
  void on_front(const Result<Bytes>& answer) { take(front_, answer); }

 private:
  void take(std::optional<Result<Bytes>>& place, const Result<Bytes>& answer) {
    {
      const std::lock_guard lock(mutex_);
      place = answer;
      if (!part_ || !front_) return;
    }
    if (!*part_) return done_(part_->error());
    if (!*front_) return done_(front_->error());
    done_(PartAndFront{.part = **part_, .front = **front_});
  }

  std::mutex mutex_;
  Store::Done<PartAndFront> done_;
  std::optional<Result<Bytes>> part_;
  std::optional<Result<Bytes>> front_;
};

}  // namespace

Result<void> expect_header(const Bytes& front, const format::Header& header) {
  const Result<format::Header> there = format::decode_header(front.data);
  if (!there) return there.error();
  if (*there == header) return {};
  return Error(Code::corruption, fmt::format("object {} is not the one that belongs there", header.seq));
}

Result<Bytes> part_of_object(const log::LogStore& log_store, const format::Header& header,
                             std::uint64_t begin, std::uint64_t end, log::Deadline deadline) {
  const auto send = [&](Store::Done<PartAndFront> done) {
    const auto both = std::make_shared<BothAnswers>(std::move(done));
    log_store.get_part(header.seq, {.offset = begin, .length = end - begin},
                       [both](const Result<Bytes>& part) { both->on_part(part); });
    log_store.get_part(header.seq, {.offset = 0, .length = format::header_bytes},
                       [both](const Result<Bytes>& front) { both->on_front(front); });
  };
  Result<PartAndFront> got = log::ask<PartAndFront>(send, deadline);
  if (!got) return got.error();
  if (const Result<void> same = expect_header(got->front, header); !same) return same.error();
  return std::move(got->part);
}

}  // namespace varve::read
