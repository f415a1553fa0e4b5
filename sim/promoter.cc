#include "sim/promoter.h"

#include "testing/test_log.h"

namespace varve::sim {

using protocol::Purpose;
using protocol::Reply;
using protocol::Request;

void Promoter::start() { scan(Stage::plan, true); }

void Promoter::scan(Stage stage, bool there) {
  stage_ = stage;
  scan_.emplace(protocol::RecoveryScan::Options{.want_history = true});
  ++round_;
  for (Request& each : scan_->start())
    calls_.push_back({Call::Purpose::scan, std::move(each), round_, there});
}

// Whose seal it will be is noted first, where no mirror copies it.
void Promoter::take_over(Stage stage, bool there) {
  stage_ = stage;
  writer_ = protocol::test_id(options_.number + (there ? 0 : 1));
  noting_ = true;
  calls_.push_back(
      {Call::Purpose::ask, Request::make(Request::Kind::put_promotion, writer_), ++round_, true});
}

void Promoter::claim() {
  const bool there = stage_ == Stage::promote;
  noting_ = false;
  takeover_.emplace(protocol::Claimant{.writer_id = writer_,
                                       .new_log_id = {},
                                       .host = "",
                                       .must_exist = true,
                                       .purpose = there ? Purpose::promote : Purpose::retire});
  ++round_;
  for (Request& each : takeover_->start(1))
    calls_.push_back({Call::Purpose::takeover, std::move(each), round_, there});
}

void Promoter::on(const Call& call, const Reply& reply, std::uint64_t now_ms) {
  if (over()) return;
  if (stage_ == Stage::rest) {
    mirror_->on(call, reply, now_ms);
    return rest();
  }
  if (call.round != round_) return;
  if (noting_) {
    if (reply.error && !reply.is(Code::already_exists)) return fail(*reply.error);
    return claim();
  }
  if (stage_ == Stage::checkpoint) {
    if (reply.error) return fail(*reply.error);
    done_ = true;
    return;
  }
  if (takeover_) {
    for (Request& each : takeover_->on(reply, 1))
      calls_.push_back({call.purpose, std::move(each), round_, call.there});
    if (!takeover_->done()) return;
    const Result<protocol::Ownership> ownership = takeover_->result();
    takeover_.reset();
    return ownership ? on_owned(*ownership) : fail(ownership.error());
  }
  for (Request& each : scan_->on(reply))
    calls_.push_back({call.purpose, std::move(each), round_, call.there});
  if (!scan_->done()) return;
  const Result<protocol::LogState> view = scan_->result();
  scan_.reset();
  if (!view) return fail(view.error());
  if (!view->exists) return fail({Code::not_found, "there is no log"});
  on_view(*view);
}

void Promoter::on_view(const protocol::LogState& view) {
  if (stage_ == Stage::source) {
    if (!view.retired()) return take_over(Stage::retire, false);
    stage_ = Stage::rest;  // by a promotion that was cut off: there is no other mirror
    mirror_.emplace(options_.mirror);
    return mirror_->start();
  }
  told_end_ = view.tail.offset;
  if (view.mirror)
    return options_.source_at_hand ? scan(Stage::source, false) : take_over(Stage::promote, true);
  if (!view.newest_promotion()) return fail({Code::invalid_argument, "there is nothing to promote"});
  if (!view.checkpoint || !view.checkpoint->mirror) {
    done_ = true;
    return;
  }
  format::Checkpoint checkpoint{.log_id = view.tail.log_id,
                                .anchor = view.newest_owned.seq,
                                .window = view.tail.window,
                                .history = view.history};
  std::erase_if(checkpoint.history, [&](const auto& entry) { return entry.seal > checkpoint.anchor; });
  put_checkpoint(checkpoint);
}

void Promoter::on_owned(const protocol::Ownership& ownership) {
  if (stage_ == Stage::retire) {
    stage_ = Stage::rest;
    mirror_.emplace(options_.mirror);
    return mirror_->start();
  }
  owned_ = ownership;
  put_checkpoint({.log_id = ownership.seal.log_id,
                  .anchor = ownership.seal.seq,
                  .window = ownership.seal.window,
                  .swept_below = ownership.swept_below,
                  .history = ownership.history});
}

void Promoter::rest() {
  if (mirror_->over()) return fail(*mirror_->error());
  if (mirror_->caught_up()) take_over(Stage::promote, true);
}

void Promoter::put_checkpoint(const format::Checkpoint& checkpoint) {
  stage_ = Stage::checkpoint;
  Request request = Request::make(Request::Kind::put_checkpoint);
  request.body = format::encode_checkpoint(checkpoint);
  calls_.push_back({Call::Purpose::ask, std::move(request), ++round_, true});
}

std::vector<Call> Promoter::take_calls() {
  if (stage_ == Stage::rest) return mirror_->take_calls();
  return std::exchange(calls_, {});
}

void Promoter::tick(std::uint64_t now_ms) {
  if (over() || stage_ != Stage::rest) return;
  mirror_->tick(now_ms);
  rest();
}

std::optional<std::uint64_t> Promoter::next_tick_ms() const {
  if (over() || stage_ != Stage::rest) return std::nullopt;
  return mirror_->next_tick_ms();
}

}  // namespace varve::sim
