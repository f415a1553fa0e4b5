#include "trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>

namespace varve::s3_trial {

using std::chrono::milliseconds;

Gateway gateway;

int Gateway::run(const std::string& verb) const {
  return std::system(fmt::format("'{}' {} '{}'", script, verb, dir).c_str());
}

std::optional<Gateway> find_gateway() {
  const char* script = std::getenv("VARVE_RGW");
  const char* dir = std::getenv("VARVE_RGW_DIR");
  if (script == nullptr || dir == nullptr) return std::nullopt;
  std::ifstream env(std::string(dir) + "/env");
  for (std::string line; std::getline(env, line);) {
    const std::size_t equals = line.find('=');
    if (!line.starts_with("export ") || equals == std::string::npos) return std::nullopt;
    ::setenv(line.substr(7, equals - 7).c_str(), line.substr(equals + 1).c_str(), 1);
  }
  const char* endpoint = std::getenv("AWS_ENDPOINT_URL_S3");
  if (endpoint == nullptr || std::getenv("S3_BUCKET") == nullptr) return std::nullopt;
  const int port = std::atoi(std::strrchr(endpoint, ':') + 1);
  return Gateway{.script = script, .dir = dir, .port = port};
}

std::string fresh_place(const std::string& name) {
  return fmt::format("s3://{}/{}-{:08x}/log", std::getenv("S3_BUCKET"), name, std::random_device()());
}

LogAddress at(const std::string& place, std::optional<int> port, const std::string& parameters) {
  return resolve(fmt::format("{}?endpoint=http://127.0.0.1:{}&connect_timeout=1s&stall_timeout=1s"
                             "&attempt_timeout=2s{}",
                             place, port.value_or(gateway.port), parameters))
      .value();
}

std::string record_at(std::uint64_t seed, Offset offset) {
  std::mt19937_64 random(seed + offset);
  // Mostly small, some larger than all else of their batch.
  std::string record(random() % (random() % 16 == 0 ? 20'000 : 2'000), '\0');
  for (std::size_t i = 0; i + 8 <= record.size(); i += 8) {
    const std::uint64_t bytes = random();
    std::memcpy(record.data() + i, &bytes, sizeof(bytes));
  }
  return fmt::format("{}:{}", offset, record);
}

void Outcomes::hear(Offset offset, const Result<Offset>& outcome) {
  const std::lock_guard lock(mutex_);
  if (complaint_.empty() && offset != next_) {
    complaint_ = fmt::format("the outcome of offset {} was told, that of {} is next", offset, next_);
  }
  next_ = offset + 1;
  told_.notify_all();
  if (outcome) {
    if (*outcome != offset) complaint_ = fmt::format("offset {} was acknowledged as {}", offset, *outcome);
    if (!failed_.empty()) complaint_ = fmt::format("offset {} was acknowledged after a failure", offset);
    acknowledged_end_ = offset + 1;
  } else {
    failed_.push_back({offset, outcome.error()});
  }
}

bool Outcomes::wait_for(Offset offset, Moment deadline) const {
  std::unique_lock lock(mutex_);
  return told_.wait_until(lock, deadline, [&] { return next_ >= offset; });
}

Offset Outcomes::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return acknowledged_end_.value_or(0);
}

std::vector<Outcomes::Failure> Outcomes::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::string Outcomes::complaint() const {
  const std::lock_guard lock(mutex_);
  return complaint_;
}

namespace {

milliseconds time_until(Moment deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, milliseconds(0));
}

}  // namespace

std::string append_up_to(Writer& writer, Outcomes& outcomes, std::uint64_t seed, Offset end,
                         Moment deadline) {
  for (Offset offset = writer.status().end_offset; offset < end; ++offset) {
    const std::string record = record_at(seed, offset);
    const auto appended =
        writer.append_wait(std::as_bytes(std::span(record)), time_until(deadline), outcomes.of(offset));
    if (!appended) return fmt::format("append at {}: {}", offset, appended.error().message());
    if (*appended != offset) return fmt::format("offset {} where {} was due", *appended, offset);
  }
  return {};
}

std::string follow(const LogAddress& log, std::uint64_t seed, Offset from, Offset end, Moment deadline) {
  auto reader = Reader::open(
      log,
      {.from = from, .follow = true, .read_ahead_bytes = 1 << 20, .read_ahead_objects = 8, .poll_ms = 20});
  if (!reader) return fmt::format("open at {}: {}", from, reader.error().message());
  for (Offset offset = from; offset < end; ++offset) {
    const auto record = (*reader)->next(time_until(deadline));
    if (!record) return fmt::format("offset {}: {}", offset, record.error().message());
    if (!*record) return fmt::format("offset {} did not come in time", offset);
    if ((*record)->offset != offset) return fmt::format("offset {} came as {}", offset, (*record)->offset);
    const std::string expected = record_at(seed, offset);
    if (!std::ranges::equal((*record)->data, std::as_bytes(std::span(expected)))) {
      return fmt::format("offset {} holds other bytes than were appended", offset);
    }
  }
  return {};
}

#ifdef VARVE_SANITIZED
std::size_t peak_resident_bytes() { return 0; }
#else
std::size_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}
#endif

// https://www.kernel.org/doc/html/latest/filesystems/proc.html: 5 resets the peak
void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

}  // namespace varve::s3_trial
