#include "server/jobs/sampling_boxes.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/derivation.h"
#include "engine/sampling/boxes.h"
#include "engine/sampling/placement.h"

namespace sobolev::server {
namespace {

// More than rounding moves an input, relative to its range.
constexpr double kSlack = 1e-14;
// Entries and operations of the derivatives of a program; of larger ones no box is quasi-quadratic.
constexpr std::size_t kMaxCurvatureSize = 1 << 16;

// Whether coordinates of the unit cube lead to inputs by x = a + b u or x = a exp(b u), whose
// slopes are monotonic.
bool IsEven(const sampling::Domain& domain) {
  return std::ranges::all_of(domain.inputs(), [](const sampling::Input& input) {
    return input.fixed || (input.kind == sampling::InputKind::kContinuous &&
                           std::holds_alternative<sampling::UniformMeasure>(input.measure));
  });
}

// The inputs at a corner of a box of the unit cube, moved by the slack in this direction.
Vector Corner(const sampling::Domain& domain, const Vector& u, double direction) {
  Vector x = domain.ToUser(u);
  for (Index axis = 0; axis < domain.num_free(); ++axis) {
    const Index j = domain.InputOf(axis);
    const sampling::Input& input = domain.inputs()[static_cast<std::size_t>(j)];
    x[j] = std::clamp(x[j] + direction * kSlack * (input.max - input.min), input.min, input.max);
  }
  return x;
}

// dx/du of each coordinate.
Vector Stretch(const sampling::Domain& domain, const Vector& x) {
  return domain.UnitJacobian(x, Vector::Ones(x.size()));
}

// Of dy/dx over a box of the unit cube, n×m each.
struct Enclosed {
  Matrix lower;
  Matrix upper;
};

Enclosed EncloseDerivatives(const program::Program& program, const Vector& x_lo, const Vector& x_hi,
                            const std::stop_token& stop) {
  const Index n = program.n();
  Enclosed J{.lower = Matrix(n, program.m()), .upper = Matrix(n, program.m())};
  program.Enclose({x_lo.data(), n, 1}, {x_hi.data(), n, 1},
                  {.J_min = J.lower.data(), .J_max = J.upper.data()}, nullptr, stop);
  return J;
}

// Arguments outlive the bounds.
sampling::DerivativeBounds BoundsOf(const program::Program& program, const sampling::Domain& domain,
                                    const std::stop_token& stop) {
  return [&](const Vector& lo, const Vector& hi, Matrix& J_lo, Matrix& J_hi) {
    const Vector x_lo = Corner(domain, lo, -1);
    const Vector x_hi = Corner(domain, hi, 1);
    const auto [lower, upper] = EncloseDerivatives(program, x_lo, x_hi, stop);
    const Vector at_lo = Stretch(domain, x_lo);
    const Vector at_hi = Stretch(domain, x_hi);
    for (Index axis = 0; axis < domain.num_free(); ++axis) {
      const Index j = domain.InputOf(axis);
      const double least = std::min(at_lo[axis], at_hi[axis]);
      const double most = std::max(at_lo[axis], at_hi[axis]);
      for (Index i = 0; i < program.m(); ++i) {
        J_lo(axis, i) = lower(j, i) * (lower(j, i) < 0 ? most : least);
        J_hi(axis, i) = upper(j, i) * (upper(j, i) > 0 ? most : least);
      }
    }
  };
}

// By the program of the derivatives; the scales of inputs are linear. Arguments outlive the bounds.
sampling::CurvatureBounds CurvatureBoundsOf(const program::Program& slopes,
                                            const sampling::Domain& domain,
                                            const std::stop_token& stop) {
  return [&](const Vector& lo, const Vector& hi, Matrix& H_lo, Matrix& H_hi) {
    const Vector x_lo = Corner(domain, lo, -1);
    const auto [lower, upper] = EncloseDerivatives(slopes, x_lo, Corner(domain, hi, 1), stop);
    const Vector stretch = Stretch(domain, x_lo);
    const Index n = domain.n();
    const Index d = domain.num_free();
    for (Index i = 0; i < slopes.m() / n; ++i) {
      for (Index b = 0; b < d; ++b) {
        const Index column = i * n + domain.InputOf(b);
        for (Index a = 0; a < d; ++a) {
          const double scale = stretch[a] * stretch[b];
          H_lo(a, i * d + b) = scale * lower(domain.InputOf(a), column);
          H_hi(a, i * d + b) = scale * upper(domain.InputOf(a), column);
        }
      }
    }
  };
}

v1::SamplingBox::Order OrderOf(const std::optional<sampling::Quasi>& quasi) {
  if (!quasi) return v1::SamplingBox::ORDER_OPEN;
  switch (*quasi) {
    case sampling::Quasi::kConstant:
      return v1::SamplingBox::ORDER_CONSTANT;
    case sampling::Quasi::kLinear:
      return v1::SamplingBox::ORDER_LINEAR;
    case sampling::Quasi::kQuadratic:
      return v1::SamplingBox::ORDER_QUADRATIC;
  }
  return v1::SamplingBox::ORDER_UNSPECIFIED;
}

bool Suffices(const sampling::Evidence& known) {
  return known.NumSamples() >= sampling::LeastSamples(known.n()) &&
         known.Y.array().isNaN().rowwise().all().count() == 0;
}

}  // namespace

const program::Program* SamplingBoxMaker::Slopes() {
  if (!std::exchange(has_looked_for_slopes_, true)) {
    const bool is_linear = std::ranges::all_of(domain_.inputs(), [](const sampling::Input& input) {
      return input.fixed || input.scale == sampling::Scale::kLinear;
    });
    if (!is_linear) return nullptr;
    const auto definition = program::JacobianDefinition(
        program::Parse(function_->source(), chain::AcceptedSourceLimits()), kMaxCurvatureSize);
    if (definition) slopes_.emplace(*definition);
  }
  return slopes_ ? &*slopes_ : nullptr;
}

std::optional<v1::SamplingBoxes> SamplingBoxMaker::Make(const sampling::Evidence& known,
                                                        const v1::SamplingBoxSpec& spec,
                                                        const std::stop_token& stop) {
  if (spec.max_boxes() == 0 || !Suffices(known)) return std::nullopt;
  sampling::BoxOptions options{.tolerance = spec.tolerance() * sampling::OutputScales(known),
                               .max_boxes = spec.max_boxes()};
  if (function_ != nullptr && IsEven(domain_)) {
    options.bounds = BoundsOf(function_->program(), domain_, stop);
    if (const program::Program* slopes = Slopes()) {
      options.curvature_bounds = CurvatureBoundsOf(*slopes, domain_, stop);
    }
  }
  const sampling::Decomposition made = sampling::Decompose(known, options, stop);
  v1::SamplingBoxes boxes;
  for (const sampling::TaylorBox& box : made.boxes) {
    v1::SamplingBox& added = *boxes.add_boxes();
    const Vector lo = domain_.ToUser(box.lo);
    const Vector hi = domain_.ToUser(box.hi);
    added.mutable_min()->Assign(lo.begin(), lo.end());
    added.mutable_max()->Assign(hi.begin(), hi.end());
    added.set_order(OrderOf(box.quasi));
    added.set_volume(box.Volume());
  }
  v1::ClosedShare& closed = *boxes.mutable_closed();
  closed.set_constant(made.closed[0]);
  closed.set_linear(made.closed[1]);
  closed.set_quadratic(made.closed[2]);
  closed.set_proved(made.proved);
  return boxes;
}

}  // namespace sobolev::server
