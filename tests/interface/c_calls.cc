// The functions of varve/varve.h by name: with NULL wherever there can be one, and as they are meant.
#include "tests/interface/every_function.h"

namespace varve::interface_test {

namespace {

/// For C calls among the others: what they would say in C++.
Outcome outcome_of(varve_code code) {
  if (code == VARVE_OK) return std::nullopt;
  return code == VARVE_OUT_OF_MEMORY ? Code::no_memory : Code::internal;
}

}  // namespace

const std::multimap<std::string, std::function<int()>>& c_calls_with_null() {
  const auto nothing = [](auto&& call) {
    return [call] {
      call();
      return static_cast<int>(VARVE_OK);
    };
  };
  static const std::multimap<std::string, std::function<int()>> calls = {
      {"varve_interface_version", nothing([] { varve_interface_version(); })},
      {"varve_code_name", nothing([] { varve_code_name(-1); })},
      {"varve_error_code", [] { return static_cast<int>(varve_error_code(nullptr)); }},
      {"varve_error_message", nothing([] { varve_error_message(nullptr); })},
      {"varve_error_outcome", nothing([] { varve_error_outcome(nullptr); })},
      {"varve_error_valid_range", nothing([] { varve_error_valid_range(nullptr, nullptr, nullptr); })},
      {"varve_error_copy", nothing([] { varve_error_free(varve_error_copy(nullptr)); })},
      {"varve_error_free", nothing([] { varve_error_free(nullptr); })},
      {"varve_log_open", [] { return varve_log_open(nullptr, nullptr, nullptr); }},
      {"varve_log_open", [] { return varve_log_open("mem://interface/log", nullptr, nullptr); }},
      {"varve_log_free", nothing([] { varve_log_free(nullptr); })},
      {"varve_writer_options_init", nothing([] { varve_writer_options_init(nullptr, 0); })},
      {"varve_writer_open", [] { return varve_writer_open(nullptr, nullptr, nullptr, nullptr); }},
      {"varve_writer_append",
       [] { return varve_writer_append(nullptr, nullptr, 0, nullptr, nullptr, nullptr, nullptr); }},
      {"varve_writer_append_wait",
       [] { return varve_writer_append_wait(nullptr, nullptr, 0, 0, nullptr, nullptr, nullptr, nullptr); }},
      {"varve_writer_append_batch",
       [] { return varve_writer_append_batch(nullptr, nullptr, 1, nullptr, nullptr, nullptr, nullptr); }},
      {"varve_writer_append_batch_wait",
       [] {
         return varve_writer_append_batch_wait(nullptr, nullptr, 1, 0, nullptr, nullptr, nullptr, nullptr);
       }},
      {"varve_writer_flush", [] { return varve_writer_flush(nullptr, 0, nullptr); }},
      {"varve_writer_wait_durable", [] { return varve_writer_wait_durable(nullptr, 0, 0, nullptr); }},
      {"varve_writer_trim", [] { return varve_writer_trim(nullptr, 0, 0, nullptr, nullptr); }},
      {"varve_writer_offsets", [] { return varve_writer_offsets(nullptr, nullptr, nullptr); }},
      {"varve_writer_failure", [] { return varve_writer_failure(nullptr, nullptr); }},
      {"varve_writer_close", [] { return varve_writer_close(nullptr, 0, nullptr); }},
      {"varve_writer_free", nothing([] { varve_writer_free(nullptr); })},
      {"varve_reader_options_init", nothing([] { varve_reader_options_init(nullptr, 0); })},
      {"varve_reader_open", [] { return varve_reader_open(nullptr, nullptr, nullptr, nullptr); }},
      {"varve_reader_next", [] { return varve_reader_next(nullptr, 0, nullptr, nullptr, nullptr); }},
      {"varve_reader_position", nothing([] { varve_reader_position(nullptr); })},
      {"varve_reader_stop", nothing([] { varve_reader_stop(nullptr); })},
      {"varve_reader_wake", nothing([] { varve_reader_wake(nullptr); })},
      {"varve_reader_free", nothing([] { varve_reader_free(nullptr); })},
      {"varve_cursors_open", [] { return varve_cursors_open(nullptr, nullptr, nullptr); }},
      {"varve_cursors_get", [] { return varve_cursors_get(nullptr, nullptr, nullptr, nullptr); }},
      {"varve_cursors_set", [] { return varve_cursors_set(nullptr, nullptr, 0, nullptr); }},
      {"varve_cursors_remove", [] { return varve_cursors_remove(nullptr, nullptr, nullptr); }},
      {"varve_cursors_free", nothing([] { varve_cursors_free(nullptr); })},
  };
  return calls;
}

CHandles::CHandles() {
  varve_log_open("mem://interface/of-c", &log, nullptr);
  varve_writer_open(log, nullptr, &writer, nullptr);
  varve_writer_append(writer, "x", 1, nullptr, nullptr, nullptr, nullptr);
  varve_writer_flush(writer, VARVE_FOREVER, nullptr);
  varve_reader_open(log, nullptr, &reader, nullptr);
  varve_cursors_open(log, &cursors, nullptr);
  varve_cursors_set(cursors, "there", 0, nullptr);
}

CHandles::~CHandles() {
  varve_cursors_free(cursors);
  varve_reader_free(reader);
  varve_writer_free(writer);
  varve_log_free(log);
}

namespace {

// Each call has an error to fill in: that takes memory, too.
varve_error* error = nullptr;
std::uint64_t offset = 0;
constexpr varve_bytes bytes = {"x", 1};

template <class Made>
auto call(const Made& made) {
  return [made](CHandles& handles) {
    const Outcome outcome = outcome_of(made(handles));
    varve_error_free(std::exchange(error, nullptr));
    return outcome;
  };
}

CCalls calls_of_writers() {
  return {
      {"varve_log_open", call([](CHandles&) {
         varve_log* log = nullptr;
         const varve_code code = varve_log_open("mem://interface/another", &log, &error);
         varve_log_free(log);
         return code;
       })},
      {"varve_writer_open", call([](CHandles& handles) {
         varve_writer* writer = nullptr;
         const varve_code code = varve_writer_open(handles.log, nullptr, &writer, &error);
         varve_writer_free(writer);
         return code;
       })},
      {"varve_writer_append", call([](CHandles& handles) {
         return varve_writer_append(handles.writer, "x", 1, nullptr, nullptr, &offset, &error);
       })},
      {"varve_writer_append_wait", call([](CHandles& handles) {
         return varve_writer_append_wait(handles.writer, "x", 1, 10, nullptr, nullptr, &offset, &error);
       })},
      {"varve_writer_append_batch", call([](CHandles& handles) {
         return varve_writer_append_batch(handles.writer, &bytes, 1, nullptr, nullptr, &offset, &error);
       })},
      {"varve_writer_append_batch_wait", call([](CHandles& handles) {
         return varve_writer_append_batch_wait(handles.writer, &bytes, 1, 10, nullptr, nullptr, &offset,
                                               &error);
       })},
      {"varve_writer_flush",
       call([](CHandles& handles) { return varve_writer_flush(handles.writer, VARVE_FOREVER, &error); })},
      {"varve_writer_wait_durable",
       call([](CHandles& handles) { return varve_writer_wait_durable(handles.writer, 1, 1000, &error); })},
      {"varve_writer_trim", call([](CHandles& handles) {
         return varve_writer_trim(handles.writer, 0, VARVE_FOREVER, nullptr, &error);
       })},
      {"varve_writer_offsets", call([](CHandles& handles) {
         varve_offsets offsets;
         return varve_writer_offsets(handles.writer, &offsets, &error);
       })},
      {"varve_writer_failure",
       call([](CHandles& handles) { return varve_writer_failure(handles.writer, &error); })},
      {"varve_writer_close",
       call([](CHandles& handles) { return varve_writer_close(handles.writer, VARVE_FOREVER, &error); })},
  };
}

CCalls calls_of_readers() {
  return {
      {"varve_reader_open", call([](CHandles& handles) {
         varve_reader* reader = nullptr;
         const varve_code code = varve_reader_open(handles.log, nullptr, &reader, &error);
         varve_reader_free(reader);
         return code;
       })},
      {"varve_reader_next", call([](CHandles& handles) {
         varve_record record;
         bool found = false;
         return varve_reader_next(handles.reader, VARVE_FOREVER, &record, &found, &error);
       })},
      {"varve_cursors_open", call([](CHandles& handles) {
         varve_cursors* cursors = nullptr;
         const varve_code code = varve_cursors_open(handles.log, &cursors, &error);
         varve_cursors_free(cursors);
         return code;
       })},
      {"varve_cursors_get",
       call([](CHandles& handles) { return varve_cursors_get(handles.cursors, "there", &offset, &error); })},
      {"varve_cursors_set",
       call([](CHandles& handles) { return varve_cursors_set(handles.cursors, "there", 1, &error); })},
      {"varve_cursors_remove",
       call([](CHandles& handles) { return varve_cursors_remove(handles.cursors, "there", &error); })},
  };
}

}  // namespace

const CCalls& c_calls() {
  static const CCalls calls = [] {
    CCalls all = calls_of_writers();
    all.merge(calls_of_readers());
    return all;
  }();
  return calls;
}

}  // namespace varve::interface_test
