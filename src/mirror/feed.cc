#include "mirror/feed.h"

#include <utility>

#include "result/invariant.h"
#include "result/plant.h"
#include "store/bytes.h"

namespace varve::mirror {

void Feed::hand_from(Seq from) {
  const std::lock_guard lock(mutex_);
  objects_.clear();
  front_ = from;
}

void Feed::hand(Seq seq, Bytes object) {
  const std::lock_guard lock(mutex_);
  if (!front_ || seq < *front_) return;
  VARVE_INVARIANT(seq == *front_ + objects_.size());
  objects_.push_back(std::move(object));
  changed_.notify_all();
}

void Feed::let_go() {
  std::deque<Bytes> given_back_unlocked;
  const std::lock_guard lock(mutex_);
  front_.reset();
  objects_.swap(given_back_unlocked);
  changed_.notify_all();
}

bool Feed::reaches(Seq seq) const {
  const std::lock_guard lock(mutex_);
  return front_ && seq >= *front_;
}

bool Feed::empty() const {
  const std::lock_guard lock(mutex_);
  return objects_.empty();
}

std::optional<Bytes> Feed::take(Seq seq, courier::Deadline deadline, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto settled = [&] { return !front_ || seq < *front_ + objects_.size(); };
  if (!changed_.wait_until(lock, stop, deadline, settled)) return std::nullopt;
  if (!front_ || seq < *front_) return std::nullopt;
  while (*front_ < seq) {
    objects_.pop_front();
    ++*front_;
  }
  Bytes object = std::move(objects_.front());
  objects_.pop_front();
  ++*front_;
  lock.unlock();
  return copies_ && !planted(Plant::second_keeps_buffers) ? store::copy_bytes(object.data) : object;
}

}  // namespace varve::mirror
