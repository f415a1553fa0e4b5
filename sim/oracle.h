// Knows everything: what was ever stored where, and who was told what. It follows the chain rule by
// its own, simplest means over the first object that each place ever held, and so can say at once
// when anybody is told, shown or robbed of something that is not so.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "format/header.h"
#include "protocol/recovery_scan.h"
#include "sim/fingerprint.h"

namespace varve::sim {

class Oracle {
 public:
  /// The first thing that went wrong.
  [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }
  void violated(std::string what);

  // What happens in the store. ------------------------------------------------------------------

  void stored(Seq seq, const std::vector<std::byte>& object);
  /// `object`: what was there until now.
  void removing(Seq seq, const std::vector<std::byte>& object);

  // What actors are told. -----------------------------------------------------------------------

  void trim_wished(Offset before) { highest_wish_ = std::max(highest_wish_, before); }
  void acknowledged(const format::Header& header);
  void ended(const format::Header& header, WriteOutcome outcome);
  /// When a survey begins: the state that it must not fall behind.
  struct Moment {
    Seq tail = 0;
    Offset start_offset = 0;
  };
  [[nodiscard]] Moment now() const { return {next_seq_, start_offset_}; }
  void surveyed(const Moment& begun, const protocol::LogState& view);
  /// A reader delivers `object`, which it found at `seq`, from record `first` on.
  void delivered(Seq seq, const std::vector<std::byte>& object, Offset first);
  /// A failure reached an actor: only what faults explain may. `damaged`: some of its reads were.
  void failed(const Error& error, bool damaged, const char* who);
  /// A reader that wanted `offset` was told that it is trimmed away.
  void told_trimmed(Offset offset);

  /// Everything that may still land has landed.
  void finish();

  // What is so. ---------------------------------------------------------------------------------

  [[nodiscard]] Offset end_offset() const { return next_offset_; }
  [[nodiscard]] Offset start_offset() const { return start_offset_; }
  [[nodiscard]] Seq lowest_live() const { return lowest_live_; }
  [[nodiscard]] Seq tail() const { return next_seq_; }
  [[nodiscard]] bool on_chain(Seq seq) const { return chain_.contains(seq); }
  [[nodiscard]] const std::map<Seq, format::Header>& chain() const { return chain_; }
  /// May the seal at `seq` go? Its epoch is over and it fences nobody.
  [[nodiscard]] bool seal_may_go(Seq seq) const;
  /// Another log that has the same chain below `seal`, and goes on by itself. `keeps`: it may begin before
  /// this one.
  [[nodiscard]] Oracle parting_at(const format::Header& seal, bool keeps) const;
  /// A seal ended it: it goes on elsewhere, and whatever comes after is wrong.
  [[nodiscard]] bool retired() const { return retired_; }
  /// What two oracles share that judge alike from here on.
  [[nodiscard]] Fingerprint digest() const { return Fingerprint(digest_).add(highest_wish_); }

 private:
  void extend();
  void link(const format::Header& header);
  void check_claims(const format::Header& header);

  std::map<Seq, format::Header> ever_;   // the first object of each place
  std::map<Seq, format::Header> chain_;  // of these, the chain
  Seq next_seq_ = 0;
  Seq epoch_ = 0;
  Offset next_offset_ = 0;
  std::uint64_t previous_hash_ = 0;
  bool owned_ = false;
  bool retired_ = false;
  Offset start_offset_ = 0;
  Seq lowest_live_ = 0;
  Offset highest_wish_ = 0;
  std::vector<std::pair<format::Header, WriteOutcome>> fates_;
  Fingerprint digest_;  // of `ever_`: the rest follows
  std::optional<std::string> violation_;
};

}  // namespace varve::sim
