#include "varve/doctor.h"

#include "base/no_memory.h"
#include "maintain/preflight/store_check.h"

namespace varve {

Result<DoctorReport> diagnose(Store& store, const DoctorOptions& options) {
  if (options.patience_ms == 0) {
    return Error(Code::invalid_argument, "DoctorOptions::patience_ms is 0; it must be at least 1");
  }
  if (!options.prefix.empty() && options.prefix.back() != '/') {
    return Error(Code::invalid_argument, "DoctorOptions::prefix must end in '/': " + options.prefix);
  }
  return with_memory([&] {
    return preflight::StoreCheck(store, options,
                                 options.quick ? preflight::quick_plan() : preflight::full_plan())
        .run();
  });
}

}  // namespace varve
