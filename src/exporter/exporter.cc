#include "varve/exporter.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <utility>
#include <vector>

#include "exporter/http_server.h"
#include "exporter/page.h"
#include "exporter/prometheus.h"
#include "exporter/state.h"

namespace varve {

using exporter::Answer;
using exporter::HttpServer;
using Json = nlohmann::ordered_json;

class Exporter::Impl {
 public:
  Result<void> start(const ExporterOptions& options) {
    address_ = options.address;
    auto server = HttpServer::start(options, [this](std::string_view path) { return answer(path); });
    if (!server) return server.error();
    server_ = *std::move(server);
    return {};
  }

  // The server goes first: it asks for what the rest has.
  ~Impl() { server_.reset(); }

  void watch(std::string log, const Writer& writer) {
    const std::lock_guard lock(mutex_);
    writers_.push_back({std::move(log), &writer});
  }
  void watch(std::string log, const Reader& reader) {
    const std::lock_guard lock(mutex_);
    readers_.push_back({std::move(log), &reader});
  }
  void watch(std::string log, const PointReader& reader) {
    const std::lock_guard lock(mutex_);
    point_readers_.push_back({std::move(log), &reader});
  }
  void watch(std::string log, const Mirror& mirror) {
    const std::lock_guard lock(mutex_);
    mirrors_.push_back({std::move(log), &mirror});
  }
  void watch(std::string log, LogAddress address, std::uint32_t interval_ms) {
    auto watch = std::make_unique<exporter::LogWatch>(std::move(address), interval_ms);
    const std::lock_guard lock(mutex_);
    logs_.push_back({std::move(log), std::move(watch)});
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }
  [[nodiscard]] bool is_public() const noexcept { return !server_->is_loopback(); }
  [[nodiscard]] std::string url() const {
    const bool v6 = address_.find(':') != std::string::npos;
    return fmt::format("http://{}{}{}:{}/", v6 ? "[" : "", address_, v6 ? "]" : "", port());
  }

 private:
  template <class Subject>
  struct Watched {
    std::string log;
    Subject subject;
  };

  Answer answer(std::string_view path) {
    if (path == "/metrics") return {.type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics()};
    if (path == "/state") return {.type = "application/json", .body = state()};
    if (const auto file = exporter::page_file(path)) {
      return {.type = std::string(file->type), .body = std::string(file->text)};
    }
    return {.status = 404, .body = "there are /, /metrics and /state\n"};
  }

  std::string metrics() {
    const std::lock_guard lock(mutex_);
    exporter::Families families;
    for (const auto& [log, writer] : writers_) {
      exporter::add_writer(families, log, writer->status(), writer->metrics());
    }
    for (const auto& [log, reader] : readers_) exporter::add_reader(families, log, reader->metrics());
    for (const auto& [log, reader] : point_readers_) {
      exporter::add_point_reader(families, log, reader->metrics());
    }
    for (const auto& [log, mirror] : mirrors_) exporter::add_mirror(families, log, mirror->status());
    for (const auto& [log, watch] : logs_) exporter::add_log(families, log, watch->latest());
    return prometheus::TextSerializer().Serialize(families.take());
  }

  std::string state() {
    const std::lock_guard lock(mutex_);
    Json writers = Json::array();
    for (const auto& [log, writer] : writers_) {
      writers.push_back(
          {{"log", log}, {"state", exporter::writer_state(writer->status(), writer->metrics())}});
    }
    Json readers = Json::array();
    for (const auto& [log, reader] : readers_) {
      readers.push_back({{"log", log}, {"state", exporter::reader_state(reader->metrics())}});
    }
    Json point_readers = Json::array();
    for (const auto& [log, reader] : point_readers_) {
      point_readers.push_back({{"log", log}, {"state", exporter::point_reader_state(reader->metrics())}});
    }
    Json mirrors = Json::array();
    for (const auto& [log, mirror] : mirrors_) {
      mirrors.push_back({{"log", log}, {"state", Json::parse(to_json(mirror->status()))}});
    }
    Json logs = Json::array();
    for (const auto& [log, watch] : logs_) {
      logs.push_back({{"log", log}, {"state", exporter::log_state(watch->latest())}});
    }
    const Json all{{"writers", std::move(writers)},
                   {"readers", std::move(readers)},
                   {"point_readers", std::move(point_readers)},
                   {"mirrors", std::move(mirrors)},
                   {"logs", std::move(logs)}};
    // Names in a store may be any bytes.
    return all.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  std::string address_;
  std::mutex mutex_;  // guards the next five
  std::vector<Watched<const Writer*>> writers_;
  std::vector<Watched<const Reader*>> readers_;
  std::vector<Watched<const PointReader*>> point_readers_;
  std::vector<Watched<const Mirror*>> mirrors_;
  std::vector<Watched<std::unique_ptr<exporter::LogWatch>>> logs_;
  std::unique_ptr<HttpServer> server_;
};

Exporter::Exporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Exporter::~Exporter() = default;

Result<std::unique_ptr<Exporter>> Exporter::start(const ExporterOptions& options) {
  if (options.connections_max < 1 || options.connections_max > 4096) {
    return Error(Code::invalid_argument, "connections_max must be 1 to 4096");
  }
  auto impl = std::make_unique<Impl>();
  if (const Result<void> started = impl->start(options); !started) return started.error();
  return std::unique_ptr<Exporter>(new Exporter(std::move(impl)));
}

void Exporter::watch(std::string log, const Writer& writer) { impl_->watch(std::move(log), writer); }
void Exporter::watch(std::string log, const Reader& reader) { impl_->watch(std::move(log), reader); }
void Exporter::watch(std::string log, const PointReader& reader) { impl_->watch(std::move(log), reader); }
void Exporter::watch(std::string log, const Mirror& mirror) { impl_->watch(std::move(log), mirror); }
void Exporter::watch(std::string log, LogAddress address, std::uint32_t interval_ms) {
  impl_->watch(std::move(log), std::move(address), interval_ms);
}
std::uint16_t Exporter::port() const noexcept { return impl_->port(); }
std::string Exporter::url() const { return impl_->url(); }
bool Exporter::is_public() const noexcept { return impl_->is_public(); }

}  // namespace varve
