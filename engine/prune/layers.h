// A network taken apart into its layers, and the plain sweeps over a few samples that ranking and
// refitting need: values, tangents and adjoints of every hidden vertex.
//
// Everything here is in the network's own coordinates: standardised x and y (nn::Scaling).

#ifndef SOBOLEV_ENGINE_PRUNE_LAYERS_H_
#define SOBOLEV_ENGINE_PRUNE_LAYERS_H_

#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/activation.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::prune {

// z_l = W_l [a_{l−1}; x by a skip] + b_l, l = 1 … D; layer l is at [l − 1].
struct Layers {
  nn::Architecture architecture;
  std::vector<Matrix> W;
  std::vector<Vector> b;

  explicit Layers(const nn::NetworkSurrogate& surrogate);

  Index depth() const { return static_cast<Index>(W.size()); }
  const Matrix& Weights(Index l) const { return W[static_cast<std::size_t>(l - 1)]; }
  Matrix& Weights(Index l) { return W[static_cast<std::size_t>(l - 1)]; }
  const Vector& Bias(Index l) const { return b[static_cast<std::size_t>(l - 1)]; }
  Vector& Bias(Index l) { return b[static_cast<std::size_t>(l - 1)]; }
  // Vertices of hidden layer l = 1 … D − 1.
  Index Width(Index l) const { return Weights(l).rows(); }
  // Whether layer l adds the layer before, a_l = a_{l−1} + φ(z_l).
  bool IsResidual(Index l) const { return architecture.IsResidual(l); }

  nn::NetworkSurrogate ToSurrogate(const nn::Scaling& scaling) const;
};

// φ(z) and φ′(z), entry by entry.
Matrix Activate(nn::Activation activation, const Matrix& Z);
Matrix Slopes(nn::Activation activation, const Matrix& Z);

// Some samples on their way through the layers, with d tangents each: column k·N + s of a matrix of
// tangents is direction k at sample s.
class LayerSweep {
 public:
  // X: n×N, X_dot: n×(d·N). Refers to the layers.
  LayerSweep(const Layers& layers, Matrix X, Matrix X_dot);

  // From a_{l−1} to z_l, and from there to a_l: called in turn for l = 1 … D.
  void Affine();
  void Bend();

  // What the next affine layer takes, [a; x by a skip; 1] above samples, then its tangents
  // [ȧ; ẋ by a skip; 0]: N·(1 + d) columns.
  Matrix Features() const;
  // z and ż likewise.
  Matrix Images() const;

 private:
  const Layers& layers_;
  Index l_ = 0;  // Layers passed.
  Matrix x_;
  Matrix x_dot_;
  Matrix a_;
  Matrix a_dot_;
  Matrix z_;
  Matrix z_dot_;
};

// All hidden values at N samples, and the slopes there: [l − 1] for l = 1 … D − 1; and y.
struct HiddenValues {
  std::vector<Matrix> A;
  std::vector<Matrix> slopes;
  Matrix Y;  // m×N
};
HiddenValues Evaluate(const Layers& layers, const Matrix& X);

// ∂y_i/∂a_l and ∂y_i/∂z_l of one output at those samples: [l − 1] for l = 1 … D − 1; and ∇y_i.
struct HiddenAdjoints {
  std::vector<Matrix> A_bar;
  std::vector<Matrix> Z_bar;
  Matrix X_bar;  // n×N
};
HiddenAdjoints Reverse(const Layers& layers, const HiddenValues& values, Index output);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_LAYERS_H_
