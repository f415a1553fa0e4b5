// Time as it is handed to what decides: nothing here reads a clock.
#pragma once

#include <chrono>

namespace varve::object_store::s3 {

using Moment = std::chrono::steady_clock::time_point;
using Span = std::chrono::steady_clock::duration;

}  // namespace varve::object_store::s3
