// Putting a load on a contestant.
#pragma once

#include "bench/contestant.h"
#include "bench/figures.h"
#include "bench/load.h"

namespace varve::bench {

/// Puts `load` on `contestant` until its time is over, and finishes it. What the store saw is left to
/// the caller.
Result<Figures> run(Contestant& contestant, const Load& load, Live& live);

}  // namespace varve::bench
