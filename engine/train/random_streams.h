// Who draws from which stream of a training's seed. Stream 0 is nn::InitialParameters'.

#ifndef SOBOLEV_ENGINE_TRAIN_RANDOM_STREAMS_H_
#define SOBOLEV_ENGINE_TRAIN_RANDOM_STREAMS_H_

#include <cstdint>

namespace sobolev::train {

inline constexpr std::uint64_t kSplitStream = 1;
// The windows of a streamed epoch e take streams of a seed that kWindowStream + e gives.
inline constexpr std::uint64_t kWindowStream = std::uint64_t{1} << 61;
// Draw d of sketches, from 0, takes stream kSketchStream + d.
inline constexpr std::uint64_t kSketchStream = std::uint64_t{1} << 62;
inline constexpr std::uint64_t kInitialBiasStream = std::uint64_t{1} << 63;
inline constexpr std::uint64_t kAnchorStream = kInitialBiasStream + 1;
inline constexpr std::uint64_t kCurvatureStream = kInitialBiasStream + 2;
// Epoch e = 0, 1, … shuffles with stream kFirstEpochStream + e.
inline constexpr std::uint64_t kFirstEpochStream = 2;

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_RANDOM_STREAMS_H_
