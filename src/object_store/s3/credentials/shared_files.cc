#include "object_store/s3/credentials/shared_files.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

namespace varve::object_store::s3 {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// "profile dev" in a config file is "dev"; sections of other kinds are nothing.
std::optional<std::string> profile_of_section(std::string_view section, bool is_config) {
  section = trim(section);
  constexpr std::string_view prefix = "profile";
  if (!is_config || section == "default") return std::string(section);
  if (!section.starts_with(prefix) || section.size() == prefix.size() ||
      std::isspace(static_cast<unsigned char>(section[prefix.size()])) == 0) {
    return std::nullopt;
  }
  return std::string(trim(section.substr(prefix.size())));
}

/// A comment after a value begins with a blank and '#' or ';'.
std::string_view without_comment(std::string_view value) {
  for (std::size_t i = 1; i < value.size(); ++i) {
    if ((value[i] == '#' || value[i] == ';') && (value[i - 1] == ' ' || value[i - 1] == '\t')) {
      return trim(value.substr(0, i));
    }
  }
  return value;
}

std::string file_path(const char* variable, const char* name, const Environment& environment) {
  if (const auto path = environment(variable)) return *path;
  const auto home = environment("HOME");
  return home ? *home + "/.aws/" + name : std::string();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

std::map<std::string, Profile> parse_shared_file(std::string_view text, bool is_config) {
  std::map<std::string, Profile> profiles;
  Profile* current = nullptr;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      const auto name = profile_of_section(line.substr(1, line.find(']') - 1), is_config);
      current = name ? &profiles[*name] : nullptr;
      continue;
    }
    // Indented lines are nested settings (s3 =\n  addressing_style = ...) that we do not use.
    const std::size_t equals = line.find('=');
    if (current == nullptr || equals == std::string_view::npos || raw.front() == ' ' || raw.front() == '\t')
      continue;
    (*current)[lower(trim(line.substr(0, equals)))] = without_comment(trim(line.substr(equals + 1)));
  }
  return profiles;
}

std::string profile_name(const std::string& wanted, const Environment& environment) {
  return wanted.empty() ? environment("AWS_PROFILE").value_or("default") : wanted;
}

std::optional<Profile> load_profile(const std::string& name, const Environment& environment) {
  std::optional<Profile> found;
  const auto merge = [&](const std::string& path, bool is_config) {
    if (path.empty()) return;
    auto profiles = parse_shared_file(read_file(path), is_config);
    if (const auto profile = profiles.find(name); profile != profiles.end()) {
      if (!found) found.emplace();
      found->merge(profile->second);  // what is there already stays
    }
  };
  merge(file_path("AWS_SHARED_CREDENTIALS_FILE", "credentials", environment), false);
  merge(file_path("AWS_CONFIG_FILE", "config", environment), true);
  return found;
}

std::string profile_region(const std::string& wanted, const Environment& environment) {
  const auto profile = load_profile(profile_name(wanted, environment), environment);
  if (!profile) return {};
  const auto region = profile->find("region");
  return region == profile->end() ? std::string() : region->second;
}

}  // namespace varve::object_store::s3
