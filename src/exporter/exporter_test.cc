#include "varve/exporter.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/recorder.h"
#include "exporter/families.h"
#include "exporter/old_names.h"
#include "object_store/descriptor.h"

namespace varve::exporter {
namespace {

using object_store::Descriptor;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Descriptor connect_to(std::uint16_t port) {
  Descriptor connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return connection;
}

/// What comes until the server closes.
std::string read_all(const Descriptor& connection) {
  std::string all;
  char buffer[65536];
  for (;;) {
    const ssize_t bytes = ::recv(connection.get(), buffer, sizeof buffer, 0);
    if (bytes <= 0) return all;
    all.append(buffer, static_cast<std::size_t>(bytes));
  }
}

std::string ask(const Exporter& exporter, std::string_view request_line) {
  const Descriptor connection = connect_to(exporter.port());
  const std::string request = std::string(request_line) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  return read_all(connection);
}

nlohmann::json state_of(const Exporter& exporter) {
  const std::string answer = ask(exporter, "GET /state");
  return nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
}

std::unique_ptr<Exporter> started(ExporterOptions options = {}) { return Exporter::start(options).value(); }

TEST(Families, AHistogramIsCumulativeAndInItsUnit) {
  base::LatencyRecorder recorder;
  recorder.record(80);
  recorder.record(900);
  recorder.record(1'000'000'000);
  Families families;
  families.histogram("x_seconds", "Help.", recorder.snapshot(), 1e6, {{.name = "log", .value = "a\"b"}});
  const std::string text = prometheus::TextSerializer().Serialize(families.take());
  EXPECT_THAT(text, HasSubstr("# HELP x_seconds Help.\n# TYPE x_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{log=\"a\\\"b\",le=\"0.0001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("le=\"0.001\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_count{log=\"a\\\"b\"} 3\n"));
}

TEST(Exporter, ShowsAWriterAndItsLogFromOutside) {
  const LogAddress log = resolve("mem://exporter-test/log").value();
  auto writer = Writer::open(log).value();
  const std::string record = "record";
  ASSERT_TRUE(writer->append(std::as_bytes(std::span(record))));
  ASSERT_TRUE(writer->flush());
  auto reader = Reader::open(log).value();
  ASSERT_TRUE(*reader->next());
  auto points = PointReader::open(log).value();
  ASSERT_TRUE(points->read(0));
  const auto exporter = started();
  exporter->watch("mem://exporter-test/log", *points);
  exporter->watch("mem://exporter-test/log", *writer);
  exporter->watch("mem://exporter-test/log", *reader);
  exporter->watch("mem://exporter-test/log", log, 3'600'000);

  const std::string metrics = ask(*exporter, "GET /metrics");
  EXPECT_THAT(metrics, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(metrics, HasSubstr("text/plain; version=0.0.4"));
  for (const char* line :
       {"varve_writer_durable_offset{log=\"mem://exporter-test/log\",by=\"writer\"} 1\n",
        "varve_writer_records_total{log=\"mem://exporter-test/log\",by=\"writer\"} 1\n",
        "varve_writer_zstd_objects_total{log=\"mem://exporter-test/log\",by=\"writer\"} 0\n",
        "# TYPE varve_writer_compress_seconds histogram\n", "# TYPE varve_writer_upload_seconds histogram\n",
        "varve_reader_records_total{",
        "varve_point_reader_records_total{log=\"mem://exporter-test/log\",by=\"point_reader\"} 1\n",
        "varve_requests_total{log=\"mem://exporter-test/log\",by=\"writer\",request=\"put\"} 3\n"}) {
    EXPECT_THAT(metrics, HasSubstr(line));
  }
  // The first inspection is under way on its own thread.
  nlohmann::json state;
  do state = state_of(*exporter);
  while (state["logs"][0]["state"]["inspections"] == 0);
  const auto& info = state["logs"][0]["state"]["info"];
  EXPECT_EQ(info["end_offset"], 1);
  EXPECT_EQ(info["newest"][0]["role"], "seal");
  EXPECT_EQ(info["newest"][1]["role"], "data");
  EXPECT_EQ(state["writers"][0]["state"]["stages_us"]["upload"]["count"], 1);
  EXPECT_EQ(state["readers"][0]["state"]["records"], 1);
  EXPECT_EQ(state["point_readers"][0]["state"]["searches"], 1);
  EXPECT_THAT(ask(*exporter, "GET /metrics"),
              HasSubstr("varve_log_end_offset{log=\"mem://exporter-test/log\"} 1\n"));
}

// For one version, what was renamed has its old name too; and the renamed ones are those that exist.
TEST(Exporter, TellsMetricsByTheirOldNamesToo) {
  const std::string names[] = {"mem://exporter-renamed/log", "mem://exporter-renamed-standby/log"};
  const LogAddress log = resolve(names[0]).value();
  auto writer = Writer::open(log, {.standby = resolve(names[1]).value()}).value();
  const std::string record = "record";
  ASSERT_TRUE(writer->append(std::as_bytes(std::span(record))));
  ASSERT_TRUE(writer->flush());
  auto reader = Reader::open(log).value();
  auto points = PointReader::open(log).value();
  const auto exporter = started();
  exporter->watch(names[0], *writer);
  exporter->watch(names[0], *reader);
  exporter->watch(names[0], *points);
  exporter->watch(names[0], log, 3'600'000);
  nlohmann::json state;
  do state = state_of(*exporter);
  while (state["logs"][0]["state"]["inspections"] == 0);

  const std::string metrics = ask(*exporter, "GET /metrics");
  for (const auto& [now, before] : renamed_families()) {
    EXPECT_THAT(metrics, HasSubstr(std::string("# TYPE ") + now + " "));
    EXPECT_THAT(metrics, HasSubstr(std::string("# TYPE ") + before + " "));
  }
  const char* old = "varve_writer_second_durable_offset{log=";  // old spelling
  EXPECT_THAT(metrics, HasSubstr(old + std::string("\"mem://exporter-renamed/log\",by=\"writer\"} 1\n")));
  const auto& of_writer = state["writers"][0]["state"];
  EXPECT_EQ(of_writer["standby"]["durable_offset"], 1);
  EXPECT_EQ(of_writer["second"]["durable_offset"], 1);
  EXPECT_EQ(of_writer["second"]["records_in_first_alone"], 0);  // old spelling
  EXPECT_EQ(of_writer["second"]["times_alone"], 0);             // old spelling
  EXPECT_EQ(of_writer["cut_objects"], 0);                       // old spelling
  const auto& of_points = state["point_readers"][0]["state"];
  EXPECT_EQ(of_points["looks"], of_points["refreshes"]);           // old spelling
  EXPECT_EQ(state["logs"][0]["state"]["looks"], 1);                // old spelling
  EXPECT_EQ(state["logs"][0]["state"]["looks_failed"], 0);         // old spelling
  EXPECT_EQ(state["logs"][0]["state"]["info"]["cut_objects"], 0);  // old spelling
  EXPECT_EQ(state["logs"][0]["state"]["info"]["retired"], false);  // old spelling
}

TEST(Exporter, ALogThatIsNotThereIsAnErrorToShowNotAReasonToEnd) {
  const auto exporter = started();
  exporter->watch("nothing", resolve("mem://exporter-nothing/log").value(), 3'600'000);
  nlohmann::json state;
  do state = state_of(*exporter);
  while (state["logs"][0]["state"]["inspections"] == 0);
  EXPECT_EQ(state["logs"][0]["state"]["error"]["code"], "not_found");
  EXPECT_TRUE(state["logs"][0]["state"]["info"].is_null());
  EXPECT_THAT(ask(*exporter, "GET /metrics"),
              HasSubstr("varve_inspections_failed_total{log=\"nothing\"} 1\n"));
}

TEST(Exporter, ServesThePageWithNothingFromElsewhere) {
  const auto exporter = started();
  const std::string page = ask(*exporter, "GET /");
  EXPECT_THAT(page, HasSubstr("text/html"));
  EXPECT_THAT(page, HasSubstr("Content-Security-Policy: default-src 'self'"));
  EXPECT_THAT(ask(*exporter, "GET /page.js"), HasSubstr("text/javascript"));
  EXPECT_THAT(ask(*exporter, "GET /page.css"), HasSubstr("text/css"));
  for (const char* path : {"GET /", "GET /page.css"}) {
    EXPECT_THAT(ask(*exporter, path), Not(HasSubstr("https://"))) << path;
  }
}

TEST(Exporter, AnswersBadRequestsAndGoesOn) {
  const auto exporter = started();
  EXPECT_THAT(ask(*exporter, "GET /nothing"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask(*exporter, "GET /../etc/passwd"), StartsWith("HTTP/1.1 404 "));
  const std::string refused = ask(*exporter, "POST /metrics");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(refused, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(ask(*exporter, "DELETE /"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask(*exporter, "GET /" + std::string(100'000, 'x')), Not(StartsWith("HTTP/1.1 200 ")));
  const std::string head = ask(*exporter, "HEAD /metrics");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(head.substr(head.find("\r\n\r\n")), "\r\n\r\n") << "no body";
  EXPECT_THAT(ask(*exporter, "nonsense"), Not(StartsWith("HTTP/1.1 200 ")));
  EXPECT_THAT(ask(*exporter, "GET /metrics"), StartsWith("HTTP/1.1 200 "));
}

TEST(Exporter, IdleConnectionsKeepNobodyOut) {
  const auto exporter = started({.connections_max = 16});
  std::vector<Descriptor> idle;
  for (int i = 0; i < 400; ++i) idle.push_back(connect_to(exporter->port()));
  EXPECT_THAT(ask(*exporter, "GET /metrics"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(read_all(idle.front()), "") << "the oldest was closed to make room";
}

TEST(Exporter, ToldToListenWhereItCannotItSaysWhy) {
  const auto exporter = started();
  const auto taken = Exporter::start({.port = exporter->port()});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), Code::already_exists);
  EXPECT_THAT(taken.error().message(), HasSubstr(std::to_string(exporter->port())));
  EXPECT_EQ(Exporter::start({.address = "localhost"}).error().code(), Code::invalid_argument);
  EXPECT_EQ(Exporter::start({.address = "192.0.2.1"}).error().code(), Code::invalid_argument);
  EXPECT_EQ(Exporter::start({.connections_max = 0}).error().code(), Code::invalid_argument);
}

TEST(Exporter, SaysWhoCanReachIt) {
  const auto here = started();
  EXPECT_FALSE(here->is_public());
  EXPECT_EQ(here->url(), "http://127.0.0.1:" + std::to_string(here->port()) + "/");
  EXPECT_TRUE(started({.address = "0.0.0.0"})->is_public());
}

}  // namespace
}  // namespace varve::exporter
