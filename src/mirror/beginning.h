// Where a mirror begins, or goes on: from what both places hold.
#pragma once

#include "chain/mirroring.h"
#include "courier/courier.h"
#include "reader/place.h"
#include "varve/mirror.h"

namespace varve::mirror {

struct Beginning {
  chain::MirroringStart start;
  chain::TailView source;  ///< as it was seen
};

/// Looks at both, and puts the seal of the first epoch where the mirror is new, or the checkpoint of one that
/// was attached. Errors: as `Mirror::open`.
Result<Beginning> begin(const courier::Courier& source, const courier::Courier& destination,
                        const MirrorOptions& options, const reader::Patience& patience);

/// What is left to copy begins below what the source still has.
[[nodiscard]] Error trimmed_past(const courier::Courier& source, const chain::Position& wanted,
                                 const chain::TailView& view);

/// One request, whose answer is waited for.
Result<chain::Reply> ask(const courier::Courier& courier, chain::Request request,
                         const reader::Patience& patience);

}  // namespace varve::mirror
