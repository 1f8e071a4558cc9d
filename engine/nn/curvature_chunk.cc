#include "engine/nn/curvature_chunk.h"

#include <algorithm>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

Index CurvatureChunk::Workspace(const PackedNetwork& network, const CurvaturePlan& plan) {
  const Index layers = network.depth - 1;
  const Index tangents = plan.by_squares ? 2 * network.n : layers;
  const Index arrays = 4 + (2 + plan.slots) * layers + tangents;
  return arrays * network.widest * network.kernels.lanes +
         (plan.by_squares ? plan.slots * HessianSize(network) : 0);
}

CurvatureChunk::CurvatureChunk(const PackedNetwork& network, const Evaluation& evaluation,
                               const CurvaturePlan& plan, Index first, Index count,
                               double* workspace)
    : network_(network),
      kernels_(network.kernels),
      evaluation_(evaluation),
      first_(first),
      count_(count),
      last_(network.depth - 1),
      size_(network.widest * network.kernels.lanes),
      current_(workspace),
      next_(workspace + size_),
      inputs_(workspace + 2 * size_),
      a_bar_(workspace + 3 * size_),
      slopes_(workspace + 4 * size_),
      bends_(slopes_ + 2 * last_ * size_),
      tangents_(bends_ + plan.slots * last_ * size_),
      hessians_(tangents_ + 2 * network.n * size_) {}

Product<double> CurvatureChunk::Times(Index l, const double* in) const {
  return network_.Layer(l).weights.Times(in);
}

Product<double> CurvatureChunk::TransposedTimes(Index l, const double* in) const {
  return network_.Layer(l).transposed.Times(in);
}

void CurvatureChunk::LoadDirection(const Directions& directions, Index i, Index size,
                                   double* to) const {
  const double* const from = directions.D.data();
  if (directions.per_point) {
    kernels_.gather(from + (first_ * directions.count + i) * size, directions.count * size, nullptr,
                    count_, size, to);
  } else {
    kernels_.affine({nullptr, size, 0, nullptr}, from + i * size, to);
  }
}

void CurvatureChunk::Value() {
  const Index n = network_.n;
  const Index lanes = kernels_.lanes;
  kernels_.gather(evaluation_.X + first_ * n, n, nullptr, count_, n, current_);
  for (Index j = 0; j < n; ++j) {
    for (Index lane = 0; lane < lanes; ++lane) current_[j * lanes + lane] -= network_.x_mean[j];
  }
  if (network_.skip) std::copy_n(current_, n * lanes, inputs_);
  for (Index l = 1; l <= last_; ++l) {
    ThrowIfStopped(evaluation_.stop);
    const PackedLayer& layer = network_.Layer(l);
    kernels_.affine(Times(l, current_), layer.bias.data(), next_);
    kernels_.activate[network_.activation](next_, First(l), Second(l), LayerSize(l));
    if (layer.residual) kernels_.add(current_, LayerSize(l), next_);
    if (network_.skip) std::copy_n(inputs_, n * lanes, next_ + LayerSize(l));
    std::swap(current_, next_);
  }
}

// ---- Adjoints -----------------------------------------------------------------------------------

void CurvatureChunk::UnitAdjoint(Index i, Index slot) {
  const PackedLayer& output = network_.Layer(network_.depth);
  const double* const line = output.lines.data() + i * output.padded_cols;
  kernels_.first_adjoint(line, output.inner, First(last_), Second(last_), current_,
                         Bend(slot, last_));
  if (network_.residual) kernels_.affine({nullptr, output.inner, 0, nullptr}, line, a_bar_);
  AdjointFromLast(slot);
}

void CurvatureChunk::Adjoint(Index i, Index slot) {
  LoadDirection(*evaluation_.adjoints, i, network_.m, next_);
  if (network_.residual) {
    kernels_.affine(TransposedTimes(network_.depth, next_), nullptr, a_bar_);
    kernels_.blend(First(last_), a_bar_, nullptr, LayerSize(last_), current_);
    kernels_.blend(Second(last_), a_bar_, nullptr, LayerSize(last_), Bend(slot, last_));
  } else {
    kernels_.adjoint(TransposedTimes(network_.depth, next_), First(last_), Second(last_), current_,
                     Bend(slot, last_));
  }
  AdjointFromLast(slot);
}

void CurvatureChunk::AdjointFromLast(Index slot) {
  for (Index l = last_ - 1; l >= 1; --l) {
    ThrowIfStopped(evaluation_.stop);
    if (network_.residual) {
      PullThrough(l + 1, current_);
      kernels_.blend(First(l), a_bar_, nullptr, LayerSize(l), next_);
      kernels_.blend(Second(l), a_bar_, nullptr, LayerSize(l), Bend(slot, l));
    } else {
      kernels_.adjoint(TransposedTimes(l + 1, current_), First(l), Second(l), next_, Bend(slot, l));
    }
    std::swap(current_, next_);
  }
}

void CurvatureChunk::PullThrough(Index l, const double* z_bar) {
  if (network_.Layer(l).residual) {
    kernels_.accumulate(TransposedTimes(l, z_bar), a_bar_);
  } else {
    kernels_.affine(TransposedTimes(l, z_bar), nullptr, a_bar_);
  }
}

// ---- By products --------------------------------------------------------------------------------

void CurvatureChunk::UnitTangent(Index j) {
  const PackedLayer& input = network_.Layer(1);
  kernels_.affine({nullptr, input.rows, 0, nullptr}, input.columns.data() + j * input.padded_rows,
                  ZDot(1));
  if (network_.skip) {
    std::fill_n(inputs_, network_.n * kernels_.lanes, 0.0);
    std::fill_n(inputs_ + j * kernels_.lanes, kernels_.lanes, 1.0);
  }
  TangentFromFirst();
}

void CurvatureChunk::Tangent(Index i) {
  LoadDirection(*evaluation_.tangents, i, network_.n, inputs_);
  ThrowIfStopped(evaluation_.stop);
  kernels_.affine(Times(1, inputs_), nullptr, ZDot(1));
  TangentFromFirst();
}

void CurvatureChunk::TangentFromFirst() {
  for (Index l = 2; l <= last_; ++l) {
    ThrowIfStopped(evaluation_.stop);
    const double* const before = network_.Layer(l - 1).residual ? current_ : nullptr;
    kernels_.blend(First(l - 1), ZDot(l - 1), before, LayerSize(l - 1), current_);
    if (network_.skip) {
      std::copy_n(inputs_, network_.n * kernels_.lanes, current_ + LayerSize(l - 1));
    }
    kernels_.affine(Times(l, current_), nullptr, ZDot(l));
  }
}

const double* CurvatureChunk::ReverseSweep(Index slot) {
  double* const x_bar = inputs_;
  if (network_.skip) std::fill_n(x_bar, network_.n * kernels_.lanes, 0.0);
  if (network_.residual) std::fill_n(a_bar_, LayerSize(last_), 0.0);
  kernels_.blend(Bend(slot, last_), ZDot(last_), nullptr, LayerSize(last_), current_);
  for (Index l = last_; l > 1; --l) {
    ThrowIfStopped(evaluation_.stop);
    const PackedLayer& layer = network_.Layer(l);
    if (network_.skip) {
      kernels_.accumulate(layer.skip_transposed.Times(current_), x_bar);
    }
    kernels_.blend(Bend(slot, l - 1), ZDot(l - 1), nullptr, LayerSize(l - 1), next_);
    if (network_.residual) {
      PullThrough(l, current_);
      kernels_.blend(First(l - 1), a_bar_, next_, LayerSize(l - 1), next_);
    } else {
      kernels_.reverse(TransposedTimes(l, current_), First(l - 1), next_, next_);
    }
    std::swap(current_, next_);
  }
  kernels_.affine(TransposedTimes(1, current_), nullptr, next_);
  if (network_.skip) kernels_.add(x_bar, network_.n * kernels_.lanes, next_);
  return next_;
}

// ---- By squares ---------------------------------------------------------------------------------

void CurvatureChunk::Squares(Index num_slots) {
  const Index n = network_.n;
  const Index lanes = kernels_.lanes;
  const PackedLayer& input = network_.Layer(1);
  std::fill_n(hessians_, num_slots * HessianSize(network_), 0.0);
  for (Index j = 0; j < n; ++j) {
    kernels_.affine({nullptr, input.rows, 0, nullptr}, input.columns.data() + j * input.padded_rows,
                    ZDotOf(j));
  }
  for (Index l = 1;; ++l) {
    for (Index slot = 0; slot < num_slots; ++slot) {
      ThrowIfStopped(evaluation_.stop);
      kernels_.weighted_squares(ZDotOf(0), size_, n, Bend(slot, l), network_.Layer(l).rows,
                                hessians_ + slot * HessianSize(network_));
    }
    if (l == last_) break;
    for (Index j = 0; j < n; ++j) {
      ThrowIfStopped(evaluation_.stop);
      double* const a_dot = ADotOf(j);
      kernels_.blend(First(l), ZDotOf(j), network_.Layer(l).residual ? a_dot : nullptr,
                     LayerSize(l), a_dot);
      if (network_.skip) {
        double* const x_dot = a_dot + LayerSize(l);
        std::fill_n(x_dot, n * lanes, 0.0);
        std::fill_n(x_dot + j * lanes, lanes, 1.0);
      }
      kernels_.affine(Times(l + 1, a_dot), nullptr, ZDotOf(j));
    }
  }
  for (Index slot = 0; slot < num_slots; ++slot) {
    double* const H = hessians_ + slot * HessianSize(network_);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < i; ++j) {
        std::copy_n(H + (i * n + j) * lanes, lanes, H + (j * n + i) * lanes);
      }
    }
  }
}

const double* CurvatureChunk::HessianTimesTangent(Index i, Index slot) {
  const Index n = network_.n;
  const Index lanes = kernels_.lanes;
  LoadDirection(*evaluation_.tangents, i, n, current_);
  std::fill_n(next_, n * lanes, 0.0);
  for (Index j = 0; j < n; ++j) {
    const double* const column = HessianColumn(j, slot);
    for (Index k = 0; k < n; ++k) {
      kernels_.blend(column + k * lanes, current_ + j * lanes, next_ + k * lanes, lanes,
                     next_ + k * lanes);
    }
  }
  return next_;
}

}  // namespace sobolev::nn
