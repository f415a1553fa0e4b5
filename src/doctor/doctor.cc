#include "varve/doctor.h"

#include "doctor/examination.h"
#include "result/no_memory.h"

namespace varve {

Result<DoctorReport> diagnose(Store& store, const DoctorOptions& options) {
  if (options.patience_ms == 0) {
    return Error(Code::invalid_argument, "DoctorOptions::patience_ms is 0; it must be at least 1");
  }
  if (!options.prefix.empty() && options.prefix.back() != '/') {
    return Error(Code::invalid_argument, "DoctorOptions::prefix must end in '/': " + options.prefix);
  }
  return with_memory([&] {
    return doctor::Examination(store, options, options.quick ? doctor::quick_plan() : doctor::full_plan())
        .run();
  });
}

}  // namespace varve
