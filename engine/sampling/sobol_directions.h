// The table behind Sobol sequences.

#ifndef SOBOLEV_ENGINE_SAMPLING_SOBOL_DIRECTIONS_H_
#define SOBOLEV_ENGINE_SAMPLING_SOBOL_DIRECTIONS_H_

#include <cstdint>
#include <span>

namespace sobolev::sampling {

// For each dimension from the second on: the degree s of its primitive polynomial, the inner
// coefficients a of that as a binary number, and the initial direction numbers m₁ … m_s.
std::span<const std::uint16_t> SobolDirections();

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_SOBOL_DIRECTIONS_H_
