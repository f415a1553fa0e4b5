#include "maintain/inspect/recovered_bounds.h"

#include <algorithm>

#include "log/read_position.h"
#include "maintain/inspect/wait_limit.h"

namespace varve::maintain {

Result<RecoveredBounds> find_landmarks(const log::LogStore& log_store) {
  const auto view = read::read_log_state(
      log_store, {.deadline = log::LogStore::after(step_give_up_ms), .stop = {}}, read::OnDamage::tell);
  if (!view) return view.error();
  RecoveredBounds marks;
  marks.log_id = view->tail.log_id;
  marks.window = view->tail.window;
  marks.start_offset = view->start_offset();
  marks.lowest_live = view->lowest_live();
  marks.stored_below = view->tail.seq;
  marks.history = view->history;
  if (view->damage) {
    marks.survey_error = view->damage->why;
    marks.stored_below = std::max(marks.stored_below, view->damage->stored_below);
  }
  if (view->lost_end) marks.lost_end = explain(*view->lost_end, view->tail);
  return marks;
}

}  // namespace varve::maintain
