// One examination, stage by stage.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "maintain/preflight/measure.h"
#include "maintain/preflight/plan.h"
#include "object_store/probe/checks.h"
#include "varve/doctor.h"

namespace varve::preflight {

class StoreCheck {
 public:
  StoreCheck(Store& store, const DoctorOptions& options, const Plan& plan);

  /// Everything. Whatever comes of it, the scratch objects are gone as far as the store lets go.
  Result<DoctorReport> run();

 private:
  /// Is there anything at all that takes an object?
  Result<void> reach();
  Result<void> prove_capabilities();
  Result<void> measure_latencies();
  Result<void> measure_small();
  Result<void> measure_large();
  void advise();

  /// Tries one capability and reports what it saw.
  Result<void> prove(Capability capability,
                     const std::function<Result<object_store::Seen>(const object_store::Trial&)>& check);
  void compare_clocks();
  void note(Capability capability, Verdict verdict, std::string what);
  Result<void> time(const Load& load, const Send& send);

  /// PUTs or GETs of `keys`, each once, or as many as the sample has.
  Result<void> time_puts(const Sample& sample, const Bytes& body, const std::vector<std::string>& keys);
  Result<void> time_gets(const Sample& sample, std::uint64_t body_bytes,
                         const std::vector<std::string>& keys);
  [[nodiscard]] std::vector<std::string> keys(std::string_view name, std::uint32_t count);

  /// The next stage is begun; `doing`: what it is, for people.
  [[nodiscard]] std::function<Result<void>(double part)> begin_stage(std::string doing);

  const DoctorOptions& options_;
  const Plan& plan_;
  object_store::TimedStore patient_;
  object_store::Scratch scratch_;
  DoctorReport report_;
  std::size_t stages_begun_ = 0;
  bool can_create_ = true;  // as a log does; a store may not know conditional creates at all
};

}  // namespace varve::preflight
