#define SOBOLEV_ISA avx2
#define SOBOLEV_VECTOR_BYTES 32

#include "tests/engine/program/vector_math_table.h"
#include "tests/engine/program/vector_math_table_impl.h"

namespace sobolev::program {

const VectorMath kAvx2VectorMath = avx2::Table();

}  // namespace sobolev::program
