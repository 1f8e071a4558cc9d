// The errors of tapes.

#include "engine/ad/tape.h"

#include "engine/base/error.h"

namespace sobolev::ad {

void ThrowNoActiveTape() {
  throw FailedPrecondition("NO_ACTIVE_TAPE", "",
                           "a statement with active arguments was recorded while no tape was "
                           "active on this thread; keep the Scope of their tape alive");
}

void ThrowTapeFull() {
  throw Error(ErrorCode::kResourceExhausted, "TAPE_FULL", "",
              "a tape holds at most 2^32 arguments; record less at once, or use checkpoints");
}

}  // namespace sobolev::ad
