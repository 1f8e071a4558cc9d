// Sensitivities of covariances to hyperparameters, by the adjoint of their assembly: as cheap as
// the assembly for any number of inputs. For a pair of points, with E = cov and bars for ½ ∂L,
//   ū = Σ W_ab ∂E_ab/∂u,  p̄_a = Σ_b W_ab (h′ c_b − h″ p_b),  p̄_b = −Σ_a W_ab (h′ c_a + h″ p_a),
// and as δ and d, undivided, are inversely proportional to the lengths,
//   ∂L/∂log ℓ_j = −ū δ_j² − 2 δ_j (Σ_a p̄_a d_aj + Σ_b p̄_b d_bj) + 2 h′ Σ_ab W_ab d_aj d_bj.

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/dense.h"
#include "engine/regression/covariance.h"
#include "engine/regression/kernel.h"

namespace sobolev::regression {

void Covariance::AddSensitivities(Index s, Index t, const dense::ConstMatrixRef& W, double* memory,
                                  double* sums) const {
  const Index n = points_z_.rows();
  double* const delta = memory;
  double* const p_s = delta + n;
  double* const p_t = p_s + most_labels_;
  double* const p_bar_s = p_t + most_labels_;
  double* const scaled = p_bar_s + most_labels_;
  double u = 0;
  for (Index j = 0; j < n; ++j) {
    delta[j] = points_z_(j, s) - points_z_(j, t);
    u += delta[j] * delta[j];
  }
  const KernelValues h = EvaluateKernel(kind_, 0.5 * u);
  Projections(s, delta, p_s);
  Projections(t, delta, p_t);
  const Index begin_s = functionals_.First(s);
  const Index num_s = functionals_.First(s + 1) - begin_s;
  const Index begin_t = functionals_.First(t);
  const Index num_t = functionals_.First(t + 1) - begin_t;
  const bool directions =
      has_directions_[static_cast<std::size_t>(s)] || has_directions_[static_cast<std::size_t>(t)];
  std::fill_n(p_bar_s, num_s, 0.0);

  // −2 δ_j p̄ d_j
  const auto add_along = [&](Index label, double p_bar) {
    const std::int32_t axis = functionals_.Axis(label);
    if (axis >= 0) {
      sums[axis] -= 2 * delta[axis] * p_bar;
    } else if (axis == Functionals::kDirection) {
      const double* const d = directions_z_.col(functionals_.Column(label)).data();
      for (Index j = 0; j < n; ++j) sums[j] -= 2 * delta[j] * d[j] * p_bar;
    }
  };
  // factor · d_aj d_bj
  const auto add_products = [&](Index a, Index b, double factor) {
    const std::int32_t axis_a = functionals_.Axis(a);
    const std::int32_t axis_b = functionals_.Axis(b);
    if (axis_a == Functionals::kValue || axis_b == Functionals::kValue) return;
    if (axis_a >= 0 && axis_b >= 0) {
      if (axis_a == axis_b) sums[axis_a] += factor;
    } else if (axis_a >= 0) {
      sums[axis_a] += factor * directions_z_(axis_a, functionals_.Column(b));
    } else if (axis_b >= 0) {
      sums[axis_b] += factor * directions_z_(axis_b, functionals_.Column(a));
    } else {
      const double* const d_a = directions_z_.col(functionals_.Column(a)).data();
      const double* const d_b = directions_z_.col(functionals_.Column(b)).data();
      for (Index j = 0; j < n; ++j) sums[j] += factor * d_a[j] * d_b[j];
    }
  };

  const std::int32_t* const axes = functionals_.axis.data() + begin_s;
  double u_bar = 0;
  for (Index b = 0; b < num_t; ++b) {
    const double* column = W.data() + begin_s + (begin_t + b) * W.outerStride();
    if (functionals_.W.size() > 0) {
      for (Index a = 0; a < num_s; ++a) {
        scaled[a] =
            column[a] * functionals_.W.col(begin_s + a).dot(functionals_.W.col(begin_t + b));
      }
      column = scaled;
    }
    const std::int32_t axis = functionals_.Axis(begin_t + b);
    const double c = axis == Functionals::kValue ? 1 : 0;
    double W_c = 0;  // Σ_a W_ab c_a
    double W_p = 0;  // Σ_a W_ab p_a
    double W_d = 0;  // Σ_a W_ab d_a·d_b
    const double to_s = h.h1 * c - h.h2 * p_t[b];
    for (Index a = 0; a < num_s; ++a) {
      W_c += axes[a] == Functionals::kValue ? column[a] : 0;
      W_p += column[a] * p_s[a];
      p_bar_s[a] += column[a] * to_s;
    }
    if (directions) {
      for (Index a = 0; a < num_s; ++a) {
        add_products(begin_s + a, begin_t + b, 2 * h.h1 * column[a]);
        W_d += column[a] * DirectionProduct(begin_s + a, begin_t + b);
      }
    } else if (axis >= 0) {
      for (Index a = 0; a < num_s; ++a) W_d += axes[a] == axis ? column[a] : 0;
      sums[axis] += 2 * h.h1 * W_d;
    }
    u_bar += W_c * (h.h1 * c - h.h2 * p_t[b]) + W_p * (h.h2 * c - h.h3 * p_t[b]) - h.h2 * W_d;
    add_along(begin_t + b, -h.h1 * W_c - h.h2 * W_p);
  }
  for (Index a = 0; a < num_s; ++a) add_along(begin_s + a, p_bar_s[a]);
  for (Index j = 0; j < n; ++j) sums[j] -= u_bar * delta[j] * delta[j];
}

Vector Covariance::Sensitivities(const dense::ConstMatrixRef& W,
                                 const std::stop_token& stop) const {
  const Index n = points_z_.rows();
  const Index num_points = functionals_.NumPoints();
  Matrix sums = Matrix::Zero(n, num_points);  // Per point, so that threads change no bits.
  oneapi::tbb::parallel_for(Index{0}, num_points, [&](Index t) {
    ThrowIfStopped(stop);
    std::vector<double> memory(static_cast<std::size_t>(n + 4 * most_labels_));
    for (Index s = t + 1; s < num_points; ++s) {
      AddSensitivities(s, t, W, memory.data(), sums.col(t).data());
    }
    // Within a point δ = 0: only −h′(0) d_a·d_b, which ℓ scales twice, depends on the lengths.
    std::vector<double> d_a(static_cast<std::size_t>(n));
    std::vector<double> d_b(static_cast<std::size_t>(n));
    for (Index b = functionals_.First(t); b < functionals_.First(t + 1); ++b) {
      if (functionals_.Axis(b) == Functionals::kValue) continue;
      Direction(b, d_b.data());
      for (Index a = b; a < functionals_.First(t + 1); ++a) {
        if (functionals_.Axis(a) == Functionals::kValue) continue;
        const bool both_axes = functionals_.Axis(a) >= 0 && functionals_.Axis(b) >= 0;
        if (both_axes && functionals_.Axis(a) != functionals_.Axis(b)) continue;
        Direction(a, d_a.data());
        double factor = -DerivativeVariance(kind_) * W(a, b) * (a == b ? 1 : 2);
        if (functionals_.W.size() > 0) {
          factor *= functionals_.W.col(a).dot(functionals_.W.col(b));
        }
        if (a == b) factor -= Noise(a) * W(a, a);
        for (Index j = 0; j < n; ++j) {
          const auto number = static_cast<std::size_t>(j);
          sums(j, t) += factor * d_a[number] * d_b[number];
        }
      }
    }
  });
  Vector result = Vector::Zero(n + 2);
  for (Index t = 0; t < num_points; ++t) result.head(n) += sums.col(t);
  for (Index a = 0; a < functionals_.NumLabels(); ++a) {
    const bool value = functionals_.Axis(a) == Functionals::kValue;
    result(value ? n : n + 1) += 0.5 * W(a, a) * Noise(a);
  }
  return result;
}

}  // namespace sobolev::regression
