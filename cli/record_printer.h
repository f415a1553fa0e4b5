// Records to standard output, in their frames.
#pragma once

#include <string>

#include "cli/framing.h"
#include "cli/output.h"
#include "varve/reader.h"

namespace varve::cli {

class RecordPrinter {
 public:
  /// `offsets`: each record's, and a tab, before it.
  RecordPrinter(Framing framing, bool offsets) : framing_(framing), offsets_(offsets) {}

  void print(const Record& record);
  /// Writes out what is left. False, and said to the user, if that failed.
  [[nodiscard]] bool finish();

  Output& output() { return output_; }

 private:
  const Framing framing_;
  const bool offsets_;
  std::string head_;
  Output output_;
};

}  // namespace varve::cli
