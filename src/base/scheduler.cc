#include "base/scheduler.h"

namespace varve::base {

constinit thread_local Scheduler* Scheduler::current_ = nullptr;

}  // namespace varve::base
