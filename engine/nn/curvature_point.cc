#include "engine/nn/curvature_point.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

namespace {

// Arrays [direction][feature], up to kMaxRightSides directions at a time.
class CurvaturePoint {
 public:
  CurvaturePoint(const PackedNetwork& network, const Evaluation& evaluation, Index point,
                 double* workspace)
      : network_(network),
        kernels_(network.kernels),
        evaluation_(evaluation),
        point_(point),
        last_(network.depth - 1),
        size_(network.widest),
        current_(workspace),
        next_(workspace + kMaxRightSides * size_),
        inputs_(workspace + 2 * kMaxRightSides * size_),
        a_bar_(workspace + 3 * kMaxRightSides * size_),
        slopes_(workspace + 4 * kMaxRightSides * size_),
        bends_(slopes_ + 2 * last_ * size_),
        tangents_(bends_ + kMaxRightSides * last_ * size_) {}

  static Index Workspace(const PackedNetwork& network) {
    return (4 * kMaxRightSides + (2 + 2 * kMaxRightSides) * (network.depth - 1)) * network.widest;
  }

  // φ′ and φ″ of all layers.
  void Value() {
    const Index n = network_.n;
    for (Index j = 0; j < n; ++j) {
      current_[j] = evaluation_.X[point_ * n + j] - network_.x_mean[j];
    }
    std::copy_n(current_, n, inputs_);
    for (Index l = 1; l <= last_; ++l) {
      const PackedLayer& layer = network_.Layer(l);
      Multiply(layer, 1, layer.bias.data(), next_);
      kernels_.activate[network_.activation](next_, First(l), Second(l), layer.padded_rows);
      if (layer.residual) kernels_.add(current_, layer.padded_rows, next_);
      if (network_.skip) std::copy_n(inputs_, n, next_ + layer.rows);
      std::swap(current_, next_);
    }
  }

  // c_l = φ″(z_l)·ā_l of adjoints first … first + sides − 1.
  void Adjoints(Index first, Index sides) {
    Load(*evaluation_.adjoints, first, sides, network_.m, current_);
    for (Index l = last_; l >= 1; --l) {
      const PackedLayer& above = network_.Layer(l + 1);
      const Index size = network_.Layer(l).padded_rows;
      MultiplyTransposed(above, sides);
      for (Index s = 0; s < sides; ++s) {
        double* const a_bar = Side(s);
        if (above.residual) kernels_.add(ABar(s), size, a_bar);
        if (network_.residual) std::copy_n(a_bar, size, ABar(s));
        kernels_.blend(Second(l), a_bar, nullptr, size, Bend(s, l));
        kernels_.blend(First(l), a_bar, nullptr, size, a_bar);
      }
    }
  }

  // ż_l of tangents first … first + sides − 1.
  void Tangents(Index first, Index sides) {
    Load(*evaluation_.tangents, first, sides, network_.n, current_);
    for (Index s = 0; s < sides; ++s) std::copy_n(Side(s), network_.n, Inputs(s));
    Multiply(network_.Layer(1), sides, nullptr, ZDot(1, 0));
    for (Index l = 2; l <= last_; ++l) {
      const PackedLayer& before = network_.Layer(l - 1);
      for (Index s = 0; s < sides; ++s) {
        double* const a_dot = Side(s);
        kernels_.blend(First(l - 1), ZDot(l - 1, s), before.residual ? a_dot : nullptr,
                       before.padded_rows, a_dot);
        if (network_.skip) std::copy_n(Inputs(s), network_.n, a_dot + before.rows);
      }
      Multiply(network_.Layer(l), sides, nullptr, ZDot(l, 0));
    }
  }

  // H ẋ [side][n] of the tangents with one of the adjoints.
  void ReverseSweep(Index slot, Index sides) {
    for (Index s = 0; s < sides; ++s) {
      const Index size = network_.Layer(last_).padded_rows;
      if (network_.skip) std::fill_n(Inputs(s), network_.n, 0.0);
      if (network_.residual) std::fill_n(ABar(s), size, 0.0);
      kernels_.blend(Bend(slot, last_), ZDot(last_, s), nullptr, size, Side(s));
    }
    for (Index l = last_; l > 1; --l) {
      const PackedLayer& layer = network_.Layer(l);
      const Index size = network_.Layer(l - 1).padded_rows;
      MultiplyTransposed(layer, sides);
      for (Index s = 0; s < sides; ++s) {
        double* const a_bar = Side(s);
        if (network_.skip) AddTo(Inputs(s), a_bar + layer.inner);
        if (layer.residual) kernels_.add(ABar(s), size, a_bar);
        if (network_.residual) std::copy_n(a_bar, size, ABar(s));
        double* const curved = next_ + s * size_;
        kernels_.blend(Bend(slot, l - 1), ZDot(l - 1, s), nullptr, size, curved);
        kernels_.blend(First(l - 1), a_bar, curved, size, a_bar);
      }
    }
    MultiplyTransposed(network_.Layer(1), sides);
    for (Index s = 0; network_.skip && s < sides; ++s) AddTo(Side(s), Inputs(s));
  }
  const double* Product(Index side) const { return current_ + side * size_; }

 private:
  double* First(Index l) const { return slopes_ + 2 * (l - 1) * size_; }
  double* Second(Index l) const { return First(l) + size_; }
  double* Bend(Index slot, Index l) const { return bends_ + (slot * last_ + l - 1) * size_; }
  double* ZDot(Index l, Index s) const {
    return tangents_ + ((l - 1) * kMaxRightSides + s) * size_;
  }
  double* Side(Index s) const { return current_ + s * size_; }
  double* Inputs(Index s) const { return inputs_ + s * size_; }
  double* ABar(Index s) const { return a_bar_ + s * size_; }

  // to = W current + bias.
  void Multiply(const PackedLayer& layer, Index sides, const double* bias, double* to) const {
    ThrowIfStopped(evaluation_.stop);
    kernels_.apply(layer.columns.data(), layer.padded_rows, layer.cols, current_, size_, sides,
                   bias, nullptr, to, size_);
  }

  // current = Wᵀ current, of all columns: those of skips come last.
  void MultiplyTransposed(const PackedLayer& layer, Index sides) {
    ThrowIfStopped(evaluation_.stop);
    kernels_.apply(layer.lines.data(), layer.padded_cols, layer.rows, current_, size_, sides,
                   nullptr, nullptr, next_, size_);
    std::swap(current_, next_);
  }

  // sum += x, of the inputs.
  void AddTo(double* sum, const double* x) const {
    std::transform(sum, sum + network_.n, x, sum, std::plus<>{});
  }

  void Load(const Directions& directions, Index first, Index sides, Index size, double* to) const {
    const Index column = (directions.per_point ? point_ * directions.count : 0) + first;
    for (Index s = 0; s < sides; ++s) {
      std::copy_n(directions.D.data() + (column + s) * size, size, to + s * size_);
    }
  }

  const PackedNetwork& network_;
  const Kernels<double>& kernels_;
  const Evaluation& evaluation_;
  const Index point_;
  const Index last_;  // The last hidden layer.
  const Index size_;  // Of the widest layer.
  double* current_;   // What the next product reads.
  double* next_;
  double* inputs_;  // What skips read or add to: x, its tangents or adjoints.
  double* a_bar_;   // In networks with residual layers.
  double* slopes_;
  double* bends_;
  double* tangents_;
};

}  // namespace

Index CurvaturePointWorkspace(const PackedNetwork& network) {
  return CurvaturePoint::Workspace(network);
}

void EvaluateSecondAdjointsAt(const PackedNetwork& network, const Evaluation& evaluation,
                              Index point, double* workspace) {
  const Index p = evaluation.tangents->count;
  const Index q = evaluation.adjoints->count;
  double* const to = evaluation.out.X_bar_dot + point * q * p * network.n;
  CurvaturePoint sweep(network, evaluation, point, workspace);
  sweep.Value();
  for (Index i = 0; i < q; i += kMaxRightSides) {
    const Index slots = std::min(kMaxRightSides, q - i);
    sweep.Adjoints(i, slots);
    for (Index k = 0; k < p; k += kMaxRightSides) {
      const Index sides = std::min(kMaxRightSides, p - k);
      sweep.Tangents(k, sides);
      for (Index slot = 0; slot < slots; ++slot) {
        sweep.ReverseSweep(slot, sides);
        for (Index s = 0; s < sides; ++s) {
          std::copy_n(sweep.Product(s), network.n, to + ((i + slot) * p + k + s) * network.n);
        }
      }
    }
  }
}

}  // namespace sobolev::nn
