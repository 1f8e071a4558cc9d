#include "engine/bounds/cubic_sweep.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/activation_jet.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/chebyshev.h"
#include "engine/bounds/cubic_relaxation.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/network_sweep.h"
#include "engine/bounds/relaxation.h"

namespace sobolev::bounds {

namespace {

// Ranges wider than this may be better off between lines.
constexpr double kWide = 2;

Cubic AsCubic(const Relaxation& lines, double centre) {
  const double middle = lines.lambda * centre + lines.mu;
  return {.c = {middle, lines.lambda, 0, 0},
          .error =
              lines.delta + RoundingOf(4) * (std::abs(lines.lambda * centre) + std::abs(lines.mu))};
}

class Sweep {
 public:
  Sweep(const NetworkLayers& network, const ChebyshevBasis& basis, const AffineForm& u)
      : network_(network), basis_(basis), u_(u), a_(u) {}

  // False if a number is too large.
  bool Run(bool jacobian) {
    for (const NetworkLayer& layer : network_.layers) {
      const AffineForm z = Affine(layer);
      if (&layer == &network_.layers.back()) {
        a_ = KeepSymbols(z, basis_.Size(3) - 1);
        a_.P.conservativeResizeLike(Matrix::Zero(basis_.Size(3), a_.Size()));
        break;
      }
      if (!Activate(layer, z, jacobian)) return false;
    }
    return true;
  }

  AffineForm Values() && { return std::move(a_); }

  AdjointForm SweepBack() const {
    const Index m = network_.m();
    const Index symbols = basis_.Size(2) - 1;
    AdjointForm adjoints = UnitAdjoints(m, symbols);
    AdjointForm of_inputs = ZeroAdjoints(m, symbols, network_.n());
    for (std::size_t l = network_.layers.size(); l-- > 0;) {
      const NetworkLayer& layer = network_.layers[l];
      const bool last = l + 1 == network_.layers.size();
      const AdjointForm z_bar = last ? adjoints : basis_.Multiply(hidden_[l].slope, adjoints);
      if (layer.V) AddTo(MapBack(*layer.V, z_bar), of_inputs);
      AdjointForm before = MapBack(layer.W, z_bar);
      if (layer.residual) AddTo(adjoints, before);
      adjoints = std::move(before);
    }
    AddTo(of_inputs, adjoints);
    return adjoints;
  }

  // By how much less the remainders of all outputs would be in half the box.
  Vector Influence(const Vector& y_scale) const {
    Vector influence = Vector::Zero(network_.n());
    Vector weights = network_.layers.back().W.magnitude_transposed * y_scale;
    for (std::size_t l = hidden_.size(); l-- > 0;) {
      influence += hidden_[l].gains * weights;
      Vector before =
          network_.layers[l].W.magnitude_transposed * hidden_[l].steepness.cwiseProduct(weights);
      if (network_.layers[l].residual) before += weights;
      weights = std::move(before);
    }
    return influence;
  }

 private:
  struct Hidden {
    SlopeForm slope;
    Vector steepness;  // |p_1|
    Matrix gains;      // n×units: of the remainders that the units add.
  };

  AffineForm Affine(const NetworkLayer& layer) {
    const Index named = a_.P.rows() - basis_.Size(3) + a_.Size();
    const bool first = &layer == &network_.layers.front();
    const bool name = !first && &layer != &network_.layers.back() && named <= kMaxUnitSymbols;
    if (name && layer.residual) NameRemainders(a_);
    AffineForm z = Map(layer.W, a_, name && !layer.residual);
    if (layer.V) AddTo(Map(*layer.V, u_), z);
    AddTo(layer.b, z);
    return z;
  }

  bool Activate(const NetworkLayer& layer, const AffineForm& z, bool jacobian) {
    const Index units = z.Size();
    const Ranges range = basis_.RangesOf(z);
    if (!(range.lo.minCoeff() >= -kLargestActivation && range.hi.maxCoeff() <= kLargestActivation &&
          z.P.allFinite() && z.r.allFinite())) {
      return false;
    }
    std::vector<Cubic> values(static_cast<std::size_t>(units));
    std::vector<Cubic> slopes(values.size());
    std::vector<ChebyshevBasis::Sizes> sizes(values.size());
    Hidden hidden{.steepness = Vector(units), .gains = Matrix(network_.n(), units)};
    Ranges slope_range{Vector::Constant(units, -kLargestSlope),
                       Vector::Constant(units, kLargestSlope)};
    for (Index q = 0; q < units; ++q) {
      const auto k = static_cast<std::size_t>(q);
      const double centre = z.P(0, q);
      const double lo = range.lo(q);
      const double hi = range.hi(q);
      sizes[k] = basis_.SizesOf(z, q);
      const CubicRelaxation cubics = RelaxToCubics(network_.activation, lo, hi, centre, jacobian);
      values[k] = cubics.value;
      slopes[k] = cubics.slope;
      if (hi - lo > kWide) {
        const ActivationRelaxation lines = Relax(network_.activation, lo, hi, jacobian);
        TakeBetter(AsCubic(lines.value, centre), sizes[k], 3, values[k]);
        if (jacobian) {
          TakeBetter(AsCubic(lines.slope, centre), sizes[k], 2, slopes[k]);
          slope_range.lo(q) = lines.slope.lo;
          slope_range.hi(q) = lines.slope.hi;
        }
      }
      hidden.steepness(q) = std::abs(values[k].c[1]);
      hidden.gains.col(q) =
          GainsOf(z.P.col(q), ChebyshevBasis::RemainderOf(values[k], sizes[k], 3), sizes[k].linear);
    }
    if (jacobian) {
      hidden.slope.form = basis_.Apply(slopes, z, sizes, 2);
      hidden.slope.range = basis_.RangesOf(hidden.slope.form);
      IntersectWith(slope_range, hidden.slope.range);
    }
    hidden_.push_back(std::move(hidden));
    AffineForm activated = basis_.Apply(values, z, sizes, 3);
    if (layer.residual) AddTo(a_, activated);
    a_ = std::move(activated);
    return true;
  }

  static void TakeBetter(const Cubic& other, const ChebyshevBasis::Sizes& sizes, int degree,
                         Cubic& cubic) {
    if (ChebyshevBasis::RemainderOf(other, sizes, degree) <
        ChebyshevBasis::RemainderOf(cubic, sizes, degree)) {
      cubic = other;
    }
  }

  // A remainder is of fourth order in the width of z, which the inputs share.
  template <class Column>
  Vector GainsOf(const Column& z, double remainder, double linear) const {
    const auto shares = z.segment(1, network_.n()).array().abs() / std::max(linear, kTiny);
    return remainder * (1 - (1 - 0.5 * shares).square().square());
  }

  const NetworkLayers& network_;
  const ChebyshevBasis& basis_;
  const AffineForm& u_;
  AffineForm a_;
  std::vector<Hidden> hidden_;
};

bool Varies(const AffineForm& y) {
  const Vector variation = y.P.bottomRows(y.P.rows() - 1).cwiseAbs().colwise().sum().transpose();
  return (variation.array() >= y.r.array()).all();
}

}  // namespace

std::optional<CubicForms> CubicFormsOf(const NetworkLayers& network, const ChebyshevBasis& basis,
                                       const Box& box, bool jacobian) {
  if (!box.IsFinite()) return std::nullopt;
  const nn::Scaling& scaling = network.scaling;
  const AffineForm u = Standardise(scaling, box).u;
  Sweep sweep(network, basis, u);
  if (!sweep.Run(jacobian)) return std::nullopt;
  CubicForms forms{.influence = sweep.Influence(scaling.y_scale)};
  if (jacobian) forms.J = ScaleAdjoints(sweep.SweepBack(), scaling.y_scale, scaling.x_scale);
  forms.y =
      Scale(std::move(sweep).Values(), scaling.y_scale, scaling.y_mean, Vector::Zero(network.m()));
  forms.converges = Varies(forms.y);
  return forms;
}

CubicForms Difference(CubicForms f, const CubicForms& g) {
  AffineForm negative = g.y;
  negative.P = -negative.P;
  AddTo(negative, f.y);
  f.influence += g.influence;
  f.converges = f.converges && g.converges;
  if (!f.J) return f;
  AdjointForm negative_j = *g.J;
  negative_j.P = -negative_j.P;
  negative_j.lo = -g.J->hi;
  negative_j.hi = -g.J->lo;
  AddTo(negative_j, *f.J);
  return f;
}

Enclosure EnclosureOf(const ChebyshevBasis& basis, CubicForms forms) {
  Ranges y = basis.RangesOf(forms.y);
  Enclosure enclosure{
      .y_lo = std::move(y.lo), .y_hi = std::move(y.hi), .influence = std::move(forms.influence)};
  basis.AddGains(forms.y, enclosure.influence);
  if (forms.J) {
    basis.Tighten(*forms.J);
    enclosure.J_lo = forms.J->lo.transpose();
    enclosure.J_hi = forms.J->hi.transpose();
  }
  return enclosure;
}

}  // namespace sobolev::bounds
