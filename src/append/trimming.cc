#include "append/trimming.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace varve::append {

namespace {
constexpr std::int64_t ms_per_day = 24LL * 60 * 60 * 1000;
}

void Trimming::begin(TrimWish wish) {
  VARVE_INVARIANT(!wish_);
  wish_ = std::move(wish);
  // A late answer may have moved the log's ends since the caller looked: what is trimmed already
  // needs no object, and what is kept too much costs only space.
  if (wish_->before > appender_.start_offset()) {
    appender_.begin_trim(std::min(wish_->before, appender_.durable_offset()), wish_->lowest_live);
  }
}

protocol::Requests Trimming::sweep_leftovers(Seq from) {
  if (sweep_ || from >= appender_.durable_lowest_live()) return {};
  sweep_is_wished_ = false;
  return start_sweep({.from = from,
                      .below = appender_.durable_lowest_live(),
                      .history = appender_.history(),
                      .forget_seals_before_unix_ms = {}});
}

protocol::Requests Trimming::on_acknowledged(std::int64_t now_unix_ms) {
  if (!wish_ || sweep_ ||
      appender_.durable_start_offset() < std::min(wish_->before, appender_.start_offset()))
    return {};
  sweep_is_wished_ = true;
  protocol::SweepPlan plan{.from = 0,
                           .below = appender_.durable_lowest_live(),
                           .history = appender_.history(),
                           .forget_seals_before_unix_ms = {}};
  if (wish_->options.no_writer_sleeps_days != 0) {
    plan.forget_seals_before_unix_ms = now_unix_ms - wish_->options.no_writer_sleeps_days * ms_per_day;
  }
  return start_sweep(std::move(plan));
}

protocol::Requests Trimming::start_sweep(protocol::SweepPlan plan) {
  sweeping_below_ = plan.below;
  ++sweep_number_;
  sweep_.emplace(std::move(plan));
  protocol::Requests requests = sweep_->start();
  finish_if_done();
  return requests;
}

protocol::Requests Trimming::on_reply(const protocol::Reply& reply, std::int64_t now_unix_ms) {
  if (!sweep_) return {};
  protocol::Requests requests = sweep_->on(reply);
  finish_if_done();
  // A wish may have waited for the sweep of leftovers to end.
  return sweep_ ? requests : on_acknowledged(now_unix_ms);
}

void Trimming::finish_if_done() {
  if (!sweep_ || !sweep_->done()) return;
  report_sweep();
}

void Trimming::report_sweep() {
  const bool clean = sweep_->done() && !sweep_->error() && sweep_->left() == 0;
  if (clean) appender_.swept(sweeping_below_);
  if (sweep_is_wished_) {
    // What the store did not say counts as one object left: there is something to come back for.
    const std::uint64_t left = std::max<std::uint64_t>(sweep_->left(), clean ? 0 : 1);
    wish_->report.set_value(TrimReport{appender_.durable_start_offset(), sweep_->removed(), left});
    wish_.reset();
  }
  sweep_.reset();
}

void Trimming::stop(const Error& reason) {
  if (sweep_) report_sweep();
  if (wish_) wish_->report.set_value(reason);
  wish_.reset();
}

}  // namespace varve::append
