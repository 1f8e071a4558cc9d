// A random number for each place: what random access to a stream (base/rng.h) would give.

#ifndef SOBOLEV_ENGINE_SAMPLING_HASH_H_
#define SOBOLEV_ENGINE_SAMPLING_HASH_H_

#include <cstdint>

namespace sobolev::sampling {

// 64 bits for place `n` of the stream `key`: number n of SplitMix64 in state `key`. Keys of
// different streams must be random themselves, such as results of Hash.
inline std::uint64_t Hash(std::uint64_t key, std::uint64_t n) {
  std::uint64_t bits = key + (n + 1) * 0x9e3779b97f4a7c15;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

// In (0, 1), from the upper 52 bits: the middles of 2⁵² equal cells, which doubles hold exactly.
inline double UnitPoint(std::uint64_t bits) {
  return static_cast<double>((bits >> 12) * 2 + 1) * 0x1p-53;
}

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_HASH_H_
