#include "sim/promoter.h"

#include "testing/test_log.h"

namespace varve::sim {

using protocol::Reply;

void Promoter::start() { begin(true); }

void Promoter::begin(bool plan_only) {
  planning_ = plan_only;
  protocol::PromotionOptions options{.source = "source",
                                     .mirror = "destination",
                                     .source_at_hand = options_.source_at_hand,
                                     .plan_only = plan_only,
                                     .retiring_writer = protocol::test_id(options_.number + 1),
                                     .promoting_writer = protocol::test_id(options_.number),
                                     .host = ""};
  if (!plan_only && !options_.source_at_hand) options.accept_loss_after = told_end_;
  promotion_.emplace(std::move(options));
  ask(promotion_->start(1));
}

void Promoter::ask(protocol::SidedRequests requests) {
  for (protocol::SidedRequest& one : requests)
    calls_.push_back(
        {Call::Purpose::takeover, std::move(one.request), 0, one.side == protocol::Side::destination});
  if (promotion_->wants_copies() && !mirror_) {
    mirror_.emplace(options_.mirror);
    if (recorder_ != nullptr) mirror_->record(*recorder_, retiring_number());
    mirror_->start();
  }
  if (promotion_->done()) ended();
}

void Promoter::ended() {
  if (!promotion_->result()) return fail(promotion_->result().error());
  if (planning_) {
    told_end_ = promotion_->result()->end_offset;
    return begin(false);
  }
  owned_ = promotion_->owned();
  done_ = true;
}

void Promoter::on(const Call& call, const Reply& reply, std::uint64_t now_ms) {
  if (over()) return;
  if (!mirror_) return ask(promotion_->on(reply, 1));
  mirror_->on(call, reply, now_ms);
  copy();
}

void Promoter::copy() {
  if (!mirror_->over() && !mirror_->caught_up()) return;
  const Result<void> copied = mirror_->over() ? Result<void>(*mirror_->error()) : Result<void>();
  mirror_.reset();
  ask(promotion_->copied(copied, 1));
}

std::vector<Call> Promoter::take_calls() {
  return mirror_ ? mirror_->take_calls() : std::exchange(calls_, {});
}

void Promoter::tick(std::uint64_t now_ms) {
  if (over() || !mirror_) return;
  mirror_->tick(now_ms);
  copy();
}

std::optional<std::uint64_t> Promoter::next_tick_ms() const {
  if (over() || !mirror_) return std::nullopt;
  return mirror_->next_tick_ms();
}

}  // namespace varve::sim
