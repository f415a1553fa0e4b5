#include "object_store/file/file_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace varve::object_store {
namespace {

Code code_of(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::no_space;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::denied;
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case EINVAL:
    case ELOOP:
      return Code::invalid_argument;
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::already_exists;
    default:
      return Code::unavailable;  // EIO, EMFILE, ENOMEM, ESTALE, ...
  }
}

std::string_view advice_for(int error_number) {
  switch (error_number) {
    case ENOTDIR:
      return "; a part of the path is an object itself, which a file store cannot hold both";
    case ELOOP:
      return "; symbolic links are not followed";
    case EFBIG:
      return "; larger than this process or file system allows";
    default:
      return "";
  }
}

}  // namespace

Error file_error(int error_number, std::string_view what, std::string_view path) {
  return {code_of(error_number),
          fmt::format("cannot {} {}: {}{}", what, path, std::generic_category().message(error_number),
                      advice_for(error_number))};
}

}  // namespace varve::object_store
