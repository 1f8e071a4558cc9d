#define SOBOLEV_ISA avx512
#define SOBOLEV_VECTOR_BYTES 64

#include "tests/engine/program/vector_math_table.h"
#include "tests/engine/program/vector_math_table_impl.h"

namespace sobolev::program {

const VectorMath kAvx512VectorMath = avx512::Table();

}  // namespace sobolev::program
