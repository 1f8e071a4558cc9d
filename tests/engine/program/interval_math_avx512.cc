#define SOBOLEV_ISA avx512
#define SOBOLEV_VECTOR_BYTES 64

#include "tests/engine/program/interval_math_table.h"
#include "tests/engine/program/interval_math_table_impl.h"

namespace sobolev::program {

const IntervalMath kAvx512IntervalMath = avx512::IntervalTable();

}  // namespace sobolev::program
