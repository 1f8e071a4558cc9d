// Doubts: how comparisons over a box stay sound where operands are undefined on a part of it.
//
// √x over [−1, 1] is enclosed by [0, 1], the bounds of its values, though at x = −0.5 it is NaN.
// That is right for results, but a comparison with NaN is false: √x >= 0 is not certain. So the
// operations that may be infinite or NaN though their operands are numbers leave a doubt in the
// lanes in which they may be (kernels.h), and comparisons of what may follow from such an operation
// are never certainly true in a lane that has a doubt. (A comparison that is certainly false of all
// numbers is so of NaN, too, and infinities are within the bounds.)
//
// Doubts belong to lanes, and so to all values in them. Two analyses of a trace keep them from
// spreading needlessly: only operations whose result some comparison may depend on leave doubts,
// and only comparisons of what may depend on such operations heed them. In where(x > 0, √x, 0) none
// does.

#ifndef SOBOLEV_ENGINE_PROGRAM_DOUBTS_H_
#define SOBOLEV_ENGINE_PROGRAM_DOUBTS_H_

#include "engine/program/trace.h"

namespace sobolev::program {

// Sets Group::doubts, and cuts groups whose instructions differ in it. For traces that fuse
// nothing, as those of intervals.
void MarkDoubts(Trace& trace);

// Whether a constant is infinite or NaN: then every lane has a doubt from the start.
bool HasUndefinedConstant(const Trace& trace);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_DOUBTS_H_
