#include "exporter/prometheus.h"

#include <algorithm>

#include "varve/doctor.h"

namespace varve::exporter {
namespace {

constexpr double us_per_s = 1e6;

/// The labels, and one more.
Labels with(Labels labels, const std::string& name, const std::string& value) {
  labels.push_back({.name = name, .value = value});
  return labels;
}

double number(std::uint64_t value) { return static_cast<double>(value); }

void add_request(Families& families, const Labels& labels, const std::string& kind,
                 const RequestMetrics& request) {
  const Labels of_kind = with(labels, "request", kind);
  families.counter("varve_requests_total", "Requests asked of the store.", number(request.asked), of_kind);
  families.counter("varve_request_bytes_total", "Bodies sent by PUTs and received by GETs.",
                   number(request.bytes), of_kind);
  families.histogram("varve_request_seconds", "From a request to its answer.", request.latency_us, us_per_s,
                     of_kind);
  for (std::size_t code = 0; code < code_count; ++code) {
    if (request.errors[code] == 0) continue;
    families.counter(
        "varve_request_errors_total", "Answers that were errors; not_found and already_exists are ordinary.",
        number(request.errors[code]), with(of_kind, "code", std::string(to_string(static_cast<Code>(code)))));
  }
}

void add_requests(Families& families, const Labels& labels, const StoreRequests& requests,
                  const std::optional<StoreMetrics>& store) {
  add_request(families, labels, "put", requests.put);
  add_request(families, labels, "get", requests.get);
  add_request(families, labels, "list", requests.list);
  add_request(families, labels, "delete", requests.remove);
  if (!store) return;
  const auto sent = [&](const char* kind, std::uint64_t count) {
    families.counter("varve_store_sent_total",
                     "Requests that went out, retries and duplicates included; of all users of the store.",
                     number(count), with(labels, "request", kind));
  };
  sent("put", store->sent.puts);
  sent("get", store->sent.gets);
  sent("list", store->sent.lists);
  sent("delete", store->sent.deletes);
  const auto retried = [&](const char* why, std::uint64_t count) {
    families.counter("varve_store_retries_total", "Requests sent again, by reason.", number(count),
                     with(labels, "reason", why));
  };
  retried("throttled", store->retries_throttled);
  retried("failed", store->retries_failed);
  retried("credentials", store->retries_credentials);
  retried("clock", store->retries_clock);
  families.counter("varve_store_hedges_total", "Slow requests sent a second time.", number(store->hedges),
                   labels);
  families.counter("varve_store_hedges_won_total", "Of these, answered first by the second sending.",
                   number(store->hedges_won), labels);
  families.counter("varve_store_dollars_total", "What was sent costs at the list prices of S3.",
                   price_of(store->sent), labels);
}

}  // namespace

void add_writer(Families& families, const std::string& log, const WriterStatus& status,
                const WriterMetrics& metrics) {
  const Labels labels{{.name = "log", .value = log}, {.name = "by", .value = "writer"}};
  const auto gauge = [&](const char* name, const char* help, double value) {
    families.gauge(name, help, value, labels);
  };
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    families.counter(name, help, number(value), labels);
  };
  const auto seconds = [&](const char* name, const char* help, const Histogram& values) {
    families.histogram(name, help, values, us_per_s, labels);
  };
  gauge("varve_writer_start_offset", "The log's first offset.", number(status.start_offset));
  gauge("varve_writer_durable_offset", "Every record below is acknowledged.", number(status.durable_offset));
  gauge("varve_writer_end_offset", "The next record's offset.", number(status.end_offset));
  gauge("varve_writer_epoch", "The seq of the seal that began this writer's epoch.", number(status.epoch));
  gauge("varve_writer_window_objects", "How many objects may be in flight.", status.window);
  gauge("varve_writer_in_flight_objects", "How many objects are in flight.", status.uploads_in_flight);
  gauge("varve_writer_buffered_bytes", "Appended and not acknowledged, overhead included.",
        number(status.buffered_bytes));
  gauge("varve_writer_waiting_for_store", "1 while the oldest upload is late or was refused.",
        status.waiting_for_store ? 1 : 0);
  gauge("varve_writer_ended", "1 once the writer has ended, by whatever reason.", status.failure ? 1 : 0);
  gauge("varve_writer_fenced", "1 once another writer has taken the log over.",
        status.failure && status.failure->code() == Code::fenced ? 1 : 0);
  counter("varve_writer_put_retries_total", "Uploads tried again by the writer.", status.put_retries);
  counter("varve_writer_records_total", "Records acknowledged.", metrics.records);
  counter("varve_writer_record_bytes_total", "Bytes of these, as stored.", metrics.record_bytes);
  counter("varve_writer_objects_total", "Objects acknowledged.", metrics.objects);
  counter("varve_writer_object_bytes_total", "Bytes of these.", metrics.object_bytes);
  counter("varve_writer_lz4_objects_total", "Of these, compressed with LZ4.", metrics.lz4_objects);
  counter("varve_writer_zstd_objects_total", "Of these, compressed with zstd.", metrics.zstd_objects);
  counter("varve_writer_truncated_tail_objects_total", "Objects of an unfinished tail that opening cut off.",
          metrics.truncated_tail_objects);
  counter("varve_writer_slowdowns_total", "How often it began to wait for the store.", metrics.slowdowns);
  families.histogram("varve_writer_batch_fill_ratio", "How full batches were.", metrics.batch_fill_percent,
                     100, labels);
  seconds("varve_writer_queue_seconds", "From a batch's first record to its upload.", metrics.queue_us);
  seconds("varve_writer_compress_seconds", "Of that, being compressed.", metrics.compress_us);
  seconds("varve_writer_upload_seconds", "From the upload to stored.", metrics.upload_us);
  seconds("varve_writer_order_wait_seconds", "From stored to durable.", metrics.order_wait_us);
  seconds("varve_writer_callback_seconds", "From durable to told.", metrics.callback_us);
  if (status.standby) {
    gauge("varve_writer_standby_durable_offset", "Every record below is in the standby.",
          number(status.standby->durable_offset));
    gauge("varve_writer_degraded", "1 while what the first store alone has is acknowledged.",
          status.standby->degraded ? 1 : 0);
    gauge("varve_writer_unreplicated_records", "Acknowledged, and not known to be in the standby.",
          number(status.standby->unreplicated_records));
    counter("varve_writer_degradations_total", "How often it went on without the standby.",
            metrics.degradations);
    seconds("varve_writer_standby_wait_seconds", "From stored in the first to stored in both.",
            metrics.standby_wait_us);
  }
  add_requests(families, labels, metrics.requests, metrics.store);
}

void add_reader(Families& families, const std::string& log, const ReaderMetrics& metrics) {
  const Labels labels{{.name = "log", .value = log}, {.name = "by", .value = "reader"}};
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    families.counter(name, help, number(value), labels);
  };
  families.gauge("varve_reader_offset", "The first wanted record of the object begun last.",
                 number(metrics.offset), labels);
  counter("varve_reader_records_total", "Records in the objects begun.", metrics.records);
  counter("varve_reader_objects_total", "Objects begun.", metrics.objects);
  counter("varve_reader_object_bytes_total", "Bytes of these.", metrics.object_bytes);
  counter("varve_reader_checksum_failures_total", "Damaged headers and records met.",
          metrics.checksum_failures);
  counter("varve_reader_polls_total", "The tail was asked for more and had none.", metrics.polls);
  counter("varve_reader_refreshes_total", "Something missing made it look at the whole log.",
          metrics.refreshes);
  add_requests(families, labels, metrics.requests, metrics.store);
}

void add_point_reader(Families& families, const std::string& log, const PointReaderMetrics& metrics) {
  const Labels labels{{.name = "log", .value = log}, {.name = "by", .value = "point_reader"}};
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    families.counter(name, help, number(value), labels);
  };
  counter("varve_point_reader_records_total", "Records read.", metrics.records);
  counter("varve_point_reader_record_bytes_total", "Bytes of these.", metrics.record_bytes);
  counter("varve_point_reader_failures_total", "Reads that ended with an error.", metrics.failures);
  counter("varve_point_reader_cache_hits_total", "A record's object was known already.", metrics.cache_hits);
  counter("varve_point_reader_searches_total", "A record's object was searched for.", metrics.searches);
  counter("varve_point_reader_refreshes_total", "The whole log was looked at anew.", metrics.refreshes);
  counter("varve_point_reader_checksum_failures_total", "Damaged headers, indexes and records met.",
          metrics.checksum_failures);
  families.gauge("varve_point_reader_cached_objects", "Objects whose header is known now.",
                 number(metrics.cached_objects), labels);
  families.gauge("varve_point_reader_cached_bytes", "What these headers and indexes take now.",
                 number(metrics.cached_bytes), labels);
  add_requests(families, labels, metrics.requests, metrics.store);
}

void add_mirror(Families& families, const std::string& log, const MirrorStatus& status) {
  const Labels labels{{.name = "log", .value = log}, {.name = "by", .value = "mirror"}};
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    families.gauge(name, help, number(value), labels);
  };
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    families.counter(name, help, number(value), labels);
  };
  gauge("varve_mirror_copied_offset", "Every record of the source below is copied.", status.copied_offset);
  gauge("varve_mirror_source_end_offset", "The source's end when it was seen last.", status.source_end);
  gauge("varve_mirror_lag_records", "How many records it is behind.", status.records_behind);
  gauge("varve_mirror_lag_bytes", "How many bytes that is, by what was copied so far.", status.bytes_behind);
  gauge("varve_mirror_lag_seconds", "How old the last object copied is, while it is behind.",
        status.seconds_behind);
  gauge("varve_mirror_held_bytes", "On their way to the destination.", status.held_bytes);
  gauge("varve_mirror_waiting", "1 while a store refuses, or cannot be reached.", status.waiting_for ? 1 : 0);
  counter("varve_mirror_records_total", "Records copied.", status.records);
  counter("varve_mirror_objects_total", "Objects copied.", status.objects);
  counter("varve_mirror_object_bytes_total", "Bytes of these.", status.object_bytes);
  counter("varve_mirror_swept_objects_total", "Objects deleted that the source had trimmed.",
          status.swept_objects);
  counter("varve_mirror_retries_total", "Requests tried again.", status.retries);
}

void add_log(Families& families, const std::string& log, const LogView& view) {
  const Labels labels{{.name = "log", .value = log}};
  const auto gauge = [&](const char* name, const char* help, double value) {
    families.gauge(name, help, value, labels);
  };
  families.counter("varve_inspections_total", "Looks at the log from outside.", number(view.inspections),
                   labels);
  families.counter("varve_inspections_failed_total", "Of these, failed.", number(view.inspections_failed),
                   labels);
  if (!view.info) return;
  const LogInfo& info = *view.info;
  gauge("varve_log_seen_timestamp_seconds", "When the log was seen as it is shown.",
        static_cast<double>(view.seen_unix_ms) / 1000);
  gauge("varve_log_start_offset", "The log's first offset.", number(info.start_offset));
  gauge("varve_log_durable_offset", "Durable for certain, as the newest object knew.",
        number(info.durable_offset));
  gauge("varve_log_end_offset", "The next record's offset.", number(info.end_offset));
  gauge("varve_log_epoch", "The seq of the newest seal.", number(info.epoch));
  gauge("varve_log_objects", "Objects on the chain, from the lowest live one on.", number(info.objects));
  gauge("varve_log_bytes", "Bytes of these.", number(info.bytes));
  gauge("varve_log_truncated_objects", "Objects behind the tail.", number(info.truncated_objects));
  gauge("varve_log_garbage_objects", "Objects that were trimmed and not deleted yet.",
        number(info.garbage_objects));
  gauge("varve_log_damaged", "1: acknowledged records near the end are lost, or may be.",
        info.damage ? 1 : 0);
  for (const Cursor& cursor : view.cursors) {
    const Labels of_cursor = with(labels, "cursor", cursor.name);
    families.gauge("varve_cursor_problem",
                   "1: the cursor cannot be relied on; `varve cursor LOG list` says why.",
                   cursor.problem ? 1 : 0, of_cursor);
    if (cursor.problem) continue;
    families.gauge("varve_cursor_offset", "Where a named reader has come to.", number(cursor.offset),
                   of_cursor);
    families.gauge("varve_cursor_lag_records", "How many records it has before it.",
                   number(info.end_offset - std::min(cursor.offset, info.end_offset)), of_cursor);
  }
}

}  // namespace varve::exporter
