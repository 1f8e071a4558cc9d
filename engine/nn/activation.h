// The activation functions φ of hidden layers. Without includes, because the kernels see it.

#ifndef SOBOLEV_ENGINE_NN_ACTIVATION_H_
#define SOBOLEV_ENGINE_NN_ACTIVATION_H_

namespace sobolev::nn {

enum class Activation {
  kSoftplus,  // log(1 + eᶻ)
  kTanh,      // tanh z
  kSilu,      // z / (1 + e⁻ᶻ)
  kGelu,      // z (1 + erf(z/√2)) / 2
  kSin,       // sin z
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_ACTIVATION_H_
