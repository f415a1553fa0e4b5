// The files that the AWS command line and SDKs share: ~/.aws/credentials and ~/.aws/config.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "object_store/s3/settings.h"

namespace varve::object_store::s3 {

/// One profile's settings, by lower-case name.
using Profile = std::map<std::string, std::string>;

/// All profiles of a file by name. In a config file sections are called "profile NAME" (but
/// "default"); other sections are left out. Lines that make no sense are skipped, as the SDKs do.
std::map<std::string, Profile> parse_shared_file(std::string_view text, bool is_config);

/// The profile in use: `wanted`, or AWS_PROFILE, or "default".
std::string profile_name(const std::string& wanted, const Environment& environment);

/// Both files' settings for it, those of the credentials file first. Nothing if neither has it.
std::optional<Profile> load_profile(const std::string& name, const Environment& environment);

/// Its `region`, or nothing.
std::string profile_region(const std::string& wanted, const Environment& environment);

}  // namespace varve::object_store::s3
