#include "testing/faulty.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "object_store/bytes.h"

namespace varve::object_store {
namespace {

Error injected(WriteOutcome outcome) {
  return Error(Code::unavailable, "a fault was injected here").with_outcome(outcome);
}

Bytes flip_middle_bit(const Bytes& bytes) {
  if (bytes.data.empty()) return bytes;
  auto memory = std::make_shared<std::vector<std::byte>>(bytes.data.begin(), bytes.data.end());
  (*memory)[memory->size() / 2] ^= std::byte{1};
  const std::span<const std::byte> data(*memory);
  return {.data = data, .owner = std::move(memory)};
}

/// What becomes of the answer from the store below.
template <class T>
Result<T> bent(Fault fault, Result<T> result) {
  if (fault == Fault::lose_answer) return injected(WriteOutcome::unknown);
  if (fault == Fault::claim_exists && result) {
    return Error(Code::already_exists, "the name is taken (a fault was injected here)");
  }
  if constexpr (std::is_same_v<T, Bytes>) {
    if (fault == Fault::corrupt_bytes && result) return flip_middle_bit(*result);
  }
  return result;
}

}  // namespace

FaultyStore::~FaultyStore() { calls_.close(); }

void FaultyStore::Held::add(std::function<void()> step) {
  const std::lock_guard lock(mutex);
  steps.push_back(std::move(step));
  grew.notify_all();
}

void FaultyStore::add(FaultRule rule) {
  const std::lock_guard lock(rules_mutex_);
  rules_.push_back(std::move(rule));
}

void FaultyStore::heal() {
  const std::lock_guard lock(rules_mutex_);
  rules_.clear();
}

std::size_t FaultyStore::release(std::size_t count) {
  std::vector<std::function<void()>> steps;
  {
    const std::lock_guard lock(held_->mutex);
    const auto first = held_->steps.begin();
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(count, held_->steps.size()));
    steps.assign(std::move_iterator(first), std::move_iterator(last));
    held_->steps.erase(first, last);
  }
  for (const auto& step : steps) step();
  return steps.size();
}

void FaultyStore::wait_for_held(std::size_t count) {
  std::unique_lock lock(held_->mutex);
  held_->grew.wait(lock, [&] { return held_->steps.size() >= count; });
}

std::optional<FaultRule> FaultyStore::fault_for(RequestKind kind, const std::string& key) {
  const std::lock_guard lock(rules_mutex_);
  std::optional<FaultRule> fault;
  for (FaultRule& rule : rules_) {
    if (rule.request != kind || key.find(rule.key_part) == std::string::npos) continue;
    if (rule.skip > 0) {
      --rule.skip;
    } else if (!fault && rule.times > 0) {
      if (rule.times != for_good) --rule.times;
      fault = rule;
    }
  }
  return fault;
}

template <class T>
void FaultyStore::intercept(const std::optional<FaultRule>& rule, Done<T> done,
                            std::function<void(Done<T>)> send) {
  Done<T> answer = calls_.add<T>(std::move(done));
  if (!rule) return send(std::move(answer));
  switch (rule->fault) {
    case Fault::fail:
      return answer(injected(WriteOutcome::not_written));
    case Fault::hold_request:
      return held_->add([send = std::move(send), answer = std::move(answer)] { send(answer); });
    case Fault::hold_answer:
      return send([held = held_, answer = std::move(answer)](const Result<T>& result) {
        held->add([answer, result] { answer(result); });
      });
    case Fault::split_listing:  // of what is no listing: as without a fault
    case Fault::lose_answer:
    case Fault::claim_exists:
    case Fault::corrupt_bytes:
      return send([fault = rule->fault, answer = std::move(answer)](Result<T> result) {
        answer(bent(fault, std::move(result)));
      });
  }
}

void FaultyStore::put_if_absent(std::string key, Bytes body, Done<void> done) {
  intercept<void>(fault_for(RequestKind::put_if_absent, key), std::move(done),
                  [this, key, body = std::move(body)](Done<void> answer) {
                    below_->put_if_absent(key, body, std::move(answer));
                  });
}

void FaultyStore::put(std::string key, Bytes body, Done<void> done) {
  intercept<void>(
      fault_for(RequestKind::put, key), std::move(done),
      [this, key, body = std::move(body)](Done<void> answer) { below_->put(key, body, std::move(answer)); });
}

void FaultyStore::get(std::string key, ByteRange range, Done<Bytes> done) {
  intercept<Bytes>(fault_for(RequestKind::get, key), std::move(done),
                   [this, key, range](Done<Bytes> answer) { below_->get(key, range, std::move(answer)); });
}

struct FaultyStore::SplitListing {
  std::string prefix;
  std::string after;
  std::uint32_t limit;
  FaultRule rule;
  Done<Listing> answer;
  std::vector<NamesAtAMoment> moments = {};
  NamesAtAMoment now = {};  ///< as far as it has been looked at
};

// An answer of the store below must not be what keeps that alive: it would end in a thread of its own. While
// it answers, it is there.
void FaultyStore::look(Store& below, const std::shared_ptr<Held>& held,
                       const std::shared_ptr<SplitListing>& listing, const std::string& after) {
  constexpr std::uint32_t page_max = 1000;
  below.list(listing->prefix, after, page_max, [&below, held, listing](const Result<Listing>& page) {
    if (!page) return listing->answer(page.error());
    for (const ListedObject& object : page->objects) listing->now.emplace(object.key, object.bytes);
    if (page->truncated && !page->objects.empty())
      return look(below, held, listing, page->objects.back().key);
    listing->moments.push_back(std::exchange(listing->now, {}));
    if (listing->moments.size() >= listing->rule.moments) {
      return listing->answer(split_listing(listing->moments, listing->rule.order, listing->limit));
    }
    held->add([&below, held, listing] { look(below, held, listing, listing->after); });
  });
}

void FaultyStore::list(std::string prefix, std::string after, std::uint32_t limit, Done<Listing> done) {
  const std::optional<FaultRule> rule = fault_for(RequestKind::list, prefix);
  if (rule && rule->fault == Fault::split_listing) {
    const auto listing = std::make_shared<SplitListing>(SplitListing{
        std::move(prefix), std::move(after), limit, *rule, calls_.add<Listing>(std::move(done))});
    return look(*below_, held_, listing, listing->after);
  }
  intercept<Listing>(rule, std::move(done),
                     [this, prefix, after = std::move(after), limit](Done<Listing> answer) {
                       below_->list(prefix, after, limit, std::move(answer));
                     });
}

void FaultyStore::remove(std::vector<std::string> keys, Done<std::vector<RemoveFailure>> done) {
  const std::string first = keys.empty() ? std::string() : keys.front();
  intercept<std::vector<RemoveFailure>>(
      fault_for(RequestKind::remove, first), std::move(done),
      [this, keys = std::move(keys)](Done<std::vector<RemoveFailure>> answer) {
        below_->remove(keys, std::move(answer));
      });
}

}  // namespace varve::object_store
