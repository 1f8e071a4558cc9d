#include "engine/nn/curvature_point.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/curvature_chunk.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

Index CurvaturePoint::Workspace(const PackedNetwork& network, const CurvaturePlan& plan) {
  const Index layers = network.depth - 1;
  const Index padded_n = RoundUp(network.n, network.kernels.width);
  const Index of_squares = plan.by_squares ? (layers * network.widest + network.n) * padded_n : 0;
  return (4 * kMaxRightSides + (2 + 2 * kMaxRightSides) * layers) * network.widest + of_squares;
}

CurvaturePoint::CurvaturePoint(const PackedNetwork& network, const Evaluation& evaluation,
                               const CurvaturePlan& plan, Index point, double* workspace)
    : network_(network),
      kernels_(network.kernels),
      evaluation_(evaluation),
      plan_(plan),
      point_(point),
      last_(network.depth - 1),
      size_(network.widest),
      padded_n_(RoundUp(network.n, network.kernels.width)),
      current_(workspace),
      next_(workspace + kMaxRightSides * size_),
      inputs_(workspace + 2 * kMaxRightSides * size_),
      a_bar_(workspace + 3 * kMaxRightSides * size_),
      slopes_(workspace + 4 * kMaxRightSides * size_),
      bends_(slopes_ + 2 * last_ * size_),
      tangents_(bends_ + kMaxRightSides * last_ * size_),
      all_tangents_(tangents_ + kMaxRightSides * last_ * size_),
      hessian_(all_tangents_ + last_ * size_ * padded_n_) {}

void CurvaturePoint::Evaluate(double* to) {
  const Index n = network_.n;
  const Index p = plan_.num_tangents;
  const Index q = plan_.num_adjoints;
  Value();
  if (plan_.by_squares) AllTangents();
  for (Index i = 0; i < q; i += kMaxRightSides) {
    const Index slots = std::min(kMaxRightSides, q - i);
    Adjoints(i, slots);
    for (Index slot = 0; plan_.by_squares && slot < slots; ++slot) {
      double* const of_adjoint = to + (i + slot) * p * n;
      Square(slot);
      for (Index k = 0; plan_.units && k < p; ++k) {
        std::copy_n(hessian_ + k * padded_n_, n, of_adjoint + k * n);
      }
      for (Index k = 0; !plan_.units && k < p; k += kMaxRightSides) {
        const Index sides = std::min(kMaxRightSides, p - k);
        HessianTimesTangents(k, sides);
        for (Index s = 0; s < sides; ++s) std::copy_n(Side(s), n, of_adjoint + (k + s) * n);
      }
    }
    for (Index k = 0; !plan_.by_squares && k < p; k += kMaxRightSides) {
      const Index sides = std::min(kMaxRightSides, p - k);
      Tangents(k, sides, plan_.units);
      for (Index slot = 0; slot < slots; ++slot) {
        ReverseSweep(slot, sides);
        double* const columns = to + ((i + slot) * p + k) * n;
        for (Index s = 0; s < sides; ++s) std::copy_n(Side(s), n, columns + s * n);
      }
    }
  }
}

void CurvaturePoint::Value() {
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

void CurvaturePoint::Adjoints(Index first, Index sides) {
  const PackedLayer& output = network_.Layer(network_.depth);
  if (plan_.units) {
    for (Index s = 0; s < sides; ++s) {
      std::copy_n(output.lines.data() + (first + s) * output.padded_cols, output.padded_cols,
                  Side(s));
    }
  } else {
    Load(*evaluation_.adjoints, first, sides, network_.m);
    MultiplyTransposed(output, sides);
  }
  // From here on ā_l is in current_.
  for (Index l = last_; l >= 1; --l) {
    const Index size = network_.Layer(l).padded_rows;
    if (l < last_) MultiplyTransposed(network_.Layer(l + 1), sides);
    for (Index s = 0; s < sides; ++s) {
      double* const a_bar = Side(s);
      if (network_.Layer(l + 1).residual) kernels_.add(ABar(s), size, a_bar);
      if (network_.residual) std::copy_n(a_bar, size, ABar(s));
      kernels_.blend(Second(l), a_bar, nullptr, size, Bend(s, l));
      kernels_.blend(First(l), a_bar, nullptr, size, a_bar);
    }
  }
}

void CurvaturePoint::Tangents(Index first, Index sides, bool units) {
  const PackedLayer& input = network_.Layer(1);
  if (units) {
    for (Index s = 0; s < sides; ++s) {
      std::copy_n(input.columns.data() + (first + s) * input.padded_rows, input.padded_rows,
                  ZDot(1, s));
      std::fill_n(Inputs(s), network_.n, 0.0);
      Inputs(s)[first + s] = 1;
    }
  } else {
    Load(*evaluation_.tangents, first, sides, network_.n);
    for (Index s = 0; s < sides; ++s) std::copy_n(Side(s), network_.n, Inputs(s));
    Multiply(input, sides, nullptr, ZDot(1, 0));
  }
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

void CurvaturePoint::ReverseSweep(Index slot, Index sides) {
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

void CurvaturePoint::AllTangents() {
  for (Index j = 0; j < network_.n; j += kMaxRightSides) {
    const Index sides = std::min(kMaxRightSides, network_.n - j);
    Tangents(j, sides, true);
    for (Index l = 1; l <= last_; ++l) {
      for (Index unit = 0; unit < network_.Layer(l).rows; ++unit) {
        double* const to = AllZDot(l) + unit * padded_n_;
        for (Index s = 0; s < sides; ++s) to[j + s] = ZDot(l, s)[unit];
        std::fill(to + j + sides, to + padded_n_, 0.0);
      }
    }
  }
}

// Row i is Σ_l Σ_k (c_lk ż_lk(e_i)) ż_lk(e_j) for all j, a product with the matrix of ż_l.
void CurvaturePoint::Square(Index slot) {
  const Index n = network_.n;
  std::fill_n(hessian_, n * padded_n_, 0.0);
  for (Index l = 1; l <= last_; ++l) {
    const Index rows = network_.Layer(l).rows;
    const double* const bend = Bend(slot, l);
    const double* const all = AllZDot(l);
    for (Index i = 0; i < n; i += kMaxRightSides) {
      ThrowIfStopped(evaluation_.stop);
      const Index sides = std::min(kMaxRightSides, n - i);
      for (Index s = 0; s < sides; ++s) {
        double* const weighted = Side(s);
        for (Index k = 0; k < rows; ++k) weighted[k] = bend[k] * all[k * padded_n_ + i + s];
      }
      kernels_.apply(all, padded_n_, rows, current_, size_, sides, nullptr, nullptr, next_, size_);
      for (Index s = 0; s < sides; ++s) {
        kernels_.add(next_ + s * size_, padded_n_, hessian_ + (i + s) * padded_n_);
      }
    }
  }
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < i; ++j) hessian_[j * padded_n_ + i] = hessian_[i * padded_n_ + j];
  }
}

void CurvaturePoint::HessianTimesTangents(Index first, Index sides) {
  Load(*evaluation_.tangents, first, sides, network_.n);
  kernels_.apply(hessian_, padded_n_, network_.n, current_, size_, sides, nullptr, nullptr, next_,
                 size_);
  std::swap(current_, next_);
}

void CurvaturePoint::Multiply(const PackedLayer& layer, Index sides, const double* bias,
                              double* to) const {
  ThrowIfStopped(evaluation_.stop);
  kernels_.apply(layer.columns.data(), layer.padded_rows, layer.cols, current_, size_, sides, bias,
                 nullptr, to, size_);
}

void CurvaturePoint::MultiplyTransposed(const PackedLayer& layer, Index sides) {
  ThrowIfStopped(evaluation_.stop);
  kernels_.apply(layer.lines.data(), layer.padded_cols, layer.rows, current_, size_, sides, nullptr,
                 nullptr, next_, size_);
  std::swap(current_, next_);
}

void CurvaturePoint::AddTo(double* sum, const double* x) const {
  std::transform(sum, sum + network_.n, x, sum, std::plus<>{});
}

void CurvaturePoint::Load(const Directions& directions, Index first, Index sides,
                          Index size) const {
  const Index column = (directions.per_point ? point_ * directions.count : 0) + first;
  for (Index s = 0; s < sides; ++s) {
    std::copy_n(directions.D.data() + (column + s) * size, size, Side(s));
  }
}

}  // namespace sobolev::nn
