// A log from outside, as `varve top` shows it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "cli/human.h"
#include "cli/json.h"
#include "cli/log_uri.h"
#include "cli/top_view.h"
#include "varve/cursor.h"
#include "varve/doctor.h"
#include "varve/inspect.h"

namespace varve::cli {
namespace {

using std::chrono::steady_clock;

/// The log at one moment.
struct Look {
  LogInfo info;
  std::vector<Cursor> cursors;
  steady_clock::time_point at = steady_clock::now();
};

Result<Look> read_log_state(const LogAddress& log, const Cursors& cursors) {
  auto info = inspect(log);
  if (!info) return info.error();
  auto all = cursors.list();
  if (!all) return all.error();
  return Look{.info = *std::move(info), .cursors = *std::move(all)};
}

std::uint64_t lag_of(const Cursor& cursor, const LogInfo& info) {
  return info.end_offset - std::min(cursor.offset, info.end_offset);
}

struct Rates {
  double records = 0;
  double bytes = 0;
};

/// Nothing before a second look. Bytes are those stored: a trim takes some away meanwhile.
std::optional<Rates> rates_of(const std::optional<Look>& before, const Look& now) {
  if (!before) return std::nullopt;
  const double seconds = std::chrono::duration<double>(now.at - before->at).count();
  if (seconds <= 0) return std::nullopt;
  const auto grown = [](std::uint64_t from, std::uint64_t to) {
    return to > from ? static_cast<double>(to - from) : 0;
  };
  return Rates{.records = grown(before->info.end_offset, now.info.end_offset) / seconds,
               .bytes = grown(before->info.bytes, now.info.bytes) / seconds};
}

std::string screen_of(const std::string& name, const Look& look, const std::optional<Rates>& rates) {
  const LogInfo& info = look.info;
  std::string text = fmt::format("{}\n\n", name);
  const auto row = [&text](const char* what, const std::string& value) {
    text += fmt::format("  {:<10} {}\n", what, value);
  };
  row("records", fmt::format("{}{}", with_commas(info.end_offset - info.start_offset),
                             rates ? fmt::format("   {:.0f} a second", rates->records) : ""));
  row("offsets", fmt::format("start {}   durable {}   end {}", with_commas(info.start_offset),
                             with_commas(info.durable_offset), with_commas(info.end_offset)));
  row("objects",
      fmt::format(
          "{}   {}{}", with_commas(info.objects), human_bytes(info.bytes),
          rates ? fmt::format("   {} a second", human_bytes(static_cast<std::uint64_t>(rates->bytes))) : ""));
  if (info.damage) row("DAMAGED", info.damage->message());
  if (info.truncated_objects != 0)
    row("tail", fmt::format("{} behind it: on their way, or cut off by the next open",
                            counted(info.truncated_objects, "object")));
  if (info.garbage_objects != 0)
    row("trimmed", fmt::format("{} still to be deleted", counted(info.garbage_objects, "object")));
  row("cost", fmt::format("storage ${:.4f} a month", price_of_keeping(info.bytes)));
  text += fmt::format("\n  {:>10}  {:>14}  {:<23}  {:<24} {}\n", "epoch", "first offset", "sealed at", "by",
                      "ended");
  constexpr std::size_t epochs_shown = 5;
  const std::size_t skipped = info.epochs.size() - std::min(info.epochs.size(), epochs_shown);
  for (std::size_t i = skipped; i < info.epochs.size(); ++i) {
    const EpochInfo& epoch = info.epochs[i];
    text += fmt::format("  {:>10}  {:>14}  {:<23}  {:<24} {}\n", epoch.epoch, with_commas(epoch.first_offset),
                        epoch.sealed_unix_ms == 0 ? "-" : human_time(epoch.sealed_unix_ms),
                        epoch.sealed_by.empty() ? "-" : epoch.sealed_by,
                        epoch.closed_cleanly        ? "closed"
                        : epoch.epoch == info.epoch ? "open, or its writer is gone"
                                                    : "taken over");
  }
  if (look.cursors.empty()) return text + "\n  no cursors\n";
  text += fmt::format("\n  {:<24}  {:>14}  {:>14}\n", "cursor", "offset", "behind");
  for (const Cursor& cursor : look.cursors) {
    const std::string offset = cursor.readable ? with_commas(cursor.offset) : "?";
    const std::string behind = cursor.problem ? "?" : with_commas(lag_of(cursor, info));
    text += fmt::format("  {:<24}  {:>14}  {:>14}\n", cursor.name, offset, behind);
    if (cursor.problem) text += fmt::format("    {}\n", cursor.problem->message());
  }
  return text;
}

nlohmann::ordered_json look_json(const Look& look, const std::optional<Rates>& rates) {
  nlohmann::ordered_json json = json_of(look.info);
  auto cursors = nlohmann::ordered_json::array();
  for (const Cursor& cursor : look.cursors) {
    nlohmann::ordered_json one{
        {"name", cursor.name}, {"offset", cursor.offset}, {"lag", lag_of(cursor, look.info)}};
    if (!cursor.readable) one["offset"] = nullptr;
    if (cursor.problem) {
      one["lag"] = nullptr;
      one["problem"] = problem_json(*cursor.problem);
    }
    cursors.push_back(std::move(one));
  }
  json["cursors"] = std::move(cursors);
  json["records_per_second"] =
      rates ? nlohmann::ordered_json(rates->records) : nlohmann::ordered_json(nullptr);
  json["bytes_per_second"] = rates ? nlohmann::ordered_json(rates->bytes) : nlohmann::ordered_json(nullptr);
  json["storage_dollars_month"] = price_of_keeping(look.info.bytes);
  return json;
}

}  // namespace

Result<Viewer> viewer_of_log(const std::string& uri) {
  auto log = resolve_log(uri);
  if (!log) return log.error();
  auto cursors = Cursors::open(*log);
  if (!cursors) return cursors.error();
  auto before = std::make_shared<std::optional<Look>>();
  return Viewer([uri, log = *std::move(log), cursors = *std::move(cursors), before]() -> Result<View> {
    Result<Look> now = read_log_state(log, cursors);
    if (!now) return now.error();
    const std::optional<Rates> rates = rates_of(*before, *now);
    View view{.screen = screen_of(uri, *now, rates), .json = look_json(*now, rates)};
    *before = *std::move(now);
    return view;
  });
}

}  // namespace varve::cli
