// The instruction sets that the kernels are compiled for; one binary carries them all.

#ifndef SOBOLEV_ENGINE_BASE_ISA_H_
#define SOBOLEV_ENGINE_BASE_ISA_H_

#include <string_view>

namespace sobolev {

enum class Isa { kSse2, kAvx2, kAvx512 };

// The widest one that this processor and operating system support. Constant for a process.
Isa BestIsa();

// "sse2", "avx2", "avx512".
std::string_view Name(Isa isa);

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_BASE_ISA_H_
