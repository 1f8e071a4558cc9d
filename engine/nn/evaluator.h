// Evaluation of a surrogate and its derivatives on a block of points, in two layouts.
//
// The scaling of the surrogate is folded into the weights, so that derivatives need no scaling at
// all: W₁ becomes W₁ diag(1/σ_x), W_D becomes diag(σ_y) W_D, b_D becomes σ_y b_D + μ_y. Only the
// mean of x is subtracted point by point, because W₁ μ_x would cancel badly where |μ_x| ≫ σ_x.
//
// A chunk of points lies in SIMD lanes and takes one direction at a time. A single point has its
// features in lanes and takes several directions at a time. Both add up in the same order, so a
// point has the same bits in either.

#ifndef SOBOLEV_ENGINE_NN_EVALUATOR_H_
#define SOBOLEV_ENGINE_NN_EVALUATOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/jacobian_plan.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::nn {

using RowMajorMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A matrix with no larger share of weights other than 0 is multiplied without its zeros. Both ways
// take the same time at 0.55 of 64 columns and 0.4 of 256, whose chunk no longer fits the
// first-level cache (tests/bench/sparse_bench.cc).
inline constexpr double kSparseDensity = 0.3;

// A matrix in the order in which products with chunks read it.
class PackedMatrix {
 public:
  explicit PackedMatrix(const RowMajorMatrix& W);

  // W in, where in is [cols][lane].
  Product<double> Times(const double* in) const {
    return {weights_.data(), rows_, cols_, in, starts_.empty() ? nullptr : starts_.data(),
            columns_.data()};
  }
  // That a product takes for each point.
  Index MultiplyAdds() const { return weights_.size(); }
  std::size_t SizeBytes() const;

 private:
  Index rows_;
  Index cols_;
  AlignedBuffer<double> weights_;
  std::vector<std::uint32_t> starts_;  // As in Product; empty for a dense matrix.
  std::vector<std::uint32_t> columns_;
};

// The scaled layer l in all the orders that kernels read.
struct PackedLayer {
  Index rows;
  Index cols;
  Index inner;                    // Columns that belong to a_{l−1}; those of x by a skip follow.
  bool residual;                  // Whether a_l = a_{l−1} + φ(z_l).
  Index padded_rows;              // To a multiple of the vector width.
  Index padded_cols;              // Likewise.
  PackedMatrix weights;           // W
  PackedMatrix transposed;        // Wᵀ, of the inner columns.
  PackedMatrix skip_transposed;   // Likewise of the columns of x.
  AlignedBuffer<double> columns;  // [cols][padded_rows]: column j of W is contiguous.
  AlignedBuffer<double> lines;    // [rows][padded_cols]: row i of W is contiguous.
  AlignedBuffer<double> bias;     // padded_rows
};

struct PackedNetwork {
  PackedNetwork(const Architecture& architecture, const Scaling& scaling, const Vector& theta,
                const Kernels<double>& table);

  const PackedLayer& Layer(Index l) const { return layers[static_cast<std::size_t>(l - 1)]; }

  const Kernels<double>& kernels;
  std::size_t activation;
  Index n;
  Index m;
  Index depth;
  bool skip;
  bool residual;
  Index widest;                 // max(m, columns of all layers), padded to the vector width.
  Index max_points_one_by_one;  // So many points are cheaper one by one than as a padded chunk.
  Vector x_mean;
  std::vector<PackedLayer> layers;
};

// What to compute, with the pointers of the whole batch.
struct Evaluation {
  const double* X;  // n×N
  const std::optional<Directions>& tangents;
  const std::optional<Directions>& adjoints;
  const PredictionBuffers& out;
  JacobianPlan jacobian;
  bool streams_J;  // J is larger than caches, and at a waist written past them.
  const std::stop_token& stop;

  bool HasDerivatives() const {
    return out.J != nullptr || out.Y_dot != nullptr || out.X_bar != nullptr;
  }
};

// Elements of workspace that the functions below need, aligned to kAlignment.
Index ChunkWorkspace(const PackedNetwork& network, const JacobianPlan& jacobian);
Index PointWorkspace(const PackedNetwork& network, const JacobianPlan& jacobian);

// Points first … first + count − 1, count <= kernels.lanes. Throws Error(kCancelled).
void EvaluateChunk(const PackedNetwork& network, const Evaluation& evaluation, Index first,
                   Index count, double* workspace);

// The point numbered `point`. Throws Error(kCancelled).
void EvaluatePoint(const PackedNetwork& network, const Evaluation& evaluation, Index point,
                   double* workspace);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_EVALUATOR_H_
