#include "cli/record_printer.h"

#include <fmt/format.h>

#include <cstring>
#include <iterator>

#include "cli/report.h"

namespace varve::cli {

void RecordPrinter::print(const Record& record) {
  head_.clear();
  if (offsets_) fmt::format_to(std::back_inserter(head_), "{}\t", record.offset);
  append_frame_head(framing_, record.data.size(), head_);
  output_.write(head_);
  output_.write(record.data);
  output_.write(frame_tail(framing_));
}

bool RecordPrinter::finish() {
  output_.flush();
  if (output_.error() == 0) return true;
  complain(fmt::format("cannot write to standard output: {}", std::strerror(output_.error())));
  return false;
}

}  // namespace varve::cli
