#include "object_store/s3/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "object_store/s3/credentials/shared_files.h"

namespace varve::object_store::s3 {
namespace {

Error wrong(std::string_view parameter, std::string_view should_be) {
  return Error(Code::invalid_argument, fmt::format("s3:// parameter '{}': {}", parameter, should_be));
}

Result<void> take_flag(const Uri& uri, const char* name, bool& flag) {
  const std::string* text = uri.param(name);
  if (text == nullptr) return {};
  if (*text != "true" && *text != "false") return wrong(name, "write true or false");
  flag = *text == "true";
  return {};
}

Result<void> take_duration(const Uri& uri, const char* name, std::chrono::milliseconds& duration) {
  const std::string* text = uri.param(name);
  if (text == nullptr) return {};
  const auto parsed = parse_duration(*text);
  if (!parsed) return parsed.error().with_context(fmt::format("s3:// parameter '{}'", name));
  duration = std::chrono::ceil<std::chrono::milliseconds>(*parsed);
  if (duration.count() < 1) return wrong(name, "must be more than nothing");
  return {};
}

/// "https://host:port" and nothing more; a path would have to be signed, a user's name would leak.
Result<std::string> checked_endpoint(std::string text) {
  constexpr std::string_view form = "write it as https://host or http://host:port";
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string::npos) return wrong("endpoint", form);
  const std::string_view scheme = std::string_view(text).substr(0, scheme_end);
  if (scheme != "https" && scheme != "http") return wrong("endpoint", form);
  std::string_view host = std::string_view(text).substr(scheme_end + 3);
  if (host.ends_with('/')) host.remove_suffix(1);
  if (host.empty() || host.find_first_of("/@?# ") != std::string_view::npos) return wrong("endpoint", form);
  text.resize(scheme_end + 3 + host.size());
  return text;
}

std::string aws_endpoint(std::string_view region) {
  // https://docs.aws.amazon.com/general/latest/gr/s3.html
  return fmt::format("https://s3.{}.amazonaws.com{}", region, region.starts_with("cn-") ? ".cn" : "");
}

Result<void> take_endpoint_and_region(const Uri& uri, const Environment& environment, Settings& settings) {
  const auto first_of = [&](std::initializer_list<const char*> names) -> std::string {
    for (const char* name : names) {
      if (const auto value = environment(name)) return *value;
    }
    return {};
  };
  const std::string* endpoint = uri.param("endpoint");
  settings.endpoint = endpoint ? *endpoint : first_of({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  const std::string* region = uri.param("region");
  settings.region = region ? *region : first_of({"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (settings.region.empty()) settings.region = profile_region(settings.profile, environment);
  settings.on_aws = settings.endpoint.empty();
  if (settings.on_aws) {
    if (settings.region.empty()) {
      return wrong(
          "region",
          "not given: add ?region=... (or set AWS_REGION); the bucket's page in the console shows it");
    }
    settings.endpoint = aws_endpoint(settings.region);
    return {};
  }
  // Servers that have no regions still need one in the signature, and expect this one.
  if (settings.region.empty()) settings.region = "us-east-1";
  auto checked = checked_endpoint(settings.endpoint);
  if (!checked) return checked.error();
  settings.endpoint = *std::move(checked);
  settings.on_aws =
      settings.endpoint.ends_with(".amazonaws.com") || settings.endpoint.ends_with(".amazonaws.com.cn");
  return {};
}

Result<void> take_checksum(const Uri& uri, Settings& settings) {
  settings.checksum = settings.on_aws ? Checksum::crc32c : Checksum::none;
  const std::string* text = uri.param("checksum");
  if (text == nullptr) return {};
  if (*text == "crc32c") {
    settings.checksum = Checksum::crc32c;
  } else if (*text == "md5") {
    settings.checksum = Checksum::md5;
  } else if (*text == "none") {
    settings.checksum = Checksum::none;
  } else {
    return wrong("checksum", "write crc32c, md5 or none");
  }
  return {};
}

Result<void> take_encryption(const Uri& uri, Settings& settings) {
  if (const std::string* text = uri.param("sse")) {
    if (*text == "AES256") {
      settings.encryption = Encryption::s3;
    } else if (*text == "aws:kms") {
      settings.encryption = Encryption::kms;
    } else {
      return wrong("sse", "write AES256 or aws:kms");
    }
  }
  if (const std::string* key = uri.param("sse_kms_key")) {
    if (settings.encryption != Encryption::kms) return wrong("sse_kms_key", "needs sse=aws:kms beside it");
    settings.kms_key = *key;
  }
  return {};
}

Result<void> take_transport(const Uri& uri, Settings& settings) {
  if (const std::string* file = uri.param("ca_file")) settings.ca_file = *file;
  if (const std::string* proxy = uri.param("proxy")) {
    if (proxy->find('@') != std::string::npos) {
      return wrong(
          "proxy",
          "must not contain a password, because URIs are shown: set https_proxy in the environment instead");
    }
    settings.proxy = *proxy;
  }
  if (const std::string* count = uri.param("max_in_flight")) {
    const auto parsed = parse_count(*count);
    if (!parsed || *parsed < 1 || *parsed > 1024)
      return wrong("max_in_flight", "write a number from 1 to 1024");
    settings.max_in_flight = static_cast<std::uint32_t>(*parsed);
  }
  for (const auto& [name, duration] : {std::pair{"connect_timeout", &settings.connect_timeout},
                                       {"stall_timeout", &settings.stall_timeout},
                                       {"attempt_timeout", &settings.attempt_timeout},
                                       {"deadline", &settings.deadline}}) {
    if (auto taken = take_duration(uri, name, *duration); !taken) return taken;
  }
  return take_flag(uri, "hedge", settings.hedge);
}

/// Letters, digits, '.', '-' (and '_' of old buckets): nothing that would need an escape.
bool bucket_name_is_legal(std::string_view name) {
  return name.size() >= 3 && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
         });
}

}  // namespace

std::string Settings::base_url() const {
  if (path_style) return endpoint;
  const std::size_t host_begin = endpoint.find("://") + 3;
  return fmt::format("{}{}.{}", endpoint.substr(0, host_begin), bucket, endpoint.substr(host_begin));
}

std::string Settings::host() const {
  const std::string url = base_url();
  const std::size_t host_begin = url.find("://") + 3;
  std::string host = url.substr(host_begin);
  const std::string_view default_port = url.starts_with("https") ? ":443" : ":80";
  if (host.ends_with(default_port)) host.resize(host.size() - default_port.size());
  return host;
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

Result<Settings> settings_from(const Uri& uri, const Environment& environment) {
  if (auto known =
          expect_params(uri, {"endpoint", "region", "path_style", "anonymous", "profile", "checksum", "sse",
                              "sse_kms_key", "ca_file", "proxy", "connect_timeout", "stall_timeout",
                              "attempt_timeout", "deadline", "max_in_flight", "hedge"});
      !known) {
    return known.error();
  }
  Settings settings;
  settings.bucket = uri.authority;
  if (!bucket_name_is_legal(settings.bucket)) {
    return Error(Code::invalid_argument, "s3:// needs a bucket's name: s3://bucket/path/of/the/log");
  }
  if (!uri.path.empty()) {
    return Error(
        Code::invalid_argument,
        fmt::format("an s3 store is a whole bucket: open s3://{} (what follows belongs to the log's name)",
                    settings.bucket));
  }
  if (const std::string* profile = uri.param("profile")) settings.profile = *profile;
  if (auto taken = take_flag(uri, "anonymous", settings.anonymous); !taken) return taken.error();
  if (auto taken = take_endpoint_and_region(uri, environment, settings); !taken) return taken.error();
  // Names with dots do not match the endpoint's wildcard certificate.
  settings.path_style = !settings.on_aws || settings.bucket.find('.') != std::string::npos;
  if (auto taken = take_flag(uri, "path_style", settings.path_style); !taken) return taken.error();
  if (auto taken = take_checksum(uri, settings); !taken) return taken.error();
  if (auto taken = take_encryption(uri, settings); !taken) return taken.error();
  if (auto taken = take_transport(uri, settings); !taken) return taken.error();
  return settings;
}

}  // namespace varve::object_store::s3
