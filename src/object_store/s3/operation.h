// One call of the Store interface, from its first attempt to its `done`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "object_store/request_kind.h"
#include "object_store/s3/hedging.h"
#include "object_store/s3/http.h"
#include "object_store/s3/outcome.h"
#include "object_store/s3/request.h"
#include "varve/store.h"

namespace varve::object_store::s3 {

/// What is asked of the store and how its answers are read. The engine (engine.h) decides when.
/// Ends with exactly one call of `succeed` or `fail`, after which no attempt uses the body.
class Operation {
 public:
  virtual ~Operation() = default;

  /// What to send next: all of it, or what is left to be done.
  [[nodiscard]] virtual HttpRequest request() const = 0;
  /// Reads an answer, and keeps what it brought.
  [[nodiscard]] virtual Verdict judge(HttpAnswer&& answer, std::int64_t now_unix_s) = 0;
  virtual void succeed() = 0;
  virtual void fail(const Error& error) = 0;
  [[nodiscard]] virtual std::string describe() const = 0;

  [[nodiscard]] virtual RequestKind kind() const = 0;
  /// A failure needs a `WriteOutcome`.
  [[nodiscard]] virtual bool writes() const { return false; }
  /// Gives way to everything else.
  [[nodiscard]] virtual bool background() const { return false; }
  /// May be sent twice at once.
  [[nodiscard]] virtual std::optional<Hedging::Kind> hedged_as() const { return std::nullopt; }
  /// How much is moved, for deadlines and size classes.
  [[nodiscard]] virtual std::uint64_t bytes() const { return 0; }
};

/// What operations share; outlives them.
struct Dialect {
  explicit Dialect(const Settings& settings) : requests(settings), judge(settings) {}
  Requests requests;
  Judge judge;
};

std::unique_ptr<Operation> make_put(const Dialect& dialect, std::string key, Bytes body, bool if_absent,
                                    Store::Done<void> done);
std::unique_ptr<Operation> make_get(const Dialect& dialect, std::string key, ByteRange range,
                                    Store::Done<Bytes> done);
std::unique_ptr<Operation> make_list(const Dialect& dialect, std::string prefix, std::string after,
                                     std::uint32_t limit, Store::Done<Listing> done);
/// `failures`: those known before anything is sent. `keys`: at least one.
std::unique_ptr<Operation> make_remove(const Dialect& dialect, std::vector<std::string> keys,
                                       std::vector<RemoveFailure> failures,
                                       Store::Done<std::vector<RemoveFailure>> done);

}  // namespace varve::object_store::s3
