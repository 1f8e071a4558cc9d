#define SOBOLEV_ISA sse2
#define SOBOLEV_VECTOR_BYTES 16

#include "tests/engine/program/interval_math_table.h"
#include "tests/engine/program/interval_math_table_impl.h"

namespace sobolev::program {

const IntervalMath kSse2IntervalMath = sse2::IntervalTable();

}  // namespace sobolev::program
