#include "server/jobs/sampling_boxes.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "engine/ad/interval.h"
#include "engine/base/matrix.h"
#include "engine/chain/program_surrogate.h"
#include "engine/program/definition.h"
#include "engine/program/derivation.h"
#include "engine/program/program.h"
#include "engine/sampling/boxes.h"
#include "engine/sampling/placement.h"

namespace sobolev::server {
namespace {

// More than rounding moves an input, relative to its range.
constexpr double kSlack = 1e-14;
// Entries of a Jacobian, and nodes of their graph, whose derivatives are bounded as well.
constexpr std::size_t kMaxSlopes = 1 << 16;

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

using Interval = ad::Interval<double>;

Interval Between(double one, double other) {
  return Interval(ad::Bounds{std::min(one, other), std::max(one, other)});
}

// A box of the unit cube in units of the inputs.
struct Region {
  Region(const sampling::Domain& domain, const Vector& lo, const Vector& hi)
      : x_lo(Corner(domain, lo, -1)), x_hi(Corner(domain, hi, 1)) {
    const Vector at_lo = Stretch(domain, x_lo);
    const Vector at_hi = Stretch(domain, x_hi);
    stretch.reserve(static_cast<std::size_t>(domain.num_free()));
    for (Index axis = 0; axis < domain.num_free(); ++axis) {
      stretch.push_back(Between(at_lo[axis], at_hi[axis]));
    }
  }

  Vector x_lo;
  Vector x_hi;
  std::vector<Interval> stretch;  // dx/du of each coordinate.
};

// Arguments outlive the bounds.
sampling::DerivativeBounds BoundsOf(const program::Program& program, const sampling::Domain& domain,
                                    const std::stop_token& stop) {
  return [&](const Vector& lo, const Vector& hi, Matrix& J_lo, Matrix& J_hi) {
    const Region region(domain, lo, hi);
    const Index n = program.n();
    const Index m = program.m();
    Matrix lower(n, m);
    Matrix upper(n, m);
    program.Enclose({region.x_lo.data(), n, 1}, {region.x_hi.data(), n, 1},
                    {.J_min = lower.data(), .J_max = upper.data()}, nullptr, stop);
    for (Index axis = 0; axis < domain.num_free(); ++axis) {
      const Index j = domain.InputOf(axis);
      for (Index i = 0; i < m; ++i) {
        const Interval slope = region.stretch[static_cast<std::size_t>(axis)] *
                               Interval(ad::Bounds{lower(j, i), upper(j, i)});
        J_lo(axis, i) = slope.lo();
        J_hi(axis, i) = slope.hi();
      }
    }
  };
}

// ρ of each coordinate: x = min e^(ρ u), hence x″ = ρ x′; 0 on linear scales.
std::vector<Interval> Growths(const sampling::Domain& domain) {
  std::vector<Interval> growths;
  growths.reserve(static_cast<std::size_t>(domain.num_free()));
  for (Index axis = 0; axis < domain.num_free(); ++axis) {
    const sampling::Input& input = domain.inputs()[static_cast<std::size_t>(domain.InputOf(axis))];
    const bool grows = input.scale == sampling::Scale::kLogarithmic;
    growths.push_back(grows ? log(Interval(input.max) / Interval(input.min)) : Interval(0));
  }
  return growths;
}

// `slopes` are the Jacobian of the function as a program: ∂²y/∂u_a∂u_b = x_a′ x_b′ ∂²y/∂x_a∂x_b,
// and x_a″ ∂y/∂x_a more where a = b. Arguments outlive the bounds.
sampling::CurvatureBounds CurvatureBoundsOf(const program::Program& slopes,
                                            const sampling::Domain& domain,
                                            const std::stop_token& stop) {
  return [&, growths = Growths(domain)](const Vector& lo, const Vector& hi, Matrix& H_lo,
                                        Matrix& H_hi) {
    const Region region(domain, lo, hi);
    const Index n = slopes.n();
    const Index num_slopes = slopes.m();
    const Index num_free = domain.num_free();
    Vector J_lower(num_slopes);
    Vector J_upper(num_slopes);
    Matrix H_lower(n, num_slopes);
    Matrix H_upper(n, num_slopes);
    slopes.Enclose({region.x_lo.data(), n, 1}, {region.x_hi.data(), n, 1},
                   {.Y_min = J_lower.data(),
                    .Y_max = J_upper.data(),
                    .J_min = H_lower.data(),
                    .J_max = H_upper.data()},
                   nullptr, stop);
    for (Index a = 0; a < num_free; ++a) {
      const Index j = domain.InputOf(a);
      const Interval& stretch = region.stretch[static_cast<std::size_t>(a)];
      for (Index i = 0; i < num_slopes / n; ++i) {
        for (Index b = 0; b < num_free; ++b) {
          const Index slope = i * n + domain.InputOf(b);
          Interval bend = stretch * region.stretch[static_cast<std::size_t>(b)] *
                          Interval(ad::Bounds{H_lower(j, slope), H_upper(j, slope)});
          if (a == b) {
            bend += growths[static_cast<std::size_t>(a)] * stretch *
                    Interval(ad::Bounds{J_lower(slope), J_upper(slope)});
          }
          H_lo(a, i * num_free + b) = bend.lo();
          H_hi(a, i * num_free + b) = bend.hi();
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

std::optional<v1::SamplingBoxes> MakeBoxes(const sampling::Evidence& known,
                                           const sampling::Domain& domain,
                                           const v1::SamplingBoxSpec& spec,
                                           const chain::ProgramSurrogate* program,
                                           const std::stop_token& stop) {
  if (spec.max_boxes() == 0 || !Suffices(known)) return std::nullopt;
  sampling::BoxOptions options{.tolerance = spec.tolerance() * sampling::OutputScales(known),
                               .max_boxes = spec.max_boxes()};
  std::optional<program::Program> slopes;
  if (program != nullptr && IsEven(domain)) {
    const program::Definition function =
        program::Parse(program->source(), chain::AcceptedSourceLimits());
    if (!program::MayJump(function)) options.bounds = BoundsOf(program->program(), domain, stop);
    if (auto derived = program::JacobianDefinition(function, kMaxSlopes)) {
      slopes.emplace(std::move(*derived));
      options.curvature_bounds = CurvatureBoundsOf(*slopes, domain, stop);
    }
  }
  const sampling::Decomposition made = sampling::Decompose(known, options, stop);
  v1::SamplingBoxes boxes;
  for (const sampling::TaylorBox& box : made.boxes) {
    v1::SamplingBox& added = *boxes.add_boxes();
    const Vector lo = domain.ToUser(box.lo);
    const Vector hi = domain.ToUser(box.hi);
    added.mutable_min()->Assign(lo.begin(), lo.end());
    added.mutable_max()->Assign(hi.begin(), hi.end());
    added.set_order(OrderOf(box.quasi));
    added.set_volume(box.Volume());
    for (Index axis = 0; axis < domain.num_free(); ++axis) {
      if (!box.linear_in[static_cast<std::size_t>(axis)]) continue;
      added.add_linear_in(domain.inputs()[static_cast<std::size_t>(domain.InputOf(axis))].name);
    }
  }
  v1::ClosedShare& closed = *boxes.mutable_closed();
  closed.set_constant(made.closed[0]);
  closed.set_linear(made.closed[1]);
  closed.set_quadratic(made.closed[2]);
  closed.set_proved(made.proved);
  return boxes;
}

}  // namespace sobolev::server
