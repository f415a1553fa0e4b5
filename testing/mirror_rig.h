// For tests: mirrors of a TestLog into another, step by step, in any order, with answers that are lost,
// mirrors that die, and what dead ones have sent landing late.
#pragma once

#include <map>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "protocol/mirror_start.h"
#include "protocol/mirroring.h"
#include "protocol/sweep.h"
#include "testing/test_log.h"

namespace varve::protocol {

/// A test chain's objects, by the source that has them.
class MirrorRig {
 public:
  MirrorRig(TestLog& source, TestLog& destination, bool keeps = false)
      : source_(source), destination_(destination), keeps_(keeps) {}

  [[nodiscard]] format::Header header_at(Seq seq) const {
    return format::decode_header(source_.objects.at(seq)).value();
  }

  /// A mirror is started, where `MirrorStart` says; or not, if the source was trimmed past what is copied.
  void start() {
    MirrorStart machine({.source = "source", .destination = "destination", .keep_trimmed = keeps_});
    SidedRequests waiting = machine.start();
    while (!machine.done()) {
      if (machine.wants_proof()) waiting = machine.store_proven({});
      SidedRequests next;
      for (const SidedRequest& one : waiting) {
        TestLog& log = one.side == Side::source ? source_ : destination_;
        for (SidedRequest& more : machine.on(log.answer(one.request))) next.push_back(std::move(more));
      }
      waiting = std::move(next);
    }
    const Result<ResumePoint>& resume = machine.result();
    if (!resume && resume.error().code() == Code::out_of_range) return;
    if (!resume) throw std::logic_error(resume.error().message());
    mirror_.emplace(resume->start, MirroringOptions{.checkpoint_every_objects = 3, .retry = {}});
  }

  /// It dies; what it has sent may land yet.
  void kill() {
    mirror_.reset();
    late_.insert(late_.end(), sent_.begin(), sent_.end());
    sent_.clear();
  }

  /// Offers the source's next object, if there is one and it may be.
  bool offer() {
    if (!mirror_ || !mirror_->can_offer()) return false;
    const auto found = source_.objects.find(mirror_->next().seq);
    if (found == source_.objects.end()) return false;
    held_[found->first] = found->second;
    const auto offered = mirror_->offer(format::decode_header(found->second).value(), now_);
    if (!offered) throw std::logic_error(offered.error().message());
    collect();
    return true;
  }

  /// One request that was sent is answered: as it should be, or the answer is lost, or the request is on its
  /// way still when its sender gives it up.
  void answer(std::minstd_rand& random, bool faults) {
    if (sent_.empty()) return;
    const std::size_t index = random() % sent_.size();
    const Sent one = sent_[index];
    sent_.erase(sent_.begin() + static_cast<std::ptrdiff_t>(index));
    const auto fate = faults ? random() % 8 : 7;
    std::optional<Error> error;
    if (fate == 0) {
      late_.push_back(one);
      error = Error(Code::unavailable, "lost").with_outcome(WriteOutcome::unknown);
    } else {
      error = carry_out(one);
      if (fate == 1) error = Error(Code::unavailable, "no answer").with_outcome(WriteOutcome::unknown);
    }
    tell(one, error);
    now_ += 10'000;
    mirror_->tick(now_);
    collect();
  }

  /// What was given up lands.
  void land_late(std::minstd_rand& random) {
    if (late_.empty()) return;
    const std::size_t index = random() % late_.size();
    carry_out(late_[index]);
    if (random() % 2 == 0) late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  /// Deletes what the trims that were copied leave.
  void sweep() {
    if (!mirror_ || mirror_->sweep_below() == mirror_->swept_below()) return;
    const Seq below = mirror_->sweep_below();
    Sweep machine(
        {.from = mirror_->swept_below(), .below = below, .history = mirror_->history(), .clocks = {}});
    drive(destination_, machine.start(), [&](const Reply& reply) { return machine.on(reply); });
    mirror_->swept(below);
    swept_below_ = std::max(swept_below_, below);
  }
  /// Below this something of the destination was swept, by whichever mirror.
  [[nodiscard]] Seq swept_below() const { return swept_below_; }
  /// What is wanted next is gone at the source.
  [[nodiscard]] bool trimmed_past() const { return mirror_->next().seq < view_of(source_).lowest_live(); }

  [[nodiscard]] std::optional<format::Checkpoint> decoded_checkpoint() const {
    if (!destination_.checkpoint) return std::nullopt;
    return format::decode_checkpoint(*destination_.checkpoint).value();
  }
  [[nodiscard]] bool alive() const { return mirror_.has_value(); }
  [[nodiscard]] bool idle() const { return sent_.empty(); }
  [[nodiscard]] bool late() const { return !late_.empty(); }
  [[nodiscard]] Mirroring& mirror() { return *mirror_; }

  void collect() {
    for (const CopyCommand& command : mirror_->take_commands()) {
      if (command.kind == CopyCommand::Kind::copied) continue;
      Sent sent{command, {}};
      if (command.kind == CopyCommand::Kind::checkpoint)
        sent.body = format::encode_checkpoint(mirror_->checkpoint());
      if (command.kind == CopyCommand::Kind::put) sent.body = held_.at(command.seq);
      sent_.push_back(std::move(sent));
    }
  }

 private:
  struct Sent {
    CopyCommand command;
    std::vector<std::byte> body;
  };

  std::optional<Error> carry_out(const Sent& one) {
    switch (one.command.kind) {
      case CopyCommand::Kind::put:
        if (destination_.objects.emplace(one.command.seq, one.body).second) return std::nullopt;
        return Error(Code::already_exists, "the place is taken");
      case CopyCommand::Kind::checkpoint:
        destination_.checkpoint = one.body;
        return std::nullopt;
      case CopyCommand::Kind::look:
      case CopyCommand::Kind::copied:
        break;
    }
    return std::nullopt;
  }

  void tell(const Sent& one, const std::optional<Error>& error) {
    switch (one.command.kind) {
      case CopyCommand::Kind::put:
        return mirror_->on_put(one.command.seq, error, now_);
      case CopyCommand::Kind::checkpoint:
        return mirror_->on_checkpoint(error, now_);
      case CopyCommand::Kind::look: {
        if (error) return mirror_->on_look(one.command.seq, *error, now_);
        const auto found = destination_.objects.find(one.command.seq);
        if (found != destination_.objects.end()) {
          return mirror_->on_look(one.command.seq, format::decode_header(found->second), now_);
        }
        return mirror_->on_look(one.command.seq, Error(Code::not_found, "nothing there"), now_);
      }
      case CopyCommand::Kind::copied:
        break;
    }
  }

  TestLog& source_;
  TestLog& destination_;
  bool keeps_;
  std::optional<Mirroring> mirror_;
  std::vector<Sent> sent_;
  std::vector<Sent> late_;
  std::map<Seq, std::vector<std::byte>> held_;
  Seq swept_below_ = 0;
  std::uint64_t now_ = 0;
};

}  // namespace varve::protocol
