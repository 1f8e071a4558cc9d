// The fully connected network y = W_D φ(… φ(W₁ x + b₁) …) + b_D: its shape and its parameters.
//
// Two variations, alone or together: with `skip` every layer after the first sees the inputs x too,
// so that a_{l−1} becomes [a_{l−1}; x] ("wide and deep", and what convex networks need), and with
// `residual` a hidden layer as wide as the hidden layer before it is added to that,
// a_l = a_{l−1} + φ(z_l).
//
// Parameters θ ∈ ℝᵖ are one flat vector: for each layer l = 1 … D first W_l row-major (rows are
// outputs; with skip, the weights of a_{l−1} are followed by those of x in each row), then b_l.

#ifndef SOBOLEV_ENGINE_NN_NETWORK_H_
#define SOBOLEV_ENGINE_NN_NETWORK_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/activation.h"

namespace sobolev::nn {

// "softplus", "tanh", "silu", "gelu", "sin".
std::string_view Name(Activation activation);

struct Architecture {
  Index n = 0;                // Inputs.
  Index m = 0;                // Outputs.
  std::vector<Index> hidden;  // Width of each hidden layer.
  Activation activation = Activation::kSoftplus;
  bool skip = false;
  bool residual = false;

  // Number of affine layers D = hidden layers + 1.
  Index Depth() const { return static_cast<Index>(hidden.size()) + 1; }
  // Rows and columns of W_l, l = 1 … D.
  Index Rows(Index l) const;
  Index Cols(Index l) const;
  // How many of the columns of W_l, its last ones, belong to x by a skip.
  Index SkipCols(Index l) const { return skip && l > 1 ? n : 0; }
  // Whether layer l adds to the layer before.
  bool IsResidual(Index l) const;
  // p: all weights and biases.
  Index NumParameters() const;

  friend bool operator==(const Architecture&, const Architecture&) = default;
};

// The largest network that is accepted.
inline constexpr Index kMaxInputs = 4096;
inline constexpr Index kMaxOutputs = 4096;
inline constexpr Index kMaxHiddenLayers = 64;
inline constexpr Index kMaxWidth = 8192;
inline constexpr Index kMaxParameters = 50'000'000;

// Throws Error(kInvalidArgument) naming "spec.network.hidden", "inputs" or "outputs" when a limit
// is passed.
void Validate(const Architecture& architecture);

// Throws Error(kInvalidArgument) naming "spec.network.residual" if the network shall be residual,
// and no hidden layer is as wide as the one before.
void CheckResidual(const Architecture& architecture);

// Initial θ: weights truncated normal (at 2σ) with variance 1/fan-in, zero biases (Huge and Savine
// 2020). The same seed gives the same bits.
Vector InitialParameters(const Architecture& architecture, std::uint64_t seed);

// θ of a network of x that is y = d + e∘f(A x + c), f being that of `theta`; the architecture is
// the same but for n, the columns of A. A: n_f×n, c: n_f, d and e: m.
Vector FoldAffine(const Architecture& architecture, const Vector& theta, const Matrix& A,
                  const Vector& c, const Vector& d, const Vector& e);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_NETWORK_H_
