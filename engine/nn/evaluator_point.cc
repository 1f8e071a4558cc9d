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

// One point: [direction][feature] arrays in the workspace, `sides` directions at a time.
class PointSweep {
 public:
  PointSweep(const PackedNetwork& network, const Evaluation& evaluation, Index point,
             double* workspace)
      : network_(network),
        kernels_(network.kernels),
        evaluation_(evaluation),
        point_(point),
        current_(workspace),
        next_(workspace + kMaxRightSides * network.widest),
        inputs_(workspace + 2 * kMaxRightSides * network.widest),
        a_bar_(workspace + 3 * kMaxRightSides * network.widest),
        slopes_(workspace + 4 * kMaxRightSides * network.widest),
        waist_rows_(slopes_ + (network.depth - 1) * network.widest),
        waist_columns_(waist_rows_ + evaluation.jacobian.waist * PaddedInputs()) {}

  void Value() {
    for (Index j = 0; j < network_.n; ++j) {
      current_[j] = evaluation_.X[point_ * network_.n + j] - network_.x_mean[j];
    }
    KeepInputs(1);
    for (Index l = 1; l < network_.depth; ++l) {
      Multiply(l, 1, network_.Layer(l).bias.data(), nullptr);
      kernels_.activate[network_.activation](current_, Slope(l), nullptr,
                                             network_.Layer(l).padded_rows);
      FinishLayer(l, 1);
    }
    if (evaluation_.out.Y == nullptr) return;
    Multiply(network_.depth, 1, network_.Layer(network_.depth).bias.data(), nullptr);
    std::copy_n(current_, network_.m, evaluation_.out.Y + point_ * network_.m);
  }

  void JacobianByTangents() {
    const Index n = network_.n;
    const Index m = network_.m;
    const PackedLayer& input = network_.Layer(1);
    double* const to = evaluation_.out.J + point_ * m * n;
    InGroups(n, [&](Index first, Index sides) {
      for (Index s = 0; s < sides; ++s) {
        Start(input.columns.data() + (first + s) * input.padded_rows, input.padded_rows, 1, s);
        if (!network_.skip || network_.depth == 1) continue;
        std::fill_n(Inputs(s), n, 0.0);
        Inputs(s)[first + s] = 1;
        std::copy_n(Inputs(s), n, Side(s) + input.rows);
      }
      if (network_.depth > 1) Push(2, sides);
      for (Index i = 0; i < m; ++i) {
        for (Index s = 0; s < sides; ++s) to[i * n + first + s] = Side(s)[i];
      }
    });
  }

  void JacobianByAdjoints() {
    const Index n = network_.n;
    const Index m = network_.m;
    const PackedLayer& output = network_.Layer(network_.depth);
    InGroups(m, [&](Index first, Index sides) {
      for (Index s = 0; s < sides; ++s) {
        const double* const line = output.lines.data() + (first + s) * output.padded_cols;
        const Index padded_inner = RoundUp(output.inner, kernels_.width);
        Start(line, padded_inner, network_.depth - 1, s);
        if (network_.depth == 1) continue;
        if (network_.skip) std::copy_n(line + output.inner, n, Inputs(s));
        if (network_.residual) std::copy_n(line, padded_inner, ABar(s));
      }
      if (network_.depth > 1) Pull(network_.depth - 1, sides);
      StoreSides(n, sides, evaluation_.out.J + (point_ * m + first) * n);
    });
  }

  // From both sides of the waist.
  void JacobianAtWaist() {
    const Index n = network_.n;
    const Index m = network_.m;
    const Index l = evaluation_.jacobian.layer;
    const Index waist = evaluation_.jacobian.waist;
    const PackedLayer& layer = network_.Layer(l);
    InGroups(waist, [&](Index first, Index sides) {
      for (Index s = 0; s < sides; ++s) {
        const double* const line = layer.lines.data() + (first + s) * layer.padded_cols;
        if (l > 1) {
          Start(line, layer.padded_cols, l - 1, s);
        } else {
          std::copy_n(line, layer.padded_cols, Side(s));
        }
      }
      if (l > 1) Pull(l - 1, sides);
      for (Index s = 0; s < sides; ++s) {
        double* const row = waist_rows_ + (first + s) * PaddedInputs();
        std::fill_n(std::copy_n(Side(s), n, row), PaddedInputs() - n, 0.0);
      }
    });
    InGroups(waist, [&](Index first, Index sides) {
      for (Index s = 0; s < sides; ++s) {
        std::fill_n(Side(s), layer.padded_rows, 0.0);
        Side(s)[first + s] = Slope(l)[first + s];
      }
      Push(l + 1, sides);
      for (Index s = 0; s < sides; ++s) {
        for (Index i = 0; i < m; ++i) waist_columns_[i * waist + first + s] = Side(s)[i];
      }
    });
    InGroups(m, [&](Index first, Index sides) {
      kernels_.apply(waist_rows_, PaddedInputs(), waist, waist_columns_ + first * waist, waist,
                     sides, nullptr, nullptr, current_, network_.widest);
      StoreSides(n, sides, evaluation_.out.J + (point_ * m + first) * n);
    });
  }

  void Tangents() {
    const Directions& directions = *evaluation_.tangents;
    InGroups(directions.count, [&](Index first, Index sides) {
      LoadSides(directions, first, sides, network_.n);
      KeepInputs(sides);
      Push(1, sides);
      StoreSides(network_.m, sides,
                 evaluation_.out.Y_dot + (point_ * directions.count + first) * network_.m);
    });
  }

  void Adjoints() {
    const Directions& directions = *evaluation_.adjoints;
    InGroups(directions.count, [&](Index first, Index sides) {
      LoadSides(directions, first, sides, network_.m);
      for (Index s = 0; network_.skip && s < sides; ++s) std::fill_n(Inputs(s), network_.n, 0.0);
      Pull(network_.depth, sides);
      StoreSides(network_.n, sides,
                 evaluation_.out.X_bar + (point_ * directions.count + first) * network_.n);
    });
  }

 private:
  double* Slope(Index l) const {
    return evaluation_.HasDerivatives() ? slopes_ + (l - 1) * network_.widest : nullptr;
  }
  Index PaddedInputs() const { return RoundUp(network_.n, kernels_.width); }
  double* Side(Index s) const { return current_ + s * network_.widest; }
  double* Inputs(Index s) const { return inputs_ + s * network_.widest; }
  double* ABar(Index s) const { return a_bar_ + s * network_.widest; }

  // current = p·(W_l current + bias).
  void Multiply(Index l, Index sides, const double* bias, const double* p) {
    const PackedLayer& layer = network_.Layer(l);
    ThrowIfStopped(evaluation_.stop);
    kernels_.apply(layer.columns.data(), layer.padded_rows, layer.cols, current_, network_.widest,
                   sides, bias, p, next_, network_.widest);
    std::swap(current_, next_);
  }

  // For the skips: x or its tangents.
  void KeepInputs(Index sides) {
    for (Index s = 0; network_.skip && s < sides; ++s) {
      std::copy_n(Side(s), network_.n, Inputs(s));
    }
  }

  // From φ(z_l), or its tangents, in current and the layer before in next, what the next layer
  // sees.
  void FinishLayer(Index l, Index sides) {
    const PackedLayer& layer = network_.Layer(l);
    for (Index s = 0; s < sides; ++s) {
      if (layer.residual) kernels_.add(next_ + s * network_.widest, layer.padded_rows, Side(s));
      if (network_.skip) std::copy_n(Inputs(s), network_.n, Side(s) + layer.rows);
    }
  }

  // current = z̄_{l−1} from current = z̄_l; for l = 1, x̄.
  void MultiplyTransposed(Index l, Index sides) {
    const PackedLayer& layer = network_.Layer(l);
    const double* const p = l > 1 ? Slope(l - 1) : nullptr;
    const bool plain = !network_.skip && !network_.residual;
    ThrowIfStopped(evaluation_.stop);
    kernels_.apply(layer.lines.data(), layer.padded_cols, layer.rows, current_, network_.widest,
                   sides, nullptr, plain ? p : nullptr, next_, network_.widest);
    std::swap(current_, next_);
    for (Index s = 0; !plain && s < sides; ++s) FinishAdjoint(layer, p, s);
  }

  // What MultiplyTransposed leaves to do with [ā_{l−1}; x̄] in current if there are skips or
  // residual layers.
  void FinishAdjoint(const PackedLayer& layer, const double* p, Index s) {
    double* const a_bar = Side(s);
    const Index padded_inner = RoundUp(layer.inner, kernels_.width);
    if (network_.skip) {
      double* const x_bar = Inputs(s);
      const double* const more = p == nullptr ? a_bar : a_bar + layer.inner;
      std::transform(x_bar, x_bar + network_.n, more, x_bar, std::plus<>{});
      if (p == nullptr) std::copy_n(x_bar, network_.n, a_bar);
    }
    if (p == nullptr) return;
    if (layer.residual) kernels_.add(ABar(s), padded_inner, a_bar);
    if (network_.residual) std::copy_n(a_bar, padded_inner, ABar(s));
    kernels_.blend(p, a_bar, nullptr, padded_inner, a_bar);
  }

  void Start(const double* w, Index padded_size, Index l, Index s) {
    if (network_.depth == 1) {
      std::copy_n(w, padded_size, Side(s));
    } else {
      std::transform(w, w + padded_size, Slope(l), Side(s), std::multiplies<>{});
    }
  }

  void Push(Index l, Index sides) {
    for (; l < network_.depth; ++l) {
      Multiply(l, sides, nullptr, Slope(l));
      FinishLayer(l, sides);
    }
    Multiply(network_.depth, sides, nullptr, nullptr);
  }

  void Pull(Index l, Index sides) {
    for (; l >= 1; --l) MultiplyTransposed(l, sides);
  }

  template <class Body>
  static void InGroups(Index count, const Body& body) {
    for (Index first = 0; first < count; first += kMaxRightSides) {
      body(first, std::min(kMaxRightSides, count - first));
    }
  }

  void LoadSides(const Directions& directions, Index first, Index sides, Index size) {
    const Index column = (directions.per_point ? point_ * directions.count : 0) + first;
    for (Index s = 0; s < sides; ++s) {
      std::copy_n(directions.D.data() + (column + s) * size, size, Side(s));
    }
  }

  void StoreSides(Index size, Index sides, double* to) const {
    for (Index s = 0; s < sides; ++s) std::copy_n(Side(s), size, to + s * size);
  }

  const PackedNetwork& network_;
  const Kernels<double>& kernels_;
  const Evaluation& evaluation_;
  const Index point_;
  double* current_;
  double* next_;
  double* inputs_;  // As in a chunk, for each side.
  double* a_bar_;
  double* slopes_;
  double* waist_rows_;     // ∂z_l/∂x at a waist: [r][padded n].
  double* waist_columns_;  // ∂y/∂z_l: [m][r].
};

}  // namespace

Index PointWorkspace(const PackedNetwork& network, const JacobianPlan& jacobian) {
  return (network.depth - 1 + 4 * kMaxRightSides) * network.widest +
         jacobian.waist * (RoundUp(network.n, network.kernels.width) + network.m);
}

void EvaluatePoint(const PackedNetwork& network, const Evaluation& evaluation, Index point,
                   double* workspace) {
  PointSweep sweep(network, evaluation, point, workspace);
  sweep.Value();
  if (evaluation.out.J != nullptr) {
    switch (evaluation.jacobian.mode) {
      case JacobianPlan::Mode::kTangents:
        sweep.JacobianByTangents();
        break;
      case JacobianPlan::Mode::kAdjoints:
        sweep.JacobianByAdjoints();
        break;
      case JacobianPlan::Mode::kWaist:
        sweep.JacobianAtWaist();
        break;
    }
  }
  if (evaluation.out.Y_dot != nullptr) sweep.Tangents();
  if (evaluation.out.X_bar != nullptr) sweep.Adjoints();
}

}  // namespace sobolev::nn
