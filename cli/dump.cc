// varve dump: one object in words.
#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/log_uri.h"
#include "cli/report.h"
#include "varve/inspect.h"

namespace varve::cli {
namespace {

constexpr const char* dump_about =
    R"(Show one object of a log in words.

Its header, records and index, and what is wrong with it.)";

constexpr const char* dump_examples =
    R"(  varve dump /var/tmp/mylog/wal/00000000000000000064
  varve dump file:///var/tmp/mylog/wal/00000000000000000064
  varve dump "file:///var/tmp/mylog#64")";

Result<Bytes> get(Store& store, const std::string& key) {
  std::promise<Result<Bytes>> promise;
  store.get(key, {}, [&promise](Result<Bytes> got) { promise.set_value(std::move(got)); });
  return promise.get_future().get();
}

Result<Bytes> read_file(const std::string& path) {
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(path, failed);
  std::ifstream file(path, std::ios::binary);
  auto text = std::make_shared<std::string>(failed ? 0 : bytes, '\0');
  if (failed || !file.read(text->data(), static_cast<std::streamsize>(text->size()))) {
    return Error(Code::not_found,
                 fmt::format("cannot read '{}'; OBJECT is a file, an object's URI, or LOG#SEQ", path));
  }
  return Bytes{.data = std::as_bytes(std::span(*text)), .owner = text};
}

Result<Bytes> get_by_seq(const std::string& log_uri, const std::string& seq_text) {
  std::uint64_t seq = 0;
  const char* const end = seq_text.data() + seq_text.size();
  const auto [stop, error] = std::from_chars(seq_text.data(), end, seq);
  if (error != std::errc() || stop != end) {
    return Error(Code::invalid_argument,
                 fmt::format("'{}' behind the '#' is not an object's number, as in LOG#64", seq_text));
  }
  const auto log = resolve_log(log_uri);
  if (!log) return log.error();
  return get(*log->store, object_key(log->path, seq));
}

Result<Bytes> get_object(const std::string& name) {
  if (name.find("://") == std::string::npos) return read_file(name);
  const auto hash = name.rfind('#');
  if (hash != std::string::npos) return get_by_seq(name.substr(0, hash), name.substr(hash + 1));
  const auto place = resolve_log(name);
  if (!place) return place.error();
  return get(*place->store, place->path);
}

ExitCode dump(const std::string& name) {
  const auto object = get_object(name);
  if (!object) return report(object.error());
  fmt::print("{}\n", describe_object(object->data));
  return ExitCode::fine;
}

}  // namespace

void add_dump(Command& commands, ExitCode& exit_code) {
  auto name = std::make_shared<std::string>();
  Command command = commands.add_command("dump", dump_about, dump_examples);
  command.add("OBJECT", *name, "a file, an object's URI, or LOG#SEQ").required().shown_as("");
  command.runs([name] { return dump(*name); }, exit_code);
}

}  // namespace varve::cli
