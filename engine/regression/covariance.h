// Covariances of labels that are values and directional derivatives of a Gaussian process.
//
// With lengths ℓ, z = x̂/ℓ and k = h(|z − z′|²/2), a label at x_a is c_a f + d_a·∇_z f with c = 1,
// d = 0 or c = 0, |d| = 1: labels of derivatives are divided by the lengths of their directions in
// z, so that all have about the same variance and the matrix is as well conditioned as it can be.
// With δ = z_a − z_b and p = d·δ
//   cov(a, b) = h c_a c_b − h′ c_a p_b + h′ p_a c_b − h″ p_a p_b − h′ d_a·d_b.
// Several coupled outputs are independent processes of the same variance: cov times w_a·w_b.

#ifndef SOBOLEV_ENGINE_REGRESSION_COVARIANCE_H_
#define SOBOLEV_ENGINE_REGRESSION_COVARIANCE_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/regression/kernel.h"

namespace sobolev::regression {

// Which labels there are, without their values.
struct Functionals {
  static constexpr std::int32_t kValue = -1;
  static constexpr std::int32_t kDirection = -2;

  Matrix X;                        // n×N, the points that have labels.
  std::vector<Index> first;        // N+1: the labels of point s are first[s] … first[s+1] − 1.
  std::vector<std::int32_t> axis;  // Per label: j of ∂_j, or one of the above.
  std::vector<Index> column;       // Per label: its column of D if it is a direction.
  Matrix D;                        // n×K
  Matrix W;                        // g×labels, columns of length 1; empty for a single output.
  Vector weight;                   // Per label: its noise variance is divided by this.

  Index n() const { return X.rows(); }
  Index NumPoints() const { return X.cols(); }
  Index NumLabels() const { return static_cast<Index>(axis.size()); }
  Index First(Index point) const { return first[static_cast<std::size_t>(point)]; }
  std::int32_t Axis(Index label) const { return axis[static_cast<std::size_t>(label)]; }
  Index Column(Index label) const { return column[static_cast<std::size_t>(label)]; }

  // The same at the first points only.
  Functionals Head(Index num_points) const;
  void Save(ByteWriter& writer) const;
  static Functionals Load(ByteReader& reader, Index n, Index num_outputs, Index most_labels);
};

struct Hyperparameters {
  KernelKind kind = KernelKind::kSquaredExponential;
  Vector log_lengths;             // n
  double log_value_noise = 0;     // Variances relative to those of the process and of its
  double log_gradient_noise = 0;  // derivatives along unit vectors in z.

  Index Size() const { return log_lengths.size() + 2; }
  Vector Pack() const;
  static Hyperparameters Unpack(KernelKind kind, const Vector& theta);
};

// Covariances for given hyperparameters.
class Covariance {
 public:
  // Refers to the functionals, which outlive it.
  Covariance(const Functionals& functionals, const Hyperparameters& hyperparameters);

  const Matrix& Z() const { return points_z_; }
  const Vector& lengths() const { return lengths_; }
  // What labels are divided by: 1 for values.
  const Vector& scale() const { return scale_; }
  // d of a label into n numbers.
  void Direction(Index label, double* d) const;

  // The lower triangle with the noise on its diagonal. Throws Error(kCancelled).
  void Assemble(dense::MatrixRef K, const std::stop_token& stop) const;

  // With W the lower triangle of a symmetric matrix of sensitivities ∂L/∂K of a function L of the
  // covariance matrix of the undivided labels, in units of the divided ones: ½ Σ_ab W_ab ∂K_ab for
  // every hyperparameter, in the order of Pack.
  Vector Sensitivities(const dense::ConstMatrixRef& W, const std::stop_token& stop) const;

  // Covariances of all labels with f(z), and with d·∇_z f(z) if d is not null, without w.
  void Cross(const double* z, const double* d, double* column) const;

 private:
  double Noise(Index label) const;
  // p = d·δ for all labels of a point.
  void Projections(Index point, const double* delta, double* p) const;
  double DirectionProduct(Index a, Index b) const;
  void AssemblePair(Index s, Index t, double* memory, dense::MatrixRef K) const;
  void AddSensitivities(Index s, Index t, const dense::ConstMatrixRef& W, double* memory,
                        double* sums) const;

  const Functionals& functionals_;
  KernelKind kind_;
  double value_noise_;
  double gradient_noise_;
  Vector lengths_;
  Matrix points_z_;                   // n×N
  Matrix directions_z_;               // n×K, of length 1 in z.
  Vector scale_;                      // Per label.
  std::vector<bool> has_directions_;  // Per point.
  Index most_labels_ = 0;             // Of a point.
};

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_COVARIANCE_H_
