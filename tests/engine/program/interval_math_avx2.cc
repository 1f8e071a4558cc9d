#define SOBOLEV_ISA avx2
#define SOBOLEV_VECTOR_BYTES 32

#include "tests/engine/program/interval_math_table.h"
#include "tests/engine/program/interval_math_table_impl.h"

namespace sobolev::program {

const IntervalMath kAvx2IntervalMath = avx2::IntervalTable();

}  // namespace sobolev::program
