#include "format/families.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/invariant.h"
#include "format/key.h"

namespace varve::format {

const Family& family(FamilyId id) {
  const auto found = std::ranges::find(families, id, &Family::id);
  VARVE_INVARIANT(found != families.end());
  return *found;
}

std::optional<FamilyId> family_of(std::string_view log_path, std::string_view key) {
  if (seq_of_key(log_path, key)) return FamilyId::chain;
  if (key == checkpoint_key(log_path)) return FamilyId::checkpoint;
  if (is_promotion_key(log_path, key)) return FamilyId::promotions;
  if (parse_claim_key(log_path, key)) return FamilyId::claims;
  if (parse_cursor_key(log_path, key)) return FamilyId::cursors;
  const std::string probes = fmt::format("{}/{}/", log_path, family(FamilyId::probes).name);
  if (key.starts_with(probes)) return FamilyId::probes;
  return std::nullopt;
}

std::vector<std::string> enclosing_paths(std::string_view log_path) {
  std::vector<std::string> paths;
  for (std::size_t slash = log_path.find('/'); slash != std::string_view::npos;
       slash = log_path.find('/', slash + 1)) {
    const std::string_view rest = log_path.substr(slash + 1);
    const std::string_view name = rest.substr(0, rest.find('/'));
    if (slash != 0 && std::ranges::find(families, name, &Family::name) != families.end()) {
      paths.emplace_back(log_path.substr(0, slash));
    }
  }
  return paths;
}

std::vector<std::string> enclosed_paths(std::string_view log_path) {
  std::vector<std::string> paths;
  for (const Family& one : families) {
    if (one.folder) paths.push_back(fmt::format("{}/{}", log_path, one.name));
  }
  return paths;
}

}  // namespace varve::format
