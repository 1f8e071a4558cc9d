#include "engine/bounds/local_taylor_encloser.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "engine/ad/interval.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/intervals.h"
#include "engine/surrogate/local_taylor.h"

namespace sobolev::bounds {

namespace {

// As in surrogate/local_taylor.h.
constexpr double kBlunt = TaylorPatches::kBlunt;
constexpr double kCovered = TaylorPatches::kCovered;
// At most √δ.
constexpr double kRootBlunt = 0.14;
static_assert(kRootBlunt * kRootBlunt <= kBlunt);
// D >= 0.615 σ, where D′ = 0.
constexpr double kLeastDenominator = 0.6 * kCovered;

// Bounds that intersect, because both hold; what is NaN says nothing.
Interval Both(const Interval& a, const Interval& b) {
  return Interval(ad::Bounds{std::fmax(a.lo(), b.lo()), std::fmin(a.hi(), b.hi())});
}

// w = (1 − s)³/(s + δ) and w′ of one s <= 1.
Interval Weight(const Interval& s) {
  const Interval rest = Interval(1) - s;
  return rest * Square(rest) / (s + Interval(kBlunt));
}
Interval Slope(const Interval& s) {
  const Interval rest = Interval(1) - s;
  return -(Interval(3) * Square(rest) + Weight(s)) / (s + Interval(kBlunt));
}

// S/D of one S >= 0.
Interval Share(double sum) {
  if (!(sum < kCovered)) return Interval(1);
  const Interval rest = Interval(1) - Interval(sum) / Interval(kCovered);
  const Interval denominator = Interval(sum) + Interval(kCovered) * rest * Square(rest);
  return Both(Interval(sum) / denominator, Interval(0, 1));
}

// D(S) and D′(S) with S >= 0.
struct Denominator {
  explicit Denominator(const Interval& sum) {
    const Interval rest = Max(Interval(0), Interval(1) - sum / Interval(kCovered));
    value = Both(sum + Interval(kCovered) * rest * Square(rest),
                 Interval(ad::Bounds{std::fmax(sum.lo(), kLeastDenominator),
                                     std::fmax(sum.hi(), kCovered)}));
    slope = Interval(1) - Interval(3) * Square(rest);
  }

  Interval value;
  Interval slope;
};

// At least the cube root of x >= 0.
double CubeRootUp(double x) {
  double root = std::cbrt(x);
  while ((Interval(root) * Square(Interval(root))).lo() < x) {
    root = std::nextafter(root, std::numeric_limits<double>::infinity());
  }
  return root;
}

// A bump that reaches the box, and its polynomial where both are.
struct Patch {
  double radius = 0;
  Interval weight;
  IntervalVector weight_gradient;  // n, by u
  IntervalVector value;            // m
  IntervalMatrix gradient;         // n×m, by u
};

// T of one output around a centre, from its derivatives there (TaylorPatches).
class Polynomial {
 public:
  Polynomial(const double* derivatives, Index n, int order)
      : value_(derivatives),
        first_(value_ + 1),
        second_(first_ + n),
        third_(second_ + n * n),
        n_(n),
        order_(order) {}

  // At steps d (n) from the centre. Writes the gradient (n) unless it is null.
  Interval At(const IntervalVector& d, Interval* gradient) const {
    Interval value(*value_);
    for (Index a = 0; a < n_; ++a) {
      Interval bend(0);   // Second derivatives times d.
      Interval twist(0);  // Third derivatives times d twice.
      for (Index b = 0; order_ > 1 && b < n_; ++b) {
        bend += Interval(second_[a * n_ + b]) * d(b);
        if (order_ < 3) continue;
        Interval sum(0);
        for (Index c = 0; c < n_; ++c) sum += Interval(third_[(a * n_ + b) * n_ + c]) * d(c);
        twist += sum * d(b);
      }
      const Interval first(first_[a]);
      value += d(a) * (first + bend / Interval(2) + twist / Interval(6));
      if (gradient != nullptr) gradient[a] = first + bend + twist / Interval(2);
    }
    return value;
  }

 private:
  const double* value_;
  const double* first_;
  const double* second_;
  const double* third_;
  Index n_;
  int order_;
};

// The middle of bounded intervals, and the steps from there.
IntervalVector Middle(const IntervalVector& d) {
  return d.unaryExpr([](const Interval& side) { return Interval(side.Midpoint()); });
}

// Where a bump reaches the box, the steps from its centre; none if it does not.
std::optional<IntervalVector> StepsWithin(const TaylorPatches& patches, Index k,
                                          const IntervalVector& u) {
  const double radius = patches.radii(k);
  IntervalVector d(u.size());
  for (Index j = 0; j < u.size(); ++j) {
    d(j) = Both(u(j) - Interval(patches.centres(j, k)), Interval(-radius, radius));
    if (!(d(j).lo() <= d(j).hi())) return std::nullopt;
  }
  return d;
}

std::optional<Patch> MakePatch(const TaylorPatches& patches, Index k, const IntervalVector& u,
                               Index m) {
  const Index n = u.size();
  const std::optional<IntervalVector> steps = StepsWithin(patches, k, u);
  if (!steps) return std::nullopt;
  const IntervalVector& d = *steps;
  const Interval square = Square(Interval(patches.radii(k)));
  Interval s(0);
  for (Index j = 0; j < n; ++j) s += Square(d(j));
  s = s / square;
  if (s.lo() >= 1) return std::nullopt;
  // Both are monotone in s, and 0 from s = 1 on.
  const Interval near(s.lo());
  const bool leaves = s.hi() >= 1;
  const Interval far(leaves ? 1 : s.hi());
  Patch patch;
  patch.radius = patches.radii(k);
  patch.weight = Interval(ad::Bounds{leaves ? 0 : Weight(far).lo(), Weight(near).hi()});
  const Interval slope(ad::Bounds{Slope(near).lo(), leaves ? 0 : Slope(far).hi()});
  patch.weight_gradient.resize(n);
  for (Index j = 0; j < n; ++j) {
    patch.weight_gradient(j) = Interval(2) * slope * d(j) / square;
  }
  const IntervalVector middle = Middle(d);
  const Index terms = TaylorPatches::NumTerms(n, patches.order);
  patch.value.resize(m);
  patch.gradient.resize(n, m);
  for (Index i = 0; i < m; ++i) {
    const Polynomial T(patches.derivatives.col(k).data() + i * terms, n, patches.order);
    const Interval natural = T.At(d, patch.gradient.col(i).data());
    Interval centred = T.At(middle, nullptr);
    for (Index j = 0; j < n; ++j) centred += patch.gradient(j, i) * (d(j) - middle(j));
    patch.value(i) = Both(natural, centred);
  }
  return patch;
}

// What all bumps that reach the box say together.
struct Bumps {
  explicit Bumps(std::vector<Patch> reaching) : patches(std::move(reaching)) {
    for (const Patch& patch : patches) sum += patch.weight;
    denominator.emplace(sum);
    share = Interval(ad::Bounds{Share(sum.lo()).lo(), Share(sum.hi()).hi()});
    // w_k/S is at most this: it grows with w_k and falls with the others.
    for (const Patch& patch : patches) {
      const double others = (Interval(sum.lo()) - Interval(patch.weight.lo())).lo();
      const Interval most(patch.weight.hi());
      const Interval part = most / (most + Interval(std::fmax(0, others)));
      caps.push_back(part.hi() < 1 ? part.hi() : 1);
    }
    const Interval count(static_cast<double>(patches.size()));
    const Interval root(CubeRootUp((count / Interval(denominator->value.lo())).hi()));
    steepness = (Interval(6) * root + Interval(1) / Interval(kRootBlunt)).hi();
  }

  // Σ z_k ∂w_k/∂u_j / D is at most that far from 0, whatever j.
  double LargestTurn(const std::vector<Interval>& z) const {
    Interval largest(0);
    for (std::size_t k = 0; k < z.size(); ++k) {
      largest = Max(largest, Interval(z[k].Magnitude()) / Interval(patches[k].radius));
    }
    return (Interval(steepness) * largest).hi();
  }

  std::vector<Patch> patches;
  Interval sum;  // S
  std::optional<Denominator> denominator;
  Interval share;            // S/D
  std::vector<double> caps;  // One for each patch.
  double steepness = 0;      // 6 (K/D)^⅓ + 1/√δ
};

// At least Σ λ_k z_k over all λ with Σ λ_k = 1 and 0 <= λ_k <= c_k, which for every t is at most
// t + Σ c_k max(0, z_k − t); the best t is where the caps of the largest z_k make 1.
double LargestMean(const std::vector<double>& z, const std::vector<double>& caps) {
  std::vector<std::size_t> order(z.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return z[a] > z[b]; });
  double total = 0;
  double t = z[order.front()];
  for (const std::size_t k : order) {
    t = z[k];
    total += caps[k];
    if (total >= 1) break;
  }
  Interval most(t);
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (z[k] > t) most += Interval(caps[k]) * (Interval(z[k]) - Interval(t));
  }
  return most.hi();
}

// Σ w_k z_k / D of the parts z of the patches.
template <class Part>
Interval Blend(const Bumps& bumps, const Part& part) {
  std::vector<double> highest;
  std::vector<double> lowest;  // Negated.
  highest.reserve(bumps.patches.size());
  lowest.reserve(bumps.patches.size());
  Interval sum(0);
  for (const Patch& patch : bumps.patches) {
    const Interval& z = part(patch);
    highest.push_back(z.hi());
    lowest.push_back(-z.lo());
    sum += patch.weight * z;
  }
  const Interval mean(
      ad::Bounds{-LargestMean(lowest, bumps.caps), LargestMean(highest, bumps.caps)});
  return Both(bumps.share * mean, sum / bumps.denominator->value);
}

}  // namespace

Enclosure LocalTaylorEncloser::EncloseNaturally(const Box& box, bool jacobian) const {
  Enclosure base = base_->Enclose(box, jacobian);
  const Index n = this->n();
  const Index m = this->m();
  IntervalVector u = IntervalsOf(box);
  for (Index j = 0; j < n; ++j) {
    u(j) = (u(j) - Interval(patches_.origin(j))) / Interval(patches_.scale(j));
  }
  std::vector<Patch> patches;
  for (Index k = 0; k < patches_.Count(); ++k) {
    if (auto patch = MakePatch(patches_, k, u, m)) patches.push_back(std::move(*patch));
  }
  if (patches.empty()) return base;

  const Bumps bumps(std::move(patches));
  const Denominator& denominator = *bumps.denominator;
  IntervalVector y = ValuesOf(base);
  IntervalMatrix J = JacobianOf(base);
  for (Index i = 0; i < m; ++i) {
    const Interval r =
        Blend(bumps, [&](const Patch& patch) -> const Interval& { return patch.value(i); });
    y(i) += r;
    if (!jacobian) continue;
    // ∇r = (Σ w_k ∇T_k + Σ (T_k − D′ r) ∇w_k)/D
    std::vector<Interval> rest;
    rest.reserve(bumps.patches.size());
    for (const Patch& patch : bumps.patches) {
      rest.push_back(patch.value(i) - denominator.slope * r);
    }
    const double largest_turn = bumps.LargestTurn(rest);
    for (Index j = 0; j < n; ++j) {
      Interval sum(0);
      for (std::size_t k = 0; k < rest.size(); ++k) {
        sum += bumps.patches[k].weight_gradient(j) * rest[k];
      }
      const Interval turn = Both(sum / denominator.value, Interval(-largest_turn, largest_turn));
      const Interval slope =
          Blend(bumps, [&](const Patch& patch) -> const Interval& { return patch.gradient(j, i); });
      J(j, i) += (slope + turn) / Interval(patches_.scale(j));
    }
  }
  return EnclosureOf(y, J);
}

}  // namespace sobolev::bounds
