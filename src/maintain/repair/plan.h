// What is to be done about a log, from what was found out about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "maintain/repair/tail_loss.h"
#include "varve/repair.h"

namespace varve::maintain {

enum class CheckpointState : std::uint8_t {
  sound,
  missing,
  useless,  ///< damaged, of another log, or behind the log's start
  ahead,    ///< it names an object beyond the log's end: a witness of a loss, perhaps
};

struct Diagnosis {
  std::uint64_t garbage_objects = 0;
  std::uint64_t garbage_bytes = 0;
  CheckpointState checkpoint = CheckpointState::sound;
  std::string checkpoint_why = {};  ///< unless it is sound or missing
  std::optional<TailLoss> loss = {};
  std::optional<Error> beyond_repair = {};  ///< then nothing else is known
};

[[nodiscard]] RepairPlan plan_for(const Diagnosis& found);

}  // namespace varve::maintain
