#define SOBOLEV_ISA sse2
#define SOBOLEV_VECTOR_BYTES 16

#include "tests/engine/program/vector_math_table.h"
#include "tests/engine/program/vector_math_table_impl.h"

namespace sobolev::program {

const VectorMath kSse2VectorMath = sse2::Table();

}  // namespace sobolev::program
