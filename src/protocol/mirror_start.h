// Where a mirror begins, or goes on: from what both places hold, and from nothing that only one of them
// believes. docs/protocol.md (Mirrors, The start) has its cases as a table.
#pragma once

#include <optional>
#include <string>

#include "protocol/mirroring.h"
#include "protocol/two_logs.h"

namespace varve::protocol {

struct MirrorStartOptions {
  std::string source;       ///< "<store>/<log>", for messages and the checkpoint
  std::string destination;  ///< likewise
  bool keep_trimmed = false;
  bool attach = false;
  /// Lists every place that the destination should have, and goes on at the first that is empty.
  bool verify = false;
};

/// Where the copying goes on.
struct ResumePoint {
  MirroringStart start;
  LogState source;  ///< as it was seen
};

class MirrorStart {
 public:
  explicit MirrorStart(MirrorStartOptions options);
  MirrorStart(const MirrorStart&) = delete;
  MirrorStart& operator=(const MirrorStart&) = delete;

  SidedRequests start();
  /// One call for each request; what else is to be asked.
  SidedRequests on(const Reply& reply);

  /// The destination is empty: before anything is put there, the driver finds out whether its store creates
  /// if absent, and says so by `store_proven`. No request is under way meanwhile.
  [[nodiscard]] bool wants_proof() const { return proof_ == Proof::wanted; }
  SidedRequests store_proven(const Result<void>& result);

  [[nodiscard]] bool done() const { return task_.done(); }
  /// Only when done. Errors: those of `Mirror::open`.
  [[nodiscard]] const Result<ResumePoint>& result() const { return task_.value(); }

 private:
  using Header = format::Header;
  using Resume = Result<ResumePoint>;
  enum class Proof : std::uint8_t { none, wanted, given };
  struct ProofGiven;

  Task<Resume> run();
  // Nothing of a log is at the destination.
  Task<Resume> begin_anew(bool keeps);
  Task<Resume> begin_anew_if_trimmed(Seq begins, bool keeps, Error otherwise);
  Task<Result<void>> put_first_seal(Header seal, std::vector<std::byte> bytes);
  [[nodiscard]] format::Checkpoint first_checkpoint(const Header& first, bool keeps) const;
  [[nodiscard]] ResumePoint resume_with(const Header& first, bool keeps) const;
  Task<Result<bool>> holds_only_seals();
  // It is a mirror.
  Task<Resume> go_on(format::Checkpoint known);
  Task<Resume> find_place(format::Checkpoint known, std::optional<Header> named);
  Task<Result<std::vector<Seq>>> whole_below(format::Checkpoint known, bool named_is_there);
  Task<Result<format::Checkpoint>> begun_at(format::Checkpoint known, Seq first);
  [[nodiscard]] ChainPlaces places_from(Seq at, const format::Checkpoint& known) const;
  Task<Result<std::optional<Seq>>> lowest_live_there(Seq from);
  Task<Result<Occupied>> verified(format::Checkpoint known, Occupied stored);
  Task<Resume> go_on_before(format::Checkpoint known, Occupied stored);
  Task<Result<std::vector<Header>>> linked_headers(std::vector<Seq> seqs);
  Task<Result<void>> expect_mirror_still();
  Task<Result<void>> expect_not_promoted(Header newest);
  Task<Resume> go_on_behind(format::Checkpoint known, Header ours);
  [[nodiscard]] ResumePoint resume_at(const Position& next, const Header& ours,
                                      const format::Checkpoint& known) const;
  // It is a log of its own.
  Task<Resume> attach();
  [[nodiscard]] format::Checkpoint attached_checkpoint(const LogState& mine) const;
  Task<Result<void>> expect_source_is_no_mirror(LogState mine);

  [[nodiscard]] Error no_mirror() const;
  [[nodiscard]] Error was_promoted() const;
  [[nodiscard]] Error trimmed_past(Seq seq, Offset offset) const;

  MirrorStartOptions options_;
  TwoLogs logs_;
  LogState view_;  // of the source
  Proof proof_ = Proof::none;
  Result<void> proven_;
  std::coroutine_handle<> waiting_for_proof_;
  std::uint32_t looks_ = 0;
  Task<Resume> task_;
};

/// What is left to copy begins below what the source still has.
[[nodiscard]] Error trimmed_past(const std::string& source, Seq seq, Offset offset, const LogState& view);

}  // namespace varve::protocol
