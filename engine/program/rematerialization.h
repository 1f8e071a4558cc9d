// Recomputes cheap values where they are needed again instead of keeping them.
//
// A reverse sweep needs values of the forward sweep long after they were made. By then they have
// left the first-level cache, or even the second. Some are one or two multiplications away from
// others that are kept in any case: those are made again (Briggs, Cooper and Torczon 1992, for
// registers). The same operations on the same operands give the same bits.

#ifndef SOBOLEV_ENGINE_PROGRAM_REMATERIALIZATION_H_
#define SOBOLEV_ENGINE_PROGRAM_REMATERIALIZATION_H_

#include "engine/program/lowering.h"

namespace sobolev::program {

// The list with instructions added that make values anew.
InstructionList Rematerialize(const InstructionList& list);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_REMATERIALIZATION_H_
