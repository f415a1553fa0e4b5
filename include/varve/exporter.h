// varve/exporter.h - metrics over HTTP: Prometheus text, JSON, and a page to look at.
//
// A library of its own, `varve::exporter`: a program that does not export does not link an HTTP server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "varve/mirror.h"
#include "varve/point_reader.h"
#include "varve/reader.h"
#include "varve/result.h"
#include "varve/store.h"
#include "varve/writer.h"

namespace varve {

struct ExporterOptions {
  /// A numeric address of this machine, IPv4 or IPv6. Whoever can reach it may look, unasked: there are
  /// no passwords. The default can be reached from this machine only.
  std::string address = "127.0.0.1";

  /// 0: any that is free; `Exporter::port` tells which.
  std::uint16_t port = 0;

  /// Maximum number of connections. One more closes the oldest, so that a client with many idle connections
  /// keeps nobody out.
  std::uint32_t connections_max = 256;
};

/// Answers GET and HEAD of `/metrics` (Prometheus text), `/state` (JSON) and `/` (a page that draws it).
/// One thread serves all, and never waits for a store.
///
/// Thread-safe. What is watched must outlive the exporter.
class Exporter {
 public:
  /// Errors: `invalid_argument` (not an address of this machine), `already_exists` (the port is taken),
  /// `denied` (a port below 1024 without the right), `unavailable`.
  static Result<std::unique_ptr<Exporter>> start(const ExporterOptions& options = {});
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  /// `log` is the label by which its numbers are told from others.
  void watch(std::string log, const Writer& writer);
  void watch(std::string log, const Reader& reader);
  void watch(std::string log, const PointReader& reader);
  void watch(std::string log, const Mirror& mirror);

  /// Looks at a log from outside, at once and then every `interval_ms`, on a thread of its own. A look
  /// costs four LISTs, one more for each 1000 objects, and while a writer has the log open some 4 W GETs.
  void watch(std::string log, LogAddress address, std::uint32_t interval_ms);

  [[nodiscard]] std::uint16_t port() const noexcept;
  /// "http://127.0.0.1:9464/".
  [[nodiscard]] std::string url() const;
  /// True unless the address is of the loopback: others than this machine may look.
  [[nodiscard]] bool is_public() const noexcept;

 private:
  class Impl;
  explicit Exporter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace varve
