// A surrogate of any kind as bytes. Plain numbers, never code.

#ifndef SOBOLEV_ENGINE_TRAIN_SURROGATE_CODEC_H_
#define SOBOLEV_ENGINE_TRAIN_SURROGATE_CODEC_H_

#include <memory>
#include <string>
#include <string_view>

#include "engine/surrogate/surrogate.h"

namespace sobolev::train {

// "SBLVMDL2", the kind as int64, what the kind's Save writes, and a hash of it all.
std::string EncodeSurrogate(const Surrogate& surrogate);

// Throws Error(kDataLoss) unless `bytes` is exactly what EncodeSurrogate makes.
std::shared_ptr<const Surrogate> DecodeSurrogate(std::string_view bytes);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SURROGATE_CODEC_H_
