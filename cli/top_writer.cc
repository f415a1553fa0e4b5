// A writer by its own numbers, as `varve top` shows it.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>

#include "cli/human.h"
#include "cli/metrics_client.h"
#include "cli/top_view.h"

namespace varve::cli {
namespace {

using std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

/// What grows.
struct Counts {
  steady_clock::time_point at = steady_clock::now();
  std::uint64_t records;
  std::uint64_t bytes;
};

struct WriterRates {
  double records;
  double bytes;
};

std::optional<WriterRates> rates_of(const std::optional<Counts>& before, const Counts& now) {
  if (!before || before->records > now.records) return std::nullopt;  // the first look, or another writer
  const double seconds = std::chrono::duration<double>(now.at - before->at).count();
  return WriterRates{.records = static_cast<double>(now.records - before->records) / seconds,
                     .bytes = static_cast<double>(now.bytes - before->bytes) / seconds};
}

std::uint64_t number(const Json& writer, const char* name) { return writer.at(name).get<std::uint64_t>(); }

std::string doing(const Json& writer) {
  const Json& failure = writer.at("failure");
  if (failure.is_object()) {
    const auto code = failure.at("code").get<std::string>();
    return code == "closed" ? "closed" : code + ": " + failure.at("message").get<std::string>();
  }
  return writer.at("waiting_for_store").get<bool>() ? "waiting for the store" : "writing";
}

void add_stages(std::string& text, const Json& upload_metrics) {
  text += fmt::format("\n  {:<12}{:>12}{:>14}\n", "time of", "median ms", "99 of 100");
  constexpr std::pair<const char*, const char*> names[] = {
      {"queue", "queue"}, {"upload", "upload"}, {"order_wait", "order"}, {"callback", "callback"}};
  for (const auto& [field, name] : names) {
    const Json& stage = upload_metrics.at(field);
    text += fmt::format("  {:<12}{:>12.2f}{:>14.2f}\n", name, stage.at("p50").get<double>() / 1000,
                        stage.at("p99").get<double>() / 1000);
  }
}

void add_requests(std::string& text, const Json& writer) {
  const Json& requests = writer.at("requests");
  const auto row = [&text](const char* what, const std::string& value) {
    text += fmt::format("  {:<12}{}\n", what, value);
  };
  text += '\n';
  row("requests", fmt::format("PUT {}   GET {}   LIST {}   DELETE {}", with_commas(number(requests, "puts")),
                              with_commas(number(requests, "gets")), with_commas(number(requests, "lists")),
                              with_commas(number(requests, "deletes"))));
  std::string errors;
  for (const auto& [code, count] : requests.at("errors").items()) {
    errors +=
        fmt::format("{}{} {}", errors.empty() ? "" : "   ", code, with_commas(count.get<std::uint64_t>()));
  }
  row("errors", errors.empty() ? "none" : errors);
  row("tried again",
      fmt::format("{} uploads   slowed down {} times", with_commas(number(writer, "put_retries")),
                  with_commas(number(writer, "slowdowns"))));
  if (requests.contains("hedges")) {
    row("sent twice",
        fmt::format("{} for being slow, the second won {}", with_commas(number(requests, "hedges")),
                    with_commas(number(requests, "hedges_won"))));
  }
  row("cost so far", fmt::format("${:.4f} at the list prices of S3", requests.at("dollars").get<double>()));
}

/// The standby, where there is one (an older program's state does not have it).
std::string standby_of(const Json& writer) {
  const Json standby = writer.value("standby", Json(nullptr));
  if (!standby.is_object()) return "";
  const auto durable = with_commas(number(standby, "durable_offset"));
  if (!standby.at("degraded").get<bool>()) return fmt::format("durable {}   waited for", durable);
  return fmt::format("durable {}   DEGRADED: {} records not in the standby", durable,
                     with_commas(number(standby, "unreplicated_records")));
}

std::string screen_of(const std::string& url, const std::string& log, const Json& writer,
                      const std::optional<WriterRates>& rates) {
  std::string text = fmt::format("{}   {}\n\n", log, url);
  const auto row = [&text](const char* what, const std::string& value) {
    text += fmt::format("  {:<12}{}\n", what, value);
  };
  const auto speed = [&rates](const std::string& much) { return rates ? "   " + much + " a second" : ""; };
  row("status", doing(writer));
  row("records", with_commas(number(writer, "records")) + " acknowledged" +
                     speed(fmt::format("{:.0f}", rates ? rates->records : 0)));
  row("offsets",
      fmt::format("start {}   durable {}   end {}", with_commas(number(writer, "start_offset")),
                  with_commas(number(writer, "durable_offset")), with_commas(number(writer, "end_offset"))));
  if (const std::string standby = standby_of(writer); !standby.empty()) row("standby", standby);
  row("objects", fmt::format("{}   {}{}", with_commas(number(writer, "objects")),
                             human_bytes(number(writer, "object_bytes")),
                             speed(human_bytes(static_cast<std::uint64_t>(rates ? rates->bytes : 0)))));
  row("in flight", fmt::format("{} of {}   {} buffered   batches {:.0f} % full", number(writer, "in_flight"),
                               number(writer, "window"), human_bytes(number(writer, "buffered_bytes")),
                               writer.at("batch_fill_percent").get<double>()));
  add_stages(text, writer.at("stages_us"));
  add_requests(text, writer);
  return text;
}

/// The program serves the newest writer last.
Result<Json> newest_writer(const std::string& url) {
  auto state = state_served_at(url);
  if (!state) return state.error();
  if (state->at("writers").empty()) {
    return Error(
        Code::not_found,
        fmt::format("no writer is served at {}; of a log seen from outside give the log's URI", url));
  }
  return state->at("writers").back();
}

}  // namespace

Viewer viewer_of_writer(const std::string& url) {
  return [url, before = std::make_shared<std::optional<Counts>>()]() -> Result<View> {
    const Result<Json> served = newest_writer(url);
    if (!served) return served.error();
    try {
      Json writer = served->at("state");
      const Counts now{.records = number(writer, "records"), .bytes = number(writer, "object_bytes")};
      const std::optional<WriterRates> rates = rates_of(*before, now);
      *before = now;
      const auto log = served->at("log").get<std::string>();
      View view{.screen = screen_of(url, log, writer, rates), .json = {{"log", log}}};
      view.json.update(writer);
      view.json["records_per_second"] = rates ? Json(rates->records) : Json(nullptr);
      view.json["bytes_per_second"] = rates ? Json(rates->bytes) : Json(nullptr);
      return view;
    } catch (const Json::exception& strange) {
      return Error(Code::unsupported,
                   fmt::format("what is served at {} is another version's: {}", url, strange.what()));
    }
  };
}

}  // namespace varve::cli
