// `append --acks`: what is durable, as soon as it is, for the program at the other end of the pipe.
#pragma once

#include <thread>

#include "cli/output.h"
#include "varve/writer.h"

namespace varve::cli {

class Wakeup;

/// Prints "durable N" on standard output each time the writer's durable offset moves. Several moves
/// while a line is being written make one line. Sets `stop` when nobody reads the lines any more.
class AckPrinter {
 public:
  AckPrinter(Writer& writer, Wakeup& stop);
  ~AckPrinter();
  AckPrinter(const AckPrinter&) = delete;
  AckPrinter& operator=(const AckPrinter&) = delete;

  /// Prints the last move. The writer has been closed or has failed before.
  void finish();

  /// Lines could not be written. After `finish`.
  [[nodiscard]] bool unread() const { return output_.ended(); }

 private:
  void print_moves();
  void print_if_moved();

  Writer& writer_;
  Wakeup& stop_;
  Offset printed_;
  Output output_;
  std::thread thread_;
};

}  // namespace varve::cli
