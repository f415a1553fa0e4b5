#include "exporter/state.h"

#include <algorithm>

#include "exporter/old_names.h"
#include "varve/doctor.h"

namespace varve::exporter {
namespace {

using Json = nlohmann::ordered_json;

Json histogram_state(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"mean", histogram.mean()},
          {"p50", histogram.quantile(0.5)},
          {"p99", histogram.quantile(0.99)},
          {"counts", histogram.counts},
          {"upper_bounds",
           std::vector<std::uint64_t>(histogram.upper_bounds.begin(), histogram.upper_bounds.end())}};
}

/// By code; answers that are no information, as `RequestMetrics::failed` has it.
Json errors_state(const StoreRequests& requests) {
  Json state = Json::object();
  for (std::size_t i = 0; i < code_count; ++i) {
    const auto code = static_cast<Code>(i);
    if (code == Code::not_found || code == Code::already_exists) continue;
    std::uint64_t count = 0;
    for (const RequestMetrics* kind : {&requests.put, &requests.get, &requests.list, &requests.remove}) {
      count += kind->errors.at(i);
    }
    if (count != 0) state[std::string(to_string(code))] = count;
  }
  return state;
}

Json requests_state(const StoreRequests& requests, const std::optional<StoreMetrics>& store) {
  const RequestTotals sent = store ? store->sent : requests.totals();
  Json state{{"puts", sent.puts},
             {"gets", sent.gets},
             {"lists", sent.lists},
             {"deletes", sent.deletes},
             {"failed", requests.put.failed() + requests.get.failed() + requests.list.failed() +
                            requests.remove.failed()},
             {"errors", errors_state(requests)},
             {"dollars", price_of(sent)}};
  if (store) {
    state["retries_throttled"] = store->retries_throttled;
    state["retries_failed"] = store->retries_failed;
    state["retries_credentials"] = store->retries_credentials;
    state["retries_clock"] = store->retries_clock;
    state["hedges"] = store->hedges;
    state["hedges_won"] = store->hedges_won;
  }
  return state;
}

Json error_state(const std::optional<Error>& error) {
  if (!error) return nullptr;
  return {{"code", to_string(error->code())}, {"message", error->message()}};
}

Json info_state(const LogInfo& info) {
  Json state = Json::parse(to_json(info));
  state["storage_dollars_month"] = price_of_keeping(info.bytes);
  return state;
}

Json standby_state(const WriterStatus& status, const WriterMetrics& metrics) {
  if (!status.standby) return nullptr;
  return {{"name", status.standby->name},
          {"durable_offset", status.standby->durable_offset},
          {"degraded", status.standby->degraded},
          {"degraded_since_unix_ms", status.standby->degraded_since_unix_ms},
          {"unreplicated_records", status.standby->unreplicated_records},
          {"degradations", metrics.degradations},
          {"wait_us", histogram_state(metrics.standby_wait_us)},
          {"waiting_for", error_state(status.standby->waiting_for)}};
}

}  // namespace

Json writer_state(const WriterStatus& status, const WriterMetrics& metrics) {
  Json state{{"start_offset", status.start_offset},
             {"durable_offset", status.durable_offset},
             {"end_offset", status.end_offset},
             {"epoch", status.epoch},
             {"window", status.window},
             {"in_flight", status.uploads_in_flight},
             {"buffered_bytes", status.buffered_bytes},
             {"put_retries", status.put_retries},
             {"waiting_for_store", status.waiting_for_store},
             {"failure", error_state(status.failure)},
             {"standby", standby_state(status, metrics)},
             {"records", metrics.records},
             {"object_bytes", metrics.object_bytes},
             {"objects", metrics.objects},
             {"record_bytes", metrics.record_bytes},
             {"lz4_objects", metrics.lz4_objects},
             {"zstd_objects", metrics.zstd_objects},
             {"batch_fill_percent", metrics.batch_fill_percent.mean()},
             {"truncated_tail_objects", metrics.truncated_tail_objects},
             {"slowdowns", metrics.slowdowns},
             {"stages_us",
              {{"queue", histogram_state(metrics.queue_us)},
               {"compress", histogram_state(metrics.compress_us)},
               {"upload", histogram_state(metrics.upload_us)},
               {"order_wait", histogram_state(metrics.order_wait_us)},
               {"callback", histogram_state(metrics.callback_us)}}},
             {"requests", requests_state(metrics.requests, metrics.store)}};
  add_old_names_of_writer(state);
  return state;
}

Json reader_state(const ReaderMetrics& metrics) {
  return {{"offset", metrics.offset},
          {"records", metrics.records},
          {"objects", metrics.objects},
          {"object_bytes", metrics.object_bytes},
          {"checksum_failures", metrics.checksum_failures},
          {"requests", requests_state(metrics.requests, metrics.store)}};
}

Json point_reader_state(const PointReaderMetrics& metrics) {
  Json state{{"records", metrics.records},
             {"record_bytes", metrics.record_bytes},
             {"failures", metrics.failures},
             {"cache_hits", metrics.cache_hits},
             {"searches", metrics.searches},
             {"refreshes", metrics.refreshes},
             {"checksum_failures", metrics.checksum_failures},
             {"cached_objects", metrics.cached_objects},
             {"cached_bytes", metrics.cached_bytes},
             {"requests", requests_state(metrics.requests, metrics.store)}};
  add_old_names_of_point_reader(state);
  return state;
}

Json log_state(const LogView& view) {
  Json cursors = Json::array();
  for (const Cursor& cursor : view.cursors) {
    const Offset end = view.info ? view.info->end_offset : cursor.offset;
    cursors.push_back({{"name", cursor.name},
                       {"offset", cursor.offset},
                       {"lag", end - std::min(cursor.offset, end)},
                       {"moved_unix_ms", cursor.moved_unix_ms},
                       {"problem", cursor.problem ? Json(cursor.problem->message()) : Json(nullptr)}});
  }
  Json state{{"info", view.info ? info_state(*view.info) : Json(nullptr)},
             {"cursors", std::move(cursors)},
             {"seen_unix_ms", view.seen_unix_ms},
             {"inspections", view.inspections},
             {"inspections_failed", view.inspections_failed},
             {"error", error_state(view.error)}};
  add_old_names_of_log(state);
  return state;
}

}  // namespace varve::exporter
