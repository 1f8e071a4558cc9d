// A surrogate as bytes: architecture, scaling, weights. Plain numbers, never code.

#ifndef SOBOLEV_SERVER_MODELS_WEIGHTS_CODEC_H_
#define SOBOLEV_SERVER_MODELS_WEIGHTS_CODEC_H_

#include <string>
#include <string_view>

#include "engine/nn/surrogate.h"

namespace sobolev::server {

// Little-endian: "SBLVNET1", activation, n, m, number of hidden layers, widths (int64 each), then
// float64 x_mean, x_scale (n), y_mean, y_scale (m), θ (p).
std::string EncodeSurrogate(const nn::Surrogate& surrogate);

// Throws Error(kDataLoss) unless `bytes` is exactly what EncodeSurrogate makes.
nn::Surrogate DecodeSurrogate(std::string_view bytes);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_MODELS_WEIGHTS_CODEC_H_
