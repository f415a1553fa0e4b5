#include "sim/bucket.h"

#include <algorithm>

namespace varve::sim {

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t usual_ms = 40;
constexpr std::uint64_t slow_ms = 5'000;
constexpr std::uint64_t late_ms = 30'000;

Error unanswered() {
  return Error(Code::unavailable, "no answer from the simulated store").with_outcome(WriteOutcome::unknown);
}

std::shared_ptr<const std::vector<std::byte>> copy_of(const Bytes& body) {
  return std::make_shared<const std::vector<std::byte>>(body.data.begin(), body.data.end());
}

}  // namespace

class BucketClient final : public Store {
 public:
  BucketClient(Bucket& bucket, ProcessId process) : bucket_(bucket), process_(process) {}

  void put_if_absent(std::string key, Bytes body, Done<void> done) override {
    const auto object = copy_of(body);
    // A false conflict: the store met its own first try.
    const bool says_exists = bucket_.random_.chance(bucket_.weather_.false_exists);
    bucket_.request<void>(process_, true, std::move(done),
                          [&bucket = bucket_, key = std::move(key), object, says_exists]() -> Result<void> {
                            const bool is_new = bucket.objects_.try_emplace(key, object).second;
                            if (is_new && !says_exists) return {};
                            return Error(Code::already_exists, key + " exists");
                          });
  }

  void put(std::string key, Bytes body, Done<void> done) override {
    bucket_.request<void>(
        process_, true, std::move(done),
        [&bucket = bucket_, key = std::move(key), object = copy_of(body)]() -> Result<void> {
          bucket.objects_[key] = object;
          return {};
        });
  }

  void get(std::string key, ByteRange range, Done<Bytes> done) override {
    bucket_.request<Bytes>(
        process_, false, std::move(done),
        [&bucket = bucket_, key = std::move(key), range] { return bucket.get(key, range); });
  }

  void list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) override {
    bucket_.list(process_, std::move(prefix), std::move(after), limit, std::move(done));
  }

  void remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) override {
    bucket_.request<std::vector<RemoveFailure>>(
        process_, true, std::move(done),
        [&bucket = bucket_, keys = std::move(keys)]() -> Result<std::vector<RemoveFailure>> {
          std::vector<RemoveFailure> failures;
          for (const std::string& key : keys) {
            if (bucket.random_.chance(bucket.weather_.refused)) {
              failures.push_back({key, Error(Code::unavailable, "not deleted")});
            } else {
              bucket.objects_.erase(key);
            }
          }
          return failures;
        });
  }

  [[nodiscard]] std::string describe() const override { return "sim://" + bucket_.name_; }

 private:
  Bucket& bucket_;
  ProcessId process_;
};

std::shared_ptr<Store> Bucket::client(ProcessId process) {
  return std::make_shared<BucketClient>(*this, process);
}

base::TimePoint Bucket::after(std::uint64_t most_ms) {
  return fibers_.now() + std::chrono::microseconds(1 + random_.below(most_ms * 1000));
}

template <class T>
void Bucket::request(ProcessId process, bool write, Store::Done<T> done,
                     std::function<Result<T>()> carry_out) {
  const std::uint64_t most_ms = random_.chance(weather_.slow) ? slow_ms : usual_ms;
  const base::TimePoint arrives = after(most_ms);
  const base::TimePoint answered = arrives + (after(most_ms) - fibers_.now());
  const auto answer = [this, process, done](Result<T> result) {
    fibers_.start(process, [done, result] { done(result); });
  };
  if (random_.chance(weather_.refused)) {
    const Error refused = Error(Code::unavailable, "refused").with_outcome(WriteOutcome::not_written);
    return fibers_.at(answered, [answer, refused] { answer(refused); });
  }
  if (write && random_.chance(weather_.late)) {
    fibers_.at(after(late_ms), [carry_out] { static_cast<void>(carry_out()); });
    return fibers_.at(answered, [answer] { answer(unanswered()); });
  }
  if (write && random_.chance(weather_.repeated)) {
    fibers_.at(arrives + (after(late_ms) - fibers_.now()), [carry_out] { static_cast<void>(carry_out()); });
  }
  const bool silent = random_.chance(weather_.unanswered);
  fibers_.at(arrives, [this, carry_out = std::move(carry_out), answer, answered, silent] {
    Result<T> result = carry_out();
    fibers_.at(answered, [answer, silent, result = std::move(result)] {
      silent ? answer(unanswered()) : answer(result);
    });
  });
}

Result<Bytes> Bucket::get(const std::string& key, ByteRange range) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return Error(Code::not_found, "there is no " + key);
  const Object& object = found->second;
  const std::size_t begin = std::min<std::size_t>(range.offset, object->size());
  const std::size_t length = std::min<std::size_t>(range.length, object->size() - begin);
  return Bytes{std::span(*object).subspan(begin, length), object};
}

// Each name is reported as of one of several moments between the request and its answer, in one of the orders
// in which stores look at names. The interface asks for no more.
void Bucket::list(ProcessId process, std::string prefix, std::string after_key, std::uint32_t limit,
                  Store::Done<Listing> done) {
  const auto view = std::make_shared<SplitView>();
  view->order = static_cast<SplitView::Order>(random_.below(SplitView::orders));
  view->moments.resize(2 + random_.below(3));
  const auto look = [this, view, prefix, after_key](std::size_t moment) {
    for (auto each = objects_.lower_bound(prefix); each != objects_.end(); ++each) {
      if (!each->first.starts_with(prefix)) break;
      if (each->first > after_key) view->moments[moment].emplace(each->first, each->second->size());
    }
  };
  base::TimePoint at = fibers_.now();
  for (std::size_t moment = 0; moment + 1 < view->moments.size(); ++moment) {
    at = std::max(at, after(usual_ms));
    fibers_.at(at, [look, moment] { look(moment); });
    at += milliseconds(1 + random_.below(usual_ms));
  }
  const auto last = [=, this]() -> Result<Listing> {
    view->moments.back().clear();  // the request may be repeated
    look(view->moments.size() - 1);
    return together(*view, limit);
  };
  fibers_.at(at, [=, this, done = std::move(done)] { request<Listing>(process, false, done, last); });
}

Listing Bucket::together(const SplitView& view, std::uint32_t limit) {
  SplitView::Names ever;
  for (const SplitView::Names& names : view.moments) ever.insert(names.begin(), names.end());
  const std::size_t moments = view.moments.size();
  const std::uint64_t split = random_.below(ever.size() + 1);
  Listing listing;
  std::size_t rank = 0;
  for (const auto& [name, bytes] : ever) {
    const bool front = rank++ < split;
    std::size_t moment = random_.below(moments);
    if (view.order == SplitView::Order::forward) moment = front ? 0 : moments - 1;
    if (view.order == SplitView::Order::back_first) moment = front ? moments - 1 : 0;
    if (view.order == SplitView::Order::in_shards) moment = static_cast<unsigned char>(name.back()) % moments;
    if (!view.moments[moment].contains(name)) continue;
    listing.truncated = listing.objects.size() == limit;
    if (listing.truncated) break;
    listing.objects.push_back({name, bytes});
  }
  return listing;
}

}  // namespace varve::sim
