#include "replicate/hand_off_queue.h"

#include <utility>

#include "base/invariant.h"
#include "base/mutant.h"
#include "object_store/bytes.h"

namespace varve::replicate {

void HandOffQueue::hand_from(Seq from) {
  const std::lock_guard lock(mutex_);
  objects_.clear();
  front_ = from;
}

void HandOffQueue::hand(Seq seq, Bytes object) {
  const std::lock_guard lock(mutex_);
  if (!front_ || seq < *front_) return;
  VARVE_INVARIANT(seq == *front_ + objects_.size());
  objects_.push_back(std::move(object));
  changed_.notify_all();
}

void HandOffQueue::let_go() {
  std::deque<Bytes> given_back_unlocked;
  const std::lock_guard lock(mutex_);
  front_.reset();
  objects_.swap(given_back_unlocked);
  changed_.notify_all();
}

bool HandOffQueue::reaches(Seq seq) const {
  const std::lock_guard lock(mutex_);
  return front_ && seq >= *front_;
}

bool HandOffQueue::empty() const {
  const std::lock_guard lock(mutex_);
  return objects_.empty();
}

std::optional<Bytes> HandOffQueue::take(Seq seq, log::Deadline deadline, const std::stop_token& stop) {
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
  return copies_ && !mutated(Mutant::standby_keeps_buffers) ? object_store::copy_bytes(object.data) : object;
}

}  // namespace varve::replicate
