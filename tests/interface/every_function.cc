#include "tests/interface/every_function.h"

namespace varve::interface_test {

namespace {

LogAddress fresh(const char* name) {
  static std::uint64_t number = 0;
  return resolve("mem://interface/" + std::string(name) + std::to_string(++number)).value();
}

void fill(const LogAddress& log) {
  const auto writer = Writer::open(log).value();
  for (const char* const record : {"a", "b", "c"}) writer->append(bytes_of(record)).value();
  writer->close().value();
}

}  // namespace

World::World() : log(fresh("log")), mirror(fresh("mirror")), unwritten(fresh("unwritten")) {
  fill(log);
  cursors = Cursors::open(log).value();
  cursors->set("there", 1).value();
  copying = Mirror::open(log, mirror).value();
  copying->catch_up().value();
  writer = Writer::open(fresh("written")).value();
  reader = Reader::open(log).value();
  point_reader = PointReader::open(log).value();
  consumer = Consumer::open(log, "consumer").value();
  consumer->next().value();
}

const Calls& cpp_calls() {
  using namespace std::chrono_literals;
  static const std::span<const std::byte> record = bytes_of("record");
  static const std::array<std::span<const std::byte>, 2> records = {record, record};
  static const Calls calls = {
      {"open_store", [](World&) { return outcome_of(open_store("mem://interface")); }},
      {"resolve", [](World&) { return outcome_of(resolve("mem://interface/log")); }},
      {"Writer::open", [](World& world) { return outcome_of(Writer::open(world.unwritten)); }},
      {"Writer::append", [](World& world) { return outcome_of(world.writer->append(record)); }},
      {"Writer::append_batch", [](World& world) { return outcome_of(world.writer->append_batch(records)); }},
      {"Writer::append_wait", [](World& world) { return outcome_of(world.writer->append_wait(record, 1s)); }},
      {"Writer::append_batch_wait",
       [](World& world) { return outcome_of(world.writer->append_batch_wait(records, 1s)); }},
      {"Writer::reserve", [](World& world) { return outcome_of(world.writer->reserve(8)); }},
      {"Writer::reserve_wait", [](World& world) { return outcome_of(world.writer->reserve_wait(8, 1s)); }},
      {"Writer::flush", [](World& world) { return outcome_of(world.writer->flush()); }},
      {"Writer::wait_durable", [](World& world) { return outcome_of(world.writer->wait_durable(0)); }},
      {"Writer::trim", [](World& world) { return outcome_of(world.writer->trim(0)); }},
      {"Writer::close", [](World& world) { return outcome_of(world.writer->close()); }},
      {"Reader::open", [](World& world) { return outcome_of(Reader::open(world.log)); }},
      {"Reader::next", [](World& world) { return outcome_of(world.reader->next()); }},
      {"PointReader::open", [](World& world) { return outcome_of(PointReader::open(world.log)); }},
      {"PointReader::read", [](World& world) { return outcome_of(world.point_reader->read(1)); }},
      {"Cursors::open", [](World& world) { return outcome_of(Cursors::open(world.log)); }},
      {"Cursors::get", [](World& world) { return outcome_of(world.cursors->get("there")); }},
      {"Cursors::list", [](World& world) { return outcome_of(world.cursors->list()); }},
      {"Cursors::set", [](World& world) { return outcome_of(world.cursors->set("new", 2)); }},
      {"Cursors::advance",
       [](World& world) {
         static const Cursor first{.name = "advanced"};
         return outcome_of(world.cursors->advance(first, 2));
       }},
      {"Cursors::remove", [](World& world) { return outcome_of(world.cursors->remove("there")); }},
      {"Consumer::open", [](World& world) { return outcome_of(Consumer::open(world.log, "another")); }},
      {"Consumer::next", [](World& world) { return outcome_of(world.consumer->next()); }},
      {"Consumer::done", [](World& world) { return outcome_of(world.consumer->done(0)); }},
      {"Consumer::commit", [](World& world) { return outcome_of(world.consumer->commit()); }},
      {"Consumer::close", [](World& world) { return outcome_of(world.consumer->close()); }},
      {"inspect", [](World& world) { return outcome_of(inspect(world.log)); }},
      {"verify", [](World& world) { return outcome_of(verify(world.log)); }},
      {"plan_repair", [](World& world) { return outcome_of(plan_repair(world.log)); }},
      {"repair", [](World& world) { return outcome_of(repair(world.log)); }},
      {"plan_retention",
       [](World& world) { return outcome_of(plan_retention(world.log, {.max_bytes = 1})); }},
      {"retain", [](World& world) { return outcome_of(retain(world.log, {.max_bytes = 1})); }},
      {"retain", [](World& world) { return outcome_of(retain(*world.writer, world.log, {.max_bytes = 1})); }},
      {"Mirror::open", [](World& world) { return outcome_of(Mirror::open(world.log, world.unwritten)); }},
      {"Mirror::catch_up", [](World& world) { return outcome_of(world.copying->catch_up()); }},
      {"Mirror::follow",
       [](World& world) {
         world.copying->stop();  // serves the next call
         return outcome_of(world.copying->follow());
       }},
      {"plan_promotion", [](World& world) { return outcome_of(plan_promotion(world.mirror)); }},
      {"promote",
       [](World& world) { return outcome_of(promote(world.mirror, {.accept_loss_after = Offset{3}})); }},
      {"diagnose", [](World& world) { return outcome_of(diagnose(*world.log.store, {.quick = true})); }},
  };
  return calls;
}

}  // namespace varve::interface_test
