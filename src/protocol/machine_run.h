// One machine that another one drives: what it has asked for is counted, so that an answer is never taken for
// one to the machine that comes after it.
#pragma once

#include <cstddef>
#include <utility>

#include "protocol/request.h"

namespace varve::protocol {

template <class Machine>
class MachineRun {
 public:
  explicit MachineRun(Machine machine) : machine_(std::move(machine)) {}

  Requests start() { return count(machine_.start()); }
  Requests on(const Reply& reply) {
    --outstanding_;
    return count(machine_.on(reply));
  }

  /// Its result is known, and all that it asked for has been answered.
  [[nodiscard]] bool over() const { return machine_.done() && outstanding_ == 0; }
  [[nodiscard]] const Machine& operator*() const { return machine_; }
  [[nodiscard]] const Machine* operator->() const { return &machine_; }

 private:
  Requests count(Requests requests) {
    outstanding_ += requests.size();
    return requests;
  }

  Machine machine_;
  std::size_t outstanding_ = 0;
};

}  // namespace varve::protocol
