#include "read/read_ahead.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/condition.h"
#include "base/mutant.h"
#include "base/no_memory.h"

namespace varve::read {

using Clock = std::chrono::steady_clock;
using Kind = protocol::Request::Kind;

namespace {

// So many objects may wait fetched: with tiny ones the bound on bytes alone would let in millions.
constexpr std::size_t waiting_max = 4096;
// A page of names is fetched while so many are left of the one before.
constexpr std::size_t names_left = protocol::page_limit / 4;
// So many objects found in a row that no listing showed: the log is ahead, ask what there is.
constexpr std::uint32_t finds_before_listing = 2;

using Deadline = log::LogStore::Deadline;

}  // namespace

/// One object: to be asked for, asked for, or here.
struct ReadAhead::Slot {
  Seq seq = 0;
  std::uint64_t bytes = 0;  // counted in `held_bytes`: as listed, then as it is
  bool listed = false;      // else nobody knows whether it exists
  bool asked = false;
  bool dropped = false;  // nobody wants it any more
  std::optional<Result<Bytes>> answer = {};
};

struct ReadAhead::Shared {
  std::mutex mutex;
  base::StoppableCondition arrival;
  std::atomic<bool> news = false;

  std::deque<std::shared_ptr<Slot>> slots;  // ascending; the front is what `take` wants
  std::uint32_t in_flight = 0;              // GETs, those of dropped slots included
  std::uint64_t held_bytes = 0;             // of slots, and of dropped ones in flight

  std::deque<protocol::ListedSeq> listed;  // beyond all slots, to be asked for when there is room
  Seq list_from = 0;
  bool list_in_flight = false;
  bool more_to_list = true;
  std::uint64_t generation = 0;      // pages asked for before `forget` are not wanted
  std::uint32_t unlisted_finds = 0;  // in a row

  // Of the front slot.
  std::uint32_t failures = 0;
  Clock::time_point failing_since;
  Clock::time_point retry_at;

  void pop_front() {
    Slot& slot = *slots.front();
    slot.dropped = true;
    const bool under_way = slot.asked && !slot.answer;
    if (!under_way) held_bytes -= slot.bytes;
    slots.pop_front();
    failures = 0;
  }

  bool move_listed_to_slots();
  void on_object(Slot& slot, Result<Bytes> answer);
  void on_page(std::uint64_t asked_in, const protocol::Reply& page);
};

// The next of the listed is about to be asked for. False: there is no memory for it, and nothing changed.
bool ReadAhead::Shared::move_listed_to_slots() {
  const protocol::ListedSeq next = listed.front();
  try {
    slots.push_back(std::make_shared<Slot>(Slot{.seq = next.seq, .bytes = next.bytes, .listed = true}));
  } catch (const std::bad_alloc&) {
    return false;
  }
  listed.pop_front();
  held_bytes += next.bytes;
  ++in_flight;
  return true;
}

void ReadAhead::Shared::on_object(Slot& slot, Result<Bytes> answer) {
  const std::lock_guard lock(mutex);
  --in_flight;
  held_bytes -= slot.bytes;
  if (!slot.dropped) {
    slot.bytes = answer ? answer->data.size() : 0;
    held_bytes += slot.bytes;
    slot.answer = std::move(answer);
  }
  news.store(true, std::memory_order_relaxed);
  arrival.notify_all();
}

void ReadAhead::Shared::on_page(std::uint64_t asked_in, const protocol::Reply& page) {
  const std::lock_guard lock(mutex);
  if (asked_in != generation) return;
  list_in_flight = false;
  // A failed listing costs speed only: objects are then asked for one by one, and listed again later.
  more_to_list = !page.error && page.truncated && !page.listed.empty();
  for (const protocol::ListedSeq& object : page.listed) {
    if (object.seq < list_from) continue;
    list_from = object.seq + 1;
    if (slots.empty() || object.seq > slots.back()->seq) listed.push_back(object);
  }
  news.store(true, std::memory_order_relaxed);
  arrival.notify_all();
}

ReadAhead::ReadAhead(log::LogStore log_store, Options options)
    : log_store_(std::move(log_store)),
      options_(options),
      backoff_({}, static_cast<std::uint64_t>(base::now().time_since_epoch().count())),
      shared_(std::make_shared<Shared>()),
      news_(&shared_->news) {}

ReadAhead::~ReadAhead() { forget(); }

void ReadAhead::forget() {
  const std::lock_guard lock(shared_->mutex);
  while (!shared_->slots.empty()) shared_->pop_front();
  shared_->listed.clear();
  shared_->list_from = 0;
  shared_->list_in_flight = false;
  shared_->more_to_list = true;
  shared_->unlisted_finds = 0;
  ++shared_->generation;
}

// Below `seq` nothing is wanted any more.
void ReadAhead::make_front(Seq seq) {
  const std::lock_guard lock(shared_->mutex);
  auto& slots = shared_->slots;
  auto& listed = shared_->listed;
  while (!slots.empty() && slots.front()->seq < seq) shared_->pop_front();
  if (!slots.empty() && slots.front()->seq == seq) return;

  slots.push_front(std::make_shared<Slot>(Slot{.seq = seq}));
  Slot& front = *slots.front();
  while (!listed.empty() && listed.front().seq <= seq) {
    front.listed = listed.front().seq == seq;
    front.bytes = front.listed ? listed.front().bytes : 0;
    listed.pop_front();
  }
  shared_->held_bytes += front.bytes;
  shared_->list_from = std::max(shared_->list_from, seq + 1);
  shared_->failures = 0;
}

// Asks for the front, and for what else the bounds allow. The store is called without the lock: it
// may answer before it returns.
void ReadAhead::fill() {
  std::vector<std::shared_ptr<Slot>> wanted;
  wanted.reserve(options_.objects + std::size_t{1});
  std::optional<protocol::Request> names;
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(shared_->mutex);
    Shared& s = *shared_;
    s.news.store(false, std::memory_order_relaxed);
    if (!s.slots.empty() && !s.slots.front()->asked && (s.failures == 0 || base::now() >= s.retry_at)) {
      wanted.push_back(s.slots.front());
    }
    s.in_flight += static_cast<std::uint32_t>(wanted.size());
    while (
        !s.listed.empty() && s.in_flight < options_.objects && s.slots.size() < waiting_max &&
        (s.held_bytes + s.listed.front().bytes <= options_.bytes || mutated(Mutant::read_ahead_unbounded))) {
      if (!s.move_listed_to_slots()) break;
      wanted.push_back(s.slots.back());
    }
    for (const auto& slot : wanted) slot->asked = true;
    if (s.more_to_list && !s.list_in_flight && s.listed.size() <= names_left) {
      s.list_in_flight = true;
      generation = s.generation;
      names = protocol::Request::make(Kind::list, s.list_from, protocol::page_limit);
    }
  }
  for (const auto& slot : wanted) ask_for(slot);
  if (names) ask_for_names(*std::move(names), generation);
}

// What could not even be asked for is answered here, or somebody would wait for it for ever.
void ReadAhead::ask_for(const std::shared_ptr<Slot>& slot) {
  try {
    log_store_.get_object(slot->seq, [shared = shared_, slot](Result<Bytes> answer) {
      shared->on_object(*slot, std::move(answer));
    });
  } catch (const std::bad_alloc&) {
    shared_->on_object(*slot, no_memory());
  }
}

void ReadAhead::ask_for_names(protocol::Request request, std::uint64_t generation) {
  try {
    log_store_.send(std::move(request), [shared = shared_, generation](const protocol::Reply& page) {
      shared->on_page(generation, page);
    });
  } catch (const std::bad_alloc&) {
    protocol::Reply failed;
    failed.error = no_memory();
    shared_->on_page(generation, failed);
  }
}

Result<std::optional<Bytes>> ReadAhead::take(Seq seq, Deadline deadline, const std::stop_token& stop) {
  make_front(seq);
  while (true) {
    fill();
    std::unique_lock lock(shared_->mutex);
    if (const auto settled = settle_front()) {
      if (!*settled) return settled->error();
      return std::optional(**settled);
    }
    const Slot& front = *shared_->slots.front();
    const Deadline wake = front.asked ? deadline : std::min(deadline, shared_->retry_at);
    const auto something = [&] { return front.answer || shared_->news.load(std::memory_order_relaxed); };
    if (wake == log::LogStore::never) {
      shared_->arrival.wait(lock, stop, something);
    } else {
      shared_->arrival.wait_until(lock, stop, wake, something);
    }
    if (front.answer) continue;
    if (stop.stop_requested() || base::now() >= deadline) return std::optional<Bytes>();
  }
}

// What became of the front, when it is decided; a failure that may pass is first tried again.
std::optional<Result<Bytes>> ReadAhead::settle_front() {
  Shared& s = *shared_;
  Slot& front = *s.slots.front();
  if (!front.answer) return std::nullopt;
  Result<Bytes> answer = *std::move(front.answer);
  if (answer) {
    s.unlisted_finds = front.listed || s.more_to_list ? 0 : s.unlisted_finds + 1;
    if (s.unlisted_finds >= finds_before_listing) s.more_to_list = true;
    s.pop_front();
    return answer;
  }
  const Code code = answer.error().code();
  if (code == Code::not_found) s.unlisted_finds = 0;
  const Clock::time_point now = base::now();
  if (s.failures == 0) s.failing_since = now;
  const bool out_of_patience =
      options_.give_up_ms != 0 && now >= s.failing_since + std::chrono::milliseconds(options_.give_up_ms);
  if (code == Code::not_found || code == Code::denied || !protocol::worth_retrying(answer.error()) ||
      out_of_patience) {
    s.pop_front();
    return answer;
  }
  s.retry_at = now + std::chrono::milliseconds(backoff_.pause_ms(++s.failures));
  front.asked = false;
  front.answer.reset();
  return std::nullopt;
}

}  // namespace varve::read
