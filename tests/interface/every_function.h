// Every public function that can fail, called by the name that the headers give it.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "varve/consumer.h"
#include "varve/cursor.h"
#include "varve/doctor.h"
#include "varve/inspect.h"
#include "varve/mirror.h"
#include "varve/point_reader.h"
#include "varve/reader.h"
#include "varve/repair.h"
#include "varve/retention.h"
#include "varve/varve.h"
#include "varve/writer.h"

namespace varve::interface_test {

/// What a call came to: the code it failed with, or nothing.
using Outcome = std::optional<Code>;

template <class T>
Outcome outcome_of(const Result<T>& result) {
  return result ? Outcome() : result.error().code();
}

[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// A log with three records and a cursor, a mirror of it, and whatever reads and writes it. New in each test.
class World {
 public:
  World();

  const LogAddress log;
  const LogAddress mirror;
  const LogAddress unwritten;      ///< there is no log
  std::unique_ptr<Writer> writer;  ///< of a log of its own
  std::unique_ptr<Reader> reader;
  std::unique_ptr<PointReader> point_reader;
  std::unique_ptr<Consumer> consumer;
  std::optional<Cursors> cursors;
  std::unique_ptr<Mirror> copying;
};

/// By name, as "Writer::append"; a function that is overloaded is called in each way.
using Calls = std::multimap<std::string, std::function<Outcome(World&)>>;
[[nodiscard]] const Calls& cpp_calls();
/// With a NULL for each handle and each result.
[[nodiscard]] const std::multimap<std::string, std::function<int()>>& c_calls_with_null();

/// What the functions of varve/varve.h are called with.
struct CHandles {
  CHandles();
  ~CHandles();
  CHandles(const CHandles&) = delete;
  CHandles& operator=(const CHandles&) = delete;

  varve_log* log = nullptr;
  varve_writer* writer = nullptr;
  varve_reader* reader = nullptr;
  varve_cursors* cursors = nullptr;
};
using CCalls = std::multimap<std::string, std::function<Outcome(CHandles&)>>;
[[nodiscard]] const CCalls& c_calls();

}  // namespace varve::interface_test
