#include <algorithm>
#include <cstdint>
#include <utility>

#include <emmintrin.h>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

namespace {

// Elements of a store that goes past the caches, which every x86-64 processor has.
constexpr Index kStreamed = 2;

// Without reading the cache lines of `to` first, as other stores do. Aligned to a store, and whole
// stores; other threads may read it after an _mm_sfence.
void StreamCopy(const double* from, Index count, double* to) {
  for (Index k = 0; k < count; k += kStreamed) _mm_stream_pd(to + k, _mm_loadu_pd(from + k));
}

// Columns of Jacobians that are written together: a cache line.
constexpr Index kColumnsAtATime = 8;

// One chunk: [feature][lane] arrays in the workspace.
class ChunkSweep {
 public:
  ChunkSweep(const PackedNetwork& network, const Evaluation& evaluation, Index first, Index count,
             double* workspace)
      : network_(network),
        kernels_(network.kernels),
        evaluation_(evaluation),
        first_(first),
        count_(count),
        current_(workspace),
        next_(workspace + network.widest * kernels_.lanes),
        inputs_(workspace + 2 * network.widest * kernels_.lanes),
        a_bar_(workspace + 3 * network.widest * kernels_.lanes),
        slopes_(workspace + 4 * network.widest * kernels_.lanes),
        waist_rows_(slopes_ + (network.depth - 1) * network.widest * kernels_.lanes),
        waist_columns_(waist_rows_ + evaluation.jacobian.waist *
                                         RoundUp(network.n, kernels_.width) * kernels_.lanes),
        columns_(waist_rows_) {}

  void Value() {
    const Index n = network_.n;
    kernels_.gather(evaluation_.X + first_ * n, n, nullptr, count_, n, current_);
    for (Index j = 0; j < n; ++j) {
      for (Index lane = 0; lane < kernels_.lanes; ++lane) {
        current_[j * kernels_.lanes + lane] -= network_.x_mean[j];
      }
    }
    KeepInputs(current_);
    for (Index l = 1; l < network_.depth; ++l) {
      ThrowIfStopped(evaluation_.stop);
      kernels_.affine(Times(l), network_.Layer(l).bias.data(), next_);
      kernels_.activate[network_.activation](next_, Slope(l), nullptr,
                                             network_.Layer(l).rows * kernels_.lanes);
      FinishLayer(l);
    }
    ThrowIfStopped(evaluation_.stop);
    if (evaluation_.out.Y == nullptr) return;
    kernels_.affine(Times(network_.depth), network_.Layer(network_.depth).bias.data(), next_);
    kernels_.scatter(next_, network_.m, count_, evaluation_.out.Y + first_ * network_.m,
                     network_.m);
  }

  // Columns first … first + count − 1 of every Jacobian, count <= kColumnsAtATime.
  void JacobianByTangents(Index first, Index count) {
    const Index n = network_.n;
    const Index m = network_.m;
    const Index lanes = kernels_.lanes;
    for (Index k = 0; k < count; ++k) {
      UnitTangent(first + k);
      for (Index i = 0; i < m; ++i) {
        std::copy_n(current_ + i * lanes, lanes, columns_ + (i * count + k) * lanes);
      }
    }
    for (Index i = 0; i < m; ++i) {
      kernels_.scatter(columns_ + i * count * lanes, count, count_,
                       evaluation_.out.J + (first_ * m + i) * n + first, m * n);
    }
  }

  // Row i of every Jacobian.
  void JacobianByAdjoint(Index i) {
    const Index n = network_.n;
    const Index m = network_.m;
    const PackedLayer& output = network_.Layer(network_.depth);
    const double* const line = output.lines.data() + i * output.padded_cols;
    Start(line, output.inner, network_.depth - 1);
    if (network_.depth > 1) {
      if (network_.skip) kernels_.affine({nullptr, n, 0, nullptr}, line + output.inner, inputs_);
      if (network_.residual) kernels_.affine({nullptr, output.inner, 0, nullptr}, line, a_bar_);
      Pull(network_.depth - 1);
    }
    kernels_.scatter(current_, n, count_, evaluation_.out.J + (first_ * m + i) * n, m * n);
  }

  // All of every Jacobian, from both sides of the waist.
  void JacobianAtWaist() {
    const Index n = network_.n;
    const Index m = network_.m;
    const Index lanes = kernels_.lanes;
    const Index l = evaluation_.jacobian.layer;
    const Index waist = evaluation_.jacobian.waist;
    const Index padded = RoundUp(n, kernels_.width);
    const PackedLayer& layer = network_.Layer(l);
    // What pads the rows is read, too.
    if (padded > n) std::fill_n(waist_rows_, lanes * waist * padded, 0.0);
    for (Index k = 0; k < waist; ++k) {
      const double* const line = layer.lines.data() + k * layer.padded_cols;
      if (l > 1) {
        kernels_.first_adjoint(line, layer.inner, Slope(l - 1), nullptr, current_, nullptr);
        Pull(l - 1);
      } else {
        kernels_.affine({nullptr, n, 0, nullptr}, line, current_);
      }
      // From here on point by point, so that J is written in one go.
      kernels_.scatter(current_, n, count_, waist_rows_ + k * padded, waist * padded);
    }
    for (Index k = 0; k < waist; ++k) {
      std::fill_n(current_, waist * lanes, 0.0);
      std::copy_n(Slope(l) + k * lanes, lanes, current_ + k * lanes);
      Push(l + 1);
      for (Index i = 0; i < m; ++i) {
        std::copy_n(current_ + i * lanes, lanes, waist_columns_ + (i * waist + k) * lanes);
      }
    }
    MultiplyAtWaist();
  }

  // Tangent number i of every point.
  void Tangent(Index i) {
    const Index k = evaluation_.tangents->count;
    const Index m = network_.m;
    LoadDirection(*evaluation_.tangents, i, network_.n);
    KeepInputs(current_);
    Push(1);
    kernels_.scatter(current_, m, count_, evaluation_.out.Y_dot + (first_ * k + i) * m, k * m);
  }

  // Adjoint number i of every point.
  void Adjoint(Index i) {
    const Index k = evaluation_.adjoints->count;
    const Index n = network_.n;
    LoadDirection(*evaluation_.adjoints, i, network_.m);
    if (network_.skip) std::fill_n(inputs_, n * kernels_.lanes, 0.0);
    Pull(network_.depth);
    kernels_.scatter(current_, n, count_, evaluation_.out.X_bar + (first_ * k + i) * n, k * n);
  }

 private:
  double* Slope(Index l) const {
    if (!evaluation_.HasDerivatives()) return nullptr;
    return slopes_ + (l - 1) * network_.widest * kernels_.lanes;
  }

  Product<double> Times(Index l) const { return network_.Layer(l).weights.Times(current_); }
  Product<double> TransposedTimes(Index l) const {
    return network_.Layer(l).transposed.Times(current_);
  }

  // current = ẏ of ẋ = e_j.
  void UnitTangent(Index j) {
    const PackedLayer& input = network_.Layer(1);
    Start(input.columns.data() + j * input.padded_rows, input.rows, 1);
    if (network_.depth == 1) return;
    if (network_.skip) {
      std::fill_n(inputs_, network_.n * kernels_.lanes, 0.0);
      std::fill_n(inputs_ + j * kernels_.lanes, kernels_.lanes, 1.0);
      std::copy_n(inputs_, network_.n * kernels_.lanes, current_ + input.rows * kernels_.lanes);
    }
    Push(2);
  }

  // J = (∂y/∂z_l) (∂z_l/∂x), as PointSweep does it.
  void MultiplyAtWaist() {
    const Index n = network_.n;
    const Index m = network_.m;
    const Index waist = evaluation_.jacobian.waist;
    const Index padded = RoundUp(n, kernels_.width);
    double* const columns = waist_columns_ + m * waist * kernels_.lanes;  // Point by point.
    double* const rows_of_j = columns + m * waist * kernels_.lanes;
    kernels_.scatter(waist_columns_, m * waist, count_, columns, m * waist);
    // Rows in parts of stores would meet in cache lines that are written both ways.
    const bool streams =
        evaluation_.streams_J && n % kStreamed == 0 &&
        reinterpret_cast<std::uintptr_t>(evaluation_.out.J) % (kStreamed * sizeof(double)) == 0;
    for (Index lane = 0; lane < count_; ++lane) {
      double* const J = evaluation_.out.J + (first_ + lane) * m * n;
      for (Index i = 0; i < m; i += kMaxRightSides) {
        const Index sides = std::min(kMaxRightSides, m - i);
        kernels_.apply(waist_rows_ + lane * waist * padded, padded, waist,
                       columns + (lane * m + i) * waist, waist, sides, nullptr, nullptr, rows_of_j,
                       padded);
        for (Index s = 0; s < sides; ++s) {
          const double* const row = rows_of_j + s * padded;
          double* const to = J + (i + s) * n;
          if (streams) {
            StreamCopy(row, n, to);
          } else {
            std::copy_n(row, n, to);
          }
        }
      }
    }
    if (streams) _mm_sfence();
  }

  // For the skips: x or its tangent.
  void KeepInputs(const double* x) {
    if (network_.skip) std::copy_n(x, network_.n * kernels_.lanes, inputs_);
  }

  // From φ(z_l), or its tangent, in next_ and the layer before in current_, what the next layer
  // sees.
  void FinishLayer(Index l) {
    const Index size = network_.Layer(l).rows * kernels_.lanes;
    if (network_.Layer(l).residual) kernels_.add(current_, size, next_);
    if (network_.skip) std::copy_n(inputs_, network_.n * kernels_.lanes, next_ + size);
    std::swap(current_, next_);
  }

  // current = φ′(z_l)·w for a vector w that is the same at all points; without hidden layers just
  // w.
  void Start(const double* w, Index size, Index l) {
    if (network_.depth == 1) {
      kernels_.affine({nullptr, size, 0, nullptr}, w, current_);
    } else {
      kernels_.first_adjoint(w, size, Slope(l), nullptr, current_, nullptr);
    }
  }

  // ẏ from current = t_{l−1}.
  void Push(Index l) {
    for (; l < network_.depth; ++l) {
      ThrowIfStopped(evaluation_.stop);
      kernels_.scaled(Times(l), Slope(l), next_);
      FinishLayer(l);
    }
    ThrowIfStopped(evaluation_.stop);
    kernels_.affine(Times(network_.depth), nullptr, next_);
    std::swap(current_, next_);
  }

  // x̄ from current = z̄_l, with ā_l in a_bar_ and what the skips beyond have added to x̄ in inputs_.
  void Pull(Index l) {
    for (; l > 1; --l) {
      ThrowIfStopped(evaluation_.stop);
      PullThrough(network_.Layer(l), l);
      std::swap(current_, next_);
    }
    ThrowIfStopped(evaluation_.stop);
    if (network_.skip) {
      kernels_.accumulate(TransposedTimes(1), inputs_);
      std::swap(current_, inputs_);
    } else {
      kernels_.affine(TransposedTimes(1), nullptr, next_);
      std::swap(current_, next_);
    }
  }

  // next = z̄_{l−1} from current = z̄_l.
  void PullThrough(const PackedLayer& layer, Index l) {
    if (network_.skip) {
      kernels_.accumulate(layer.skip_transposed.Times(current_), inputs_);
    }
    if (!network_.residual) {
      kernels_.scaled(TransposedTimes(l), Slope(l - 1), next_);
      return;
    }
    if (layer.residual) {
      kernels_.accumulate(TransposedTimes(l), a_bar_);
    } else {
      kernels_.affine(TransposedTimes(l), nullptr, a_bar_);
    }
    kernels_.blend(Slope(l - 1), a_bar_, nullptr, layer.inner * kernels_.lanes, next_);
  }

  void LoadDirection(const Directions& directions, Index i, Index size) {
    const double* const from = directions.D.data();
    if (directions.per_point) {
      kernels_.gather(from + (first_ * directions.count + i) * size, directions.count * size,
                      nullptr, count_, size, current_);
    } else {
      kernels_.affine({nullptr, size, 0, nullptr}, from + i * size, current_);
    }
  }

  const PackedNetwork& network_;
  const Kernels<double>& kernels_;
  const Evaluation& evaluation_;
  const Index first_;
  const Index count_;
  double* current_;  // What the next product reads.
  double* next_;
  double* inputs_;  // What skips read or add to: x, its tangent or its adjoint.
  double* a_bar_;   // Of the layer that current_ is the z̄ of, in networks with residual layers.
  double* slopes_;  // φ′(z_l), l = 1 … D − 1.
  double* waist_rows_;     // ∂z_l/∂x at a waist: [lane][r][padded n].
  double* waist_columns_;  // ∂y/∂z_l: [m][r][lane], and what MultiplyAtWaist needs.
  double* columns_;        // Some columns of J without a waist: [m][columns][lane].
};

}  // namespace

Index ChunkWorkspace(const PackedNetwork& network, const JacobianPlan& jacobian) {
  const Index padded = RoundUp(network.n, network.kernels.width);
  const Index at_waist = jacobian.waist * (padded + 2 * network.m);
  const Index of_columns = std::min(kColumnsAtATime, network.n) * network.m;
  const Index more = jacobian.mode == JacobianPlan::Mode::kTangents ? of_columns : at_waist;
  return ((network.depth + 3) * network.widest + more) * network.kernels.lanes +
         kMaxRightSides * padded;
}

void EvaluateChunk(const PackedNetwork& network, const Evaluation& evaluation, Index first,
                   Index count, double* workspace) {
  ChunkSweep sweep(network, evaluation, first, count, workspace);
  sweep.Value();
  if (evaluation.out.J != nullptr) {
    switch (evaluation.jacobian.mode) {
      case JacobianPlan::Mode::kTangents:
        for (Index j = 0; j < network.n; j += kColumnsAtATime) {
          sweep.JacobianByTangents(j, std::min(kColumnsAtATime, network.n - j));
        }
        break;
      case JacobianPlan::Mode::kAdjoints:
        for (Index i = 0; i < network.m; ++i) sweep.JacobianByAdjoint(i);
        break;
      case JacobianPlan::Mode::kWaist:
        sweep.JacobianAtWaist();
        break;
    }
  }
  if (evaluation.out.Y_dot != nullptr) {
    for (Index i = 0; i < evaluation.tangents->count; ++i) sweep.Tangent(i);
  }
  if (evaluation.out.X_bar != nullptr) {
    for (Index i = 0; i < evaluation.adjoints->count; ++i) sweep.Adjoint(i);
  }
}

}  // namespace sobolev::nn
