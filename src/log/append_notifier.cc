#include "log/append_notifier.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutant.h"

namespace varve::log {

namespace {

/// The bells there are. It holds none: who has one keeps it, and the last one's end takes it from here.
struct Bells {
  /// A view finds a key: whoever leaves has no memory to ask for.
  struct Less {
    using is_transparent = void;
    using View = std::pair<const Store*, std::string_view>;
    bool operator()(const View& a, const View& b) const { return a < b; }
  };
  using Key = std::pair<const Store*, std::string>;
  std::mutex mutex;
  std::map<Key, std::weak_ptr<AppendNotifier>, Less> by_log;
};

// Never destroyed: a program may end with writers and readers that live until then.
Bells& bells() {
  static auto* const all = new Bells;
  return *all;
}

}  // namespace

std::shared_ptr<AppendNotifier> AppendNotifier::of(const LogAddress& log) {
  Bells& all = bells();  // there from here on: a bell that ends has no memory to ask for
  // A bell that ends takes the lock: made before it is held, and let go, wanted or not, after it.
  std::shared_ptr<AppendNotifier> fresh(new AppendNotifier(log));
  const std::lock_guard lock(all.mutex);
  std::weak_ptr<AppendNotifier>& known = all.by_log[{log.store.get(), log.path}];
  if (std::shared_ptr<AppendNotifier> append_notifier = known.lock()) return append_notifier;
  known = fresh;
  return fresh;
}

AppendNotifier::~AppendNotifier() {
  Bells& all = bells();
  const std::lock_guard lock(all.mutex);
  const auto known = all.by_log.find(Bells::Less::View(log_.store.get(), log_.path));
  // Between our last holder's going and now another may have asked for the log's bell, and made a new one.
  if (known != all.by_log.end() && known->second.expired()) all.by_log.erase(known);
}

void AppendNotifier::ring() noexcept {
  if (listening_.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock(mutex_);
  for (const Listener* listener : listeners_) {
    listener->heard_();
    if (mutated(Mutant::bell_for_one)) break;
  }
}

AppendNotifier::Listener::Listener(std::shared_ptr<AppendNotifier> append_notifier,
                                   std::function<void()> heard)
    : append_notifier_(std::move(append_notifier)), heard_(std::move(heard)) {
  const std::lock_guard lock(append_notifier_->mutex_);
  append_notifier_->listeners_.push_back(this);
  append_notifier_->listening_.fetch_add(1, std::memory_order_relaxed);
}

AppendNotifier::Listener::~Listener() {
  const std::lock_guard lock(append_notifier_->mutex_);
  std::erase(append_notifier_->listeners_, this);
  append_notifier_->listening_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace varve::log
