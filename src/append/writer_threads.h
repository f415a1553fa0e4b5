// The threads of writers. All writers of a process share them, however many there are.
#pragma once

#include <memory>

#include "base/executor.h"

namespace varve::append {

struct WriterThreads {
  WriterThreads();

  base::Executor uploads;
  /// Apart from uploads, which no callback may delay.
  base::Executor callbacks;

  /// Those of this process, for as long as anybody holds them.
  static std::shared_ptr<WriterThreads> shared();
};

}  // namespace varve::append
