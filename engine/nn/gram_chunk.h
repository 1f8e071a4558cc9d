// The sweeps over one chunk of groups, and the memory they work in.

#ifndef SOBOLEV_ENGINE_NN_GRAM_CHUNK_H_
#define SOBOLEV_ENGINE_NN_GRAM_CHUNK_H_

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

// Throws Error(kInvalidArgument) unless this processor supports `isa`.
const GramKernels& GramKernelsFor(Isa isa);

// θ in the orders that kernels read.
class GramWeights {
 public:
  explicit GramWeights(const GramNetwork& network)
      : network_(network),
        theta_(static_cast<std::size_t>(network.num_parameters)),
        packed_(network.packed_size) {}

  void Set(const double* theta);

  const double* theta() const { return theta_.data(); }
  Product<double> Times(Index l, const double* in) const {
    const GramLayer& layer = network_.Layer(l);
    return {packed_.data() + layer.packed, layer.rows, layer.cols, in};
  }
  Product<double> TransposedTimes(Index l, const double* in) const {
    const GramLayer& layer = network_.Layer(l);
    return {packed_.data() + layer.transposed, layer.inner, layer.rows, in};
  }
  // Of the columns of x.
  Product<double> SkipTransposedTimes(Index l, const double* in) const {
    const GramLayer& layer = network_.Layer(l);
    return {packed_.data() + layer.skip_transposed, layer.cols - layer.inner, layer.rows, in};
  }

 private:
  const GramNetwork& network_;
  std::vector<double> theta_;
  AlignedBuffer<double> packed_;
};

// The steps for the chunks of one kind. A chunk is `layout().size` elements that Prepare() has
// seen once; its data are at its front. Const calls on different chunks may run at the same time.
class GramChunk {
 public:
  GramChunk(const GramNetwork& network, const GramWeights& weights, GramKind kind,
            Activation activation, bool assemble, Isa isa);

  const GramLayout& layout() const { return layout_; }

  // Sets the rows of ones and zeros.
  void Prepare(double* chunk) const;

  // σ = √weight·(prediction − label) for every residual, and what the steps below need of it.
  // `data` is copied to the front of the chunk. Returns Σ σ².
  double Residuals(const double* data, double* chunk) const;

  // After Residuals: z̄_l and t_l, whose outer products with a_{l−1} and g_l are the gradient of
  // Σ u·σ, for cotangents u of the residuals, which start anywhere.
  void Transposed(const double* u, double* chunk) const;

  // After Residuals: the tangents of the residuals for a direction of θ, in the place of σ.
  void Directional(const GramWeights& direction, double* chunk) const;

  // After Residuals (and Transposed, whose inputs this overwrites): ȧ, √c·g, √value weight·g and
  // the tangents ḋ of the adjoints. Not for kCurvature.
  void Factors(double* chunk) const;

  // Of kCurvature, after Residuals: as Transposed, for u = 1 for residual q and 0 for the others.
  void TransposedUnit(Index q, double* chunk) const;

 private:
  void Values(double* chunk) const;
  // From φ(z_l), or its tangent, at `a`, what layer l + 1 sees: a_{l−1} at `before` is added if the
  // layer is residual, and x, or its tangent, is appended if there are skips.
  void FinishLayer(Index l, const double* before, const double* x, double* a) const;
  // In a network with residual layers: ā_l, in the place of ā_{l+1}, from z̄_{l+1}.
  void PullResidual(Index l, const double* z_bar, double* a_bar) const;
  // Σ ȳ_i ∇²y_i v, and what a transposed sweep needs of it.
  void Curvatures(double* chunk) const;
  void CurvatureStep(Index l, const double* seed, double* chunk) const;
  // From the cotangents of ∇²(ȳᵀy) v at t₀.
  void TransposedCurvatures(double* chunk) const;
  void DirectionalCurvatures(const GramWeights& direction, double* chunk, double* dx) const;
  // g_l, c_l of array i from the cotangents of the outputs at `y_bar`.
  void Adjoint(const double* y_bar, Index i, double* chunk) const;
  void UnitAdjoint(Index i, double* chunk) const;
  void FinishAdjoint(Index i, double* chunk) const;
  // x̄ of seed i from its g.
  void InputAdjoint(Index i, double* chunk) const;
  void Tangents(double* chunk) const;
  // The tangents of x̄ for seed i, or array i of g.
  void DirectionalAdjoint(const GramWeights& direction, Index i, double* chunk, double* dx) const;
  void DirectionalSkips(const GramWeights& direction, Index i, double* chunk, double* dx) const;
  void AddBefore(Index l, double* chunk) const;
  void DirectionalTangent(const GramWeights& direction, double* chunk, double* dy) const;

  const GramNetwork& network_;
  const GramWeights& weights_;
  const Kernels<double>& kernels_;
  const GramKernels& gram_;
  std::size_t activation_;
  GramLayout layout_;
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_CHUNK_H_
