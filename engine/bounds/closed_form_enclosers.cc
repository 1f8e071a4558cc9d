#include "engine/bounds/closed_form_enclosers.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "engine/ad/interval.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/intervals.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/kernel.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/regression/terms.h"
#include "engine/surrogate/affine_maps.h"

namespace sobolev::bounds {

namespace {

// Bounds that intersect, because both hold.
Interval Both(const Interval& a, const Interval& b) {
  return Interval(ad::Bounds{std::fmax(a.lo(), b.lo()), std::fmin(a.hi(), b.hi())});
}

// x̂ = A (x − μ_x) (r).
IntervalVector Standardise(const AffineMaps& maps, const Box& box) {
  IntervalVector offset = IntervalsOf(box);
  for (Index j = 0; j < offset.size(); ++j) offset(j) -= Interval(maps.x_mean(j));
  if (!maps.Dense()) {
    for (Index j = 0; j < offset.size(); ++j) offset(j) *= Interval(maps.x_factor(j));
    return offset;
  }
  IntervalVector x_hat = IntervalVector::Constant(maps.r(), Interval(0));
  for (Index a = 0; a < maps.r(); ++a) {
    for (Index j = 0; j < maps.n(); ++j) x_hat(a) += Interval(maps.A(a, j)) * offset(j);
  }
  return x_hat;
}

// y = μ_y + σ_y ŷ and ∇y = σ_y Aᵀ ∇ŷ, from ŷ (m) and its gradients (r×m, or without elements).
Enclosure InUnitsOfUser(const AffineMaps& maps, IntervalVector y, const IntervalMatrix& gradients) {
  IntervalMatrix J(gradients.size() > 0 ? maps.n() : 0, gradients.cols());
  for (Index i = 0; i < y.size(); ++i) {
    const Interval scale(maps.y_scale(i));
    y(i) = Interval(maps.y_mean(i)) + scale * y(i);
    for (Index j = 0; j < J.rows(); ++j) {
      Interval sum(0);
      if (maps.Dense()) {
        for (Index a = 0; a < maps.r(); ++a) sum += Interval(maps.A(a, j)) * gradients(a, i);
      } else {
        sum = Interval(maps.x_factor(j)) * gradients(j, i);
      }
      J(j, i) = scale * sum;
    }
  }
  return EnclosureOf(y, J);
}

// φ_k and φ_k′ of orthonormal Legendre polynomials for k = 0 … degree.
struct LegendreRanges {
  std::vector<Interval> value;
  std::vector<Interval> first;
};

// The recurrences of regression/legendre.h, without norms.
LegendreRanges UnscaledLegendre(const Interval& t, Index degree) {
  LegendreRanges P{.value = {Interval(1), t}, .first = {Interval(0), Interval(1)}};
  for (Index k = 1; k < degree; ++k) {
    const auto at = static_cast<std::size_t>(k);
    const Interval number(static_cast<double>(k));
    const Interval twice(static_cast<double>(2 * k + 1));
    P.value.push_back((twice * t * P.value[at] - number * P.value[at - 1]) /
                      Interval(static_cast<double>(k + 1)));
    P.first.push_back(P.first[at - 1] + twice * P.value[at]);
  }
  return P;
}

// On [−1, 1], |P_k| <= 1 and |P_k′| <= k(k + 1)/2; everywhere, P_k(t) ∈ P_k(c) + P_k′ (t − c).
LegendreRanges EncloseLegendre(const Interval& t, Index degree) {
  LegendreRanges phi = UnscaledLegendre(t, degree);
  const bool bounded = t.is_bounded();
  const Interval middle(bounded ? t.Midpoint() : 0);
  const LegendreRanges at_middle = UnscaledLegendre(middle, degree);
  for (std::size_t k = 0; k < phi.value.size(); ++k) {
    const auto number = static_cast<double>(k);
    if (-1 <= t.lo() && t.hi() <= 1) {
      const double steepest = 0.5 * number * (number + 1);
      phi.value[k] = Both(phi.value[k], Interval(-1, 1));
      phi.first[k] = Both(phi.first[k], Interval(-steepest, steepest));
    }
    if (bounded) {
      phi.value[k] = Both(phi.value[k], at_middle.value[k] + phi.first[k] * (t - middle));
    }
    const Interval norm = sqrt(Interval(2 * number + 1));
    phi.value[k] *= norm;
    phi.first[k] *= norm;
  }
  return phi;
}

}  // namespace

Enclosure PolynomialEncloser::EncloseNaturally(const Box& box, bool jacobian) const {
  const AffineMaps& maps = polynomial_.maps();
  const Index r = maps.r();
  std::vector<Index> degrees(static_cast<std::size_t>(r), 1);
  for (const auto& part : polynomial_.parts()) {
    for (const regression::Term& term : part.terms) {
      for (const regression::Factor& factor : term) {
        Index& degree = degrees[static_cast<std::size_t>(factor.axis)];
        degree = std::max<Index>(degree, factor.degree);
      }
    }
  }
  const IntervalVector x_hat = Standardise(maps, box);
  std::vector<LegendreRanges> axes;
  axes.reserve(degrees.size());
  for (Index j = 0; j < r; ++j) {
    const Interval t =
        (x_hat(j) - Interval(polynomial_.box().centre(j))) * Interval(polynomial_.box().scale(j));
    axes.push_back(EncloseLegendre(t, degrees[static_cast<std::size_t>(j)]));
  }

  IntervalVector y = IntervalVector::Constant(m(), Interval(0));
  IntervalMatrix gradients =
      IntervalMatrix::Constant(jacobian ? r : 0, jacobian ? m() : 0, Interval(0));
  for (const auto& part : polynomial_.parts()) {
    for (std::size_t p = 0; p < part.terms.size(); ++p) {
      const regression::Term& term = part.terms[p];
      // The factor that is differentiated; past the end, none is.
      const std::size_t first = jacobian ? 0 : term.size();
      for (std::size_t along = first; along <= term.size(); ++along) {
        Interval product(1);
        for (std::size_t f = 0; f < term.size(); ++f) {
          const LegendreRanges& axis = axes[static_cast<std::size_t>(term[f].axis)];
          const auto degree = static_cast<std::size_t>(term[f].degree);
          product *= f == along ? axis.first[degree] : axis.value[degree];
        }
        if (along < term.size()) product *= Interval(polynomial_.box().scale(term[along].axis));
        for (std::size_t o = 0; o < part.outputs.size(); ++o) {
          const Interval change =
              Interval(part.C(static_cast<Index>(p), static_cast<Index>(o))) * product;
          Interval& sum = along < term.size() ? gradients(term[along].axis, part.outputs[o])
                                              : y(part.outputs[o]);
          sum += change;
        }
      }
    }
  }
  return InUnitsOfUser(maps, y, gradients);
}

namespace {

// h, h′ and h″ of kernel.h.
struct KernelRanges {
  Interval h0;
  Interval h1;
  Interval h2;
};

KernelRanges KernelAt(regression::KernelKind kind, const Interval& u) {
  if (kind == regression::KernelKind::kSquaredExponential) {
    const Interval h = exp(-u);
    return {h, -h, h};
  }
  const Interval a = sqrt(10.0 * u);
  const Interval e = exp(-a);
  return {(1.0 + a + Square(a) / Interval(3)) * e, -(Interval(5) / Interval(3)) * (1.0 + a) * e,
          (Interval(25) / Interval(3)) * e};
}

// Each of them is monotone in u >= 0, and vanishes at infinity.
KernelRanges EncloseKernel(regression::KernelKind kind, const Interval& u) {
  constexpr double kFar = 1e300;
  const KernelRanges near = KernelAt(kind, Interval(std::min(u.lo(), kFar)));
  const KernelRanges far =
      u.hi() < kFar ? KernelAt(kind, Interval(u.hi())) : KernelRanges{0.0, 0.0, 0.0};
  return {Hull(near.h0, far.h0), Hull(near.h1, far.h1), Hull(near.h2, far.h2)};
}

}  // namespace

Enclosure GaussianProcessEncloser::EncloseNaturally(const Box& box, bool jacobian) const {
  const AffineMaps& maps = process_.maps();
  const Index r = maps.r();
  const IntervalVector x_hat = Standardise(maps, box);
  // Far away a factor that vanishes meets one without bounds.
  if (!box.IsFinite()) return Enclosure::Entire(n(), m(), jacobian);
  IntervalVector y = IntervalVector::Constant(m(), Interval(0));
  IntervalMatrix gradients =
      IntervalMatrix::Constant(jacobian ? r : 0, jacobian ? m() : 0, Interval(0));
  for (const auto& part : process_.parts()) {
    const auto num_outputs = static_cast<Index>(part.outputs.size());
    IntervalVector inverse(r);
    IntervalVector z(r);
    for (Index j = 0; j < r; ++j) {
      inverse(j) = exp(Interval(-part.hyperparameters.log_lengths(j)));
      z(j) = x_hat(j) * inverse(j);
    }
    for (Index o = 0; o < num_outputs; ++o) {
      y(part.outputs[static_cast<std::size_t>(o)]) = Interval(part.mean(o));
    }
    for (Index s = 0; s < part.Z.cols(); ++s) {
      IntervalVector delta(r);
      Interval u(0);
      for (Index j = 0; j < r; ++j) {
        delta(j) = z(j) - Interval(part.Z(j, s));
        u += 0.5 * Square(delta(j));
      }
      const KernelRanges h = EncloseKernel(part.hyperparameters.kind, u);
      for (Index o = 0; o < num_outputs; ++o) {
        const Interval b(part.B(o, s));
        const bool projects = part.G.cols() > 0;
        const auto g = [&](Index j) { return Interval(part.G(j, s * num_outputs + o)); };
        Interval q(0);
        for (Index j = 0; projects && j < r; ++j) q += g(j) * delta(j);
        const Index output = part.outputs[static_cast<std::size_t>(o)];
        y(output) += b * h.h0 - h.h1 * q;
        const Interval along = b * h.h1 - h.h2 * q;
        for (Index j = 0; jacobian && j < r; ++j) {
          const Interval change = along * delta(j) - (projects ? h.h1 * g(j) : Interval(0));
          gradients(j, output) += change * inverse(j);
        }
      }
    }
  }
  return InUnitsOfUser(maps, y, gradients);
}

}  // namespace sobolev::bounds
