#include "base/scheduler.h"

namespace varve::base {

constinit thread_local Scheduler* Scheduler::current_ = nullptr;
constinit thread_local void* Scheduler::local_ = nullptr;

}  // namespace varve::base
