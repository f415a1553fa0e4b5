#include "object_store/s3/operation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "object_store/s3/answers.h"

namespace varve::object_store::s3 {
namespace {

class Put final : public Operation {
 public:
  Put(const Dialect& dialect, std::string key, Bytes body, bool if_absent, Store::Done<void> done)
      : dialect_(dialect),
        key_(std::move(key)),
        bytes_(body.data.size()),
        request_(dialect.requests.put(key_, std::move(body), if_absent)),
        if_absent_(if_absent),
        done_(std::move(done)) {}

  HttpRequest request() const override { return request_; }
  Verdict judge(HttpAnswer&& answer, std::int64_t now_unix_s) override {
    return dialect_.judge.put(answer, describe(), if_absent_, now_unix_s);
  }
  void succeed() override { end({}); }
  void fail(const Error& error) override { end(error); }
  std::string describe() const override { return fmt::format("PUT '{}'", key_); }
  RequestKind kind() const override { return if_absent_ ? RequestKind::put_if_absent : RequestKind::put; }
  bool writes() const override { return true; }
  // A late duplicate of a replacing PUT could undo the next one.
  std::optional<Hedging::Kind> hedged_as() const override {
    return if_absent_ ? std::optional(Hedging::Kind::put) : std::nullopt;
  }
  std::uint64_t bytes() const override { return bytes_; }

 private:
  void end(Result<void> result) {
    request_.body = {};  // `done` may reuse the memory
    done_(std::move(result));
  }

  const Dialect& dialect_;
  std::string key_;
  std::uint64_t bytes_;
  HttpRequest request_;
  bool if_absent_;
  Store::Done<void> done_;
};

class Get final : public Operation {
 public:
  Get(const Dialect& dialect, std::string key, ByteRange range, Store::Done<Bytes> done)
      : dialect_(dialect),
        key_(std::move(key)),
        // Beyond any object there can be, and within what servers can parse.
        range_{.offset = std::min(range.offset, std::uint64_t{1} << 62), .length = range.length},
        done_(std::move(done)) {}

  HttpRequest request() const override { return dialect_.requests.get(key_, range_); }
  Verdict judge(HttpAnswer&& answer, std::int64_t now_unix_s) override;
  void succeed() override { done_(std::move(body_)); }
  void fail(const Error& error) override { done_(error); }
  std::string describe() const override { return fmt::format("GET '{}'", key_); }
  RequestKind kind() const override { return RequestKind::get; }
  std::optional<Hedging::Kind> hedged_as() const override { return Hedging::Kind::get; }
  // Unbounded reads are of unknown size: a full batch, probably.
  std::uint64_t bytes() const override {
    constexpr std::uint64_t unknown = std::uint64_t{8} << 20;
    if (range_.length == UINT64_MAX) return unknown;
    return std::min(range_.length, object_bytes_max);
  }

 private:
  const Dialect& dialect_;
  std::string key_;
  ByteRange range_;
  Bytes body_;
  Store::Done<Bytes> done_;
};

Verdict Get::judge(HttpAnswer&& answer, std::int64_t now_unix_s) {
  if (!answer.failure && answer.status == 416) {  // begins at or past the end
    body_ = {};
    return {};
  }
  Verdict verdict = dialect_.judge.read(answer, describe(), now_unix_s);
  if (verdict.next != Next::done) return verdict;
  std::uint64_t skip = 0;
  if (answer.status == 200) {
    skip = range_.offset;  // the whole object: the server does not know ranges, or none was asked for
  } else if (!answer.content_range || answer.content_range->begin != range_.offset) {
    return dialect_.judge.nonsense(describe(), "the answer holds another range than was asked for");
  } else if (answer.content_range->last - range_.offset + 1 != answer.body.data.size()) {
    // Taken for the whole, a cut header would look like a damaged log.
    return dialect_.judge.nonsense(describe(), "the answer holds more or less than it says");
  }
  body_ = std::move(answer.body);
  const auto begin = std::min<std::uint64_t>(skip, body_.data.size());
  body_.data = body_.data.subspan(begin);
  body_.data = body_.data.first(std::min<std::uint64_t>(range_.length, body_.data.size()));
  return verdict;
}

class List final : public Operation {
 public:
  List(const Dialect& dialect, std::string prefix, std::string after, std::uint32_t limit,
       Store::Done<Listing> done)
      : dialect_(dialect),
        prefix_(std::move(prefix)),
        after_(std::move(after)),
        limit_(std::clamp<std::uint32_t>(limit, 1, 1000)),
        done_(std::move(done)) {}

  HttpRequest request() const override { return dialect_.requests.list(prefix_, after_, limit_, token_); }
  Verdict judge(HttpAnswer&& answer, std::int64_t now_unix_s) override;
  void succeed() override { done_(std::move(listing_)); }
  void fail(const Error& error) override { done_(error); }
  std::string describe() const override { return fmt::format("LIST '{}'", prefix_); }
  RequestKind kind() const override { return RequestKind::list; }

 private:
  const Dialect& dialect_;
  std::string prefix_;
  std::string after_;
  std::uint32_t limit_;
  std::string token_;
  std::uint32_t empty_pages_ = 0;
  Listing listing_;
  Store::Done<Listing> done_;
};

Verdict List::judge(HttpAnswer&& answer, std::int64_t now_unix_s) {
  constexpr std::uint32_t empty_pages_max = 1000;
  Verdict verdict = dialect_.judge.read(answer, describe(), now_unix_s);
  if (verdict.next != Next::done) return verdict;
  auto page = parse_listing(answer.text(), prefix_, after_);
  if (!page || page->listing.objects.size() > limit_) {
    return dialect_.judge.nonsense(describe(),
                                   "the listing is garbled, out of order, or not of what was asked for");
  }
  if (page->listing.truncated && page->listing.objects.empty()) {  // legal: the page held only deleted names
    if (++empty_pages_ > empty_pages_max)
      return dialect_.judge.nonsense(describe(), "the listing has no end");
    token_ = std::move(page->token);
    return {.next = Next::more};
  }
  listing_ = std::move(page->listing);
  return verdict;
}

/// Deletes in one request what can be, and again only what failed; one by one the keys that XML
/// cannot carry, and all where the server has no multi-delete.
class Remove final : public Operation {
 public:
  Remove(const Dialect& dialect, std::vector<std::string> keys, std::vector<RemoveFailure> failures,
         Store::Done<std::vector<RemoveFailure>> done)
      : dialect_(dialect), failures_(std::move(failures)), done_(std::move(done)) {
    const auto middle =
        std::stable_partition(keys.begin(), keys.end(), [](const std::string& key) { return fits_xml(key); });
    single_.assign(std::make_move_iterator(middle), std::make_move_iterator(keys.end()));
    keys.erase(middle, keys.end());
    together_ = std::move(keys);
    if (together_.size() == 1) all_single();
  }

  HttpRequest request() const override {
    return together_.empty() ? dialect_.requests.remove_one(single_.back())
                             : dialect_.requests.remove_many(together_);
  }
  Verdict judge(HttpAnswer&& answer, std::int64_t now_unix_s) override {
    return together_.empty() ? judge_single(answer, now_unix_s) : judge_together(answer, now_unix_s);
  }
  void succeed() override { done_(std::move(failures_)); }
  void fail(const Error& error) override {
    for (auto* keys : {&together_, &single_}) {
      for (std::string& key : *keys) failures_.push_back({.key = std::move(key), .error = error});
    }
    done_(std::move(failures_));
  }
  std::string describe() const override {
    return fmt::format("DELETE of {} objects", together_.size() + single_.size());
  }
  RequestKind kind() const override { return RequestKind::remove; }
  bool writes() const override { return true; }
  bool background() const override { return true; }

 private:
  Verdict judge_single(const HttpAnswer& answer, std::int64_t now_unix_s);
  Verdict judge_together(const HttpAnswer& answer, std::int64_t now_unix_s);
  void all_single() {
    single_.insert(single_.end(), std::make_move_iterator(together_.begin()),
                   std::make_move_iterator(together_.end()));
    together_.clear();
  }
  [[nodiscard]] Verdict after_progress() const {
    return {.next = together_.empty() && single_.empty() ? Next::done : Next::more};
  }

  const Dialect& dialect_;
  std::vector<std::string> together_;
  std::vector<std::string> single_;
  std::vector<RemoveFailure> failures_;
  Store::Done<std::vector<RemoveFailure>> done_;
};

Verdict Remove::judge_single(const HttpAnswer& answer, std::int64_t now_unix_s) {
  const std::string what = fmt::format("DELETE '{}'", single_.back());
  Verdict verdict = dialect_.judge.remove(answer, what, now_unix_s);
  if (verdict.next == Next::give_up) {
    failures_.push_back({.key = std::move(single_.back()), .error = *verdict.error});
  } else if (verdict.next != Next::done) {
    return verdict;
  }
  single_.pop_back();
  return after_progress();
}

Verdict Remove::judge_together(const HttpAnswer& answer, std::int64_t now_unix_s) {
  if (!answer.failure && (answer.status == 501 || answer.status == 405)) {
    all_single();  // no multi-delete there (Google's XML API, for one)
    return {.next = Next::more};
  }
  Verdict verdict = dialect_.judge.remove(answer, describe(), now_unix_s);
  if (verdict.next != Next::done) return verdict;
  const auto errors = parse_delete_result(answer.text());
  if (!errors) return dialect_.judge.nonsense(describe(), "the answer is garbled");

  std::vector<std::string> left;
  std::optional<Verdict> worst;
  for (const KeyError& failed : *errors) {
    if (std::find(together_.begin(), together_.end(), failed.key) == together_.end()) continue;
    const std::string what = fmt::format("DELETE '{}'", failed.key);
    Verdict of_key = dialect_.judge.key_error(failed.code, failed.message, what);
    if (of_key.next == Next::give_up) {
      failures_.push_back({.key = failed.key, .error = *of_key.error});
    } else if (of_key.next != Next::done) {
      left.push_back(failed.key);
      if (!worst || of_key.next == Next::throttled) worst = std::move(of_key);
    }
  }
  together_ = std::move(left);
  return worst ? *worst : after_progress();
}

}  // namespace

std::unique_ptr<Operation> make_put(const Dialect& dialect, std::string key, Bytes body, bool if_absent,
                                    Store::Done<void> done) {
  return std::make_unique<Put>(dialect, std::move(key), std::move(body), if_absent, std::move(done));
}

std::unique_ptr<Operation> make_get(const Dialect& dialect, std::string key, ByteRange range,
                                    Store::Done<Bytes> done) {
  return std::make_unique<Get>(dialect, std::move(key), range, std::move(done));
}

std::unique_ptr<Operation> make_list(const Dialect& dialect, std::string prefix, std::string after,
                                     std::uint32_t limit, Store::Done<Listing> done) {
  return std::make_unique<List>(dialect, std::move(prefix), std::move(after), limit, std::move(done));
}

std::unique_ptr<Operation> make_remove(const Dialect& dialect, std::vector<std::string> keys,
                                       std::vector<RemoveFailure> failures,
                                       Store::Done<std::vector<RemoveFailure>> done) {
  return std::make_unique<Remove>(dialect, std::move(keys), std::move(failures), std::move(done));
}

}  // namespace varve::object_store::s3
