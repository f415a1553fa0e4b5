#include "bindings/c/handles.h"

using varve::Result;
using varve::bindings::guarded;
using varve::bindings::missing;

varve_code varve_log_open(const char* uri, varve_log** log, varve_error** error) {
  return guarded(error, [&]() -> Result<void> {
    if (uri == nullptr) return missing("uri");
    if (log == nullptr) return missing("log");
    auto address = varve::resolve(uri);
    if (!address) return address.error();
    *log = new varve_log{*std::move(address)};
    return {};
  });
}

void varve_log_free(varve_log* log) { delete log; }
