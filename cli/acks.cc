#include "cli/acks.h"

#include <fmt/format.h>

#include "cli/wakeup.h"

namespace varve::cli {

AckPrinter::AckPrinter(Writer& writer, Wakeup& stop)
    : writer_(writer),
      stop_(stop),
      printed_(writer.status().durable_offset),
      thread_([this] { print_moves(); }) {}

AckPrinter::~AckPrinter() { finish(); }

void AckPrinter::finish() {
  if (!thread_.joinable()) return;
  thread_.join();
  print_if_moved();
}

void AckPrinter::print_moves() {
  // Ends with the writer: then there is nothing left to wait for.
  while (!output_.ended() && writer_.wait_durable(printed_ + 1)) print_if_moved();
}

void AckPrinter::print_if_moved() {
  const Offset durable = writer_.status().durable_offset;
  if (durable == printed_ || output_.ended()) return;
  output_.write(fmt::format("durable {}\n", durable));
  output_.flush();
  printed_ = durable;
  if (output_.ended()) stop_.set();
}

}  // namespace varve::cli
