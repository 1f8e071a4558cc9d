// The stacked residuals of a fit, and their Gauss-Newton matrix, without their Jacobian.
//
// L(θ) = Σ r² over labels that are there, with r = √weight·(prediction − label). Weights, for N
// points, n inputs, m outputs, the point's own weight ω_s and those of single labels v and w:
//   value        ω_s v_is α/(m N)
//   Jacobian     ω_s w_jis β/(m n N) λ_ij²
//   tangent      ω_s β/(m n N) Σ_j λ_ij² ẋ_j² / |ẋ|⁴      of ẏ_i = J_i ẋ
//   adjoint      ω_s β/(m n N) Σ_i λ_ij² ȳ_i² / |ȳ|⁴      of x̄_j = ȳᵀJ_j
//   curvature    ω_s γ/(m n N) Σ_i κ_i² ȳ_i² / (|ȳ|⁴ |v|²)   of entries of Σ_i ȳ_i ∇²y_i v
// so that a tangent in the direction of an input, or the adjoint of an output, weighs what the same
// entries of a Jacobian weigh, and the length of ẋ, ȳ and v does not matter; those of length 0 are
// left out.
//
// With R = ∂r/∂θ, assembly sums Kronecker products over points (gram_products.h): about 2(1 + m)
// S p² operations for S points, whatever the number of inputs. Curvatures are the exception: their
// rows are made one by one (gram_curvature.h), n p²/2 operations for every label. All sums run in
// an order that depends on the labels and the network only, so results have the same bits for any
// number of threads.

#ifndef SOBOLEV_ENGINE_NN_GRAM_SWEEP_H_
#define SOBOLEV_ENGINE_NN_GRAM_SWEEP_H_

#include <cstddef>
#include <memory>
#include <stop_token>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::nn {

// One object per fit; not thread-safe (it owns the workspaces), but it uses the threads of the
// current oneTBB arena. No method but the constructor allocates. Every method throws
// Error(kInvalidArgument) if a size disagrees, and Error(kCancelled), leaving its results
// unspecified, soon after `stop` fires. A θ that is not finite gives results that are not.
class GramSweep {
 public:
  using MatrixRef = Eigen::Ref<Matrix, 0, Eigen::OuterStride<>>;
  using VectorRef = Eigen::Ref<Vector>;
  using ConstVectorRef = Eigen::Ref<const Vector>;

  // What will be called besides Loss, Residuals, Gradient and the products.
  enum class Use {
    kProducts,
    kRows,    // Rows()
    kMatrix,  // Assemble(), which needs 2p² elements of memory, and Rows()
  };

  struct Options {
    Use use = Use::kMatrix;
    Isa isa = BestIsa();
  };

  // Copies the labels. Throws Error(kInvalidArgument) if the architecture is not valid, a shape
  // disagrees, or the processor does not support the instruction set.
  GramSweep(const Architecture& architecture, const LabelledPoints& points,
            const LossWeights& weights, const Options& options);
  GramSweep(const Architecture& architecture, const LabelledPoints& points,
            const LossWeights& weights);
  ~GramSweep();

  // p
  Index NumParameters() const;
  // Residuals with a weight.
  Index NumResiduals() const;
  // Elements of the vectors of residuals below, which have some zeros between them.
  Index ResidualSize() const;

  // L(θ).
  double Loss(const ConstVectorRef& theta, const std::stop_token& stop = {});

  // r (ResidualSize() elements, in an order of its own) and L(θ).
  double Residuals(const ConstVectorRef& theta, VectorRef r, const std::stop_token& stop = {});

  // The lower triangle of H = RᵀR (p×p), gradient = Rᵀr = ½∂L/∂θ, r and L(θ). H is not written
  // above the diagonal.
  double Assemble(const ConstVectorRef& theta, MatrixRef H, VectorRef gradient, VectorRef r,
                  const std::stop_token& stop = {});

  // gradient = Rᵀr and L(θ).
  double Gradient(const ConstVectorRef& theta, VectorRef gradient,
                  const std::stop_token& stop = {});

  // Labels of the same kind lie in chunks of some, in their order.
  Index NumChunks() const;
  // As Gradient, over chunks first … last − 1 alone.
  double GradientOfChunks(const ConstVectorRef& theta, Index first, Index last, VectorRef gradient,
                          const std::stop_token& stop = {});

  // R (ResidualSize()×p), gradient = Rᵀr, r and L(θ).
  double Rows(const ConstVectorRef& theta, MatrixRef R, VectorRef gradient, VectorRef r,
              const std::stop_token& stop = {});

  // product = R v.
  void Apply(const ConstVectorRef& theta, const ConstVectorRef& v, VectorRef product,
             const std::stop_token& stop = {});

  // product = Rᵀu.
  void ApplyTransposed(const ConstVectorRef& theta, const ConstVectorRef& u, VectorRef product,
                       const std::stop_token& stop = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_SWEEP_H_
