// A terminal that is drawn on, and keys that are pressed on it.
#pragma once

#include <termios.h>

#include <chrono>
#include <string_view>

#include "cli/wakeup.h"

namespace varve::cli {

/// While it lives, keys come one by one and unseen, and the screen is ours; what was there comes back.
class Terminal {
 public:
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Standard input and output both are one.
  [[nodiscard]] static bool there_is_one();

  void draw(std::string_view text);

  /// Waits for a key, and no longer than so. 0: none came, or `stop` was set.
  [[nodiscard]] static char wait_for_key(std::chrono::milliseconds most, const Wakeup& stop);

 private:
  termios before_{};
};

}  // namespace varve::cli
