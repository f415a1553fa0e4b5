// What an errno means for the caller of a store.
#pragma once

#include <string_view>

#include "varve/result.h"

namespace varve::object_store {

/// "cannot <what> <path>: <reason>", with the code that fits `error_number`. The outcome is
/// `not_written`; whoever knows of an effect changes it.
Error file_error(int error_number, std::string_view what, std::string_view path);

}  // namespace varve::object_store
