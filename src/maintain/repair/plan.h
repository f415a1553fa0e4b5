// What is to be done about a log, from what was found out about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/recovery_scan.h"
#include "varve/repair.h"

namespace varve::maintain {

enum class CheckpointState : std::uint8_t {
  sound,
  missing,
  useless,  ///< damaged, of another log, or behind the log's start
  witness,  ///< it alone knows that acknowledged records at the end are lost
};

/// What a writer that opens the log trips over, and where the log is whole behind that.
struct TailLoss {
  std::vector<LostRecords> lost;
  Seq walk_from = 0;  ///< an object behind all of it
  protocol::Position tail;
};

struct Diagnosis {
  std::uint64_t garbage_objects = 0;
  std::uint64_t garbage_bytes = 0;
  CheckpointState checkpoint = CheckpointState::sound;
  std::string checkpoint_why = {};  ///< unless it is sound or missing
  std::optional<TailLoss> loss = {};
  std::optional<Offset> end = {};           ///< of the log as it can be read, if its checkpoint knows of more
  std::optional<Error> beyond_repair = {};  ///< then nothing else is known

  /// What the checkpoint knows of was given up by the operator's word: it is of no use any more.
  void given_up() {
    end.reset();
    checkpoint = CheckpointState::useless;
  }
};

[[nodiscard]] RepairPlan plan_for(const Diagnosis& found);

}  // namespace varve::maintain
