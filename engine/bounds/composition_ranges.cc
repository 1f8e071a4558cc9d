#include "engine/bounds/composition_ranges.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "engine/ad/interval.h"
#include "engine/ad/interval_rounding.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/intervals.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"

namespace sobolev::bounds {

namespace {

// A value and a first derivative.
struct Ranges {
  Interval value;
  Interval first;
};

// The part of x beyond a threshold, on the side of the sign.
Interval Above(const Interval& x, double threshold) {
  return Max(x - Interval(threshold), Interval(0));
}
Interval Below(const Interval& x, double threshold) {
  return Min(x - Interval(threshold), Interval(0));
}

// s(x) = x − above − below with above = d − w tanh(d/w), d = (x − upper)⁺, which rises from 0.
OutsideRange EncloseOutside(const SoftClamp& clamp, const Interval& x) {
  if (clamp.width == 0) return {};
  const Interval width(clamp.width);
  const auto beyond = [&](double d) {
    const Interval depth(d);
    return depth - width * tanh(depth / width);
  };
  const auto rise = [&](const Interval& depth) { return Square(tanh(depth / width)); };
  const Interval over = Above(x, clamp.upper);
  const Interval under = Below(x, clamp.lower);
  OutsideRange range{.below_slope = rise(under), .above_slope = rise(over)};
  if (x.is_bounded()) {
    range.above = Max(Hull(beyond(over.lo()), beyond(over.hi())), Interval(0));
    range.below = Min(Hull(beyond(under.lo()), beyond(under.hi())), Interval(0));
  } else {
    range.above = Hull(Interval(0), over);
    range.below = Hull(Interval(0), under);
  }
  return range;
}

Ranges EncloseClamp(const SoftClamp& clamp, const Interval& x, const OutsideRange& outside) {
  if (clamp.width == 0) return {x, Interval(1)};
  const Interval slope = Max(Interval(1) - outside.above_slope - outside.below_slope, Interval(0));
  // s rises: its bounds are those at the ends, and no others beyond the largest number.
  const auto at = [&](double end) {
    const double finite = std::clamp(end, -ad::directed::kLargest, ad::directed::kLargest);
    const double inside = std::clamp(finite, clamp.lower, clamp.upper);
    const Interval depth = Interval(finite) - Interval(inside);
    return Interval(inside) + Interval(clamp.width) * tanh(depth / Interval(clamp.width));
  };
  return {Hull(at(x.lo()), at(x.hi())), slope};
}

Ranges EnclosePower(const Ranges& z, Index degree) {
  const auto d = static_cast<double>(degree);
  return {pow(z.value, d), Interval(d) * pow(z.value, d - 1) * z.first};
}

Ranges EncloseFactor(const FeatureFactor& factor, const Interval& x) {
  const Interval offset(factor.offset);
  const Interval scale(factor.scale);
  switch (factor.kind) {
    case FeatureFactor::Kind::kPower:
      return EnclosePower({(x - offset) * scale, scale}, factor.degree);
    case FeatureFactor::Kind::kLogPower:
      return EnclosePower({(log(x) - offset) * scale, scale / x}, factor.degree);
    case FeatureFactor::Kind::kSine:
    case FeatureFactor::Kind::kCosine:
      break;
  }
  const Interval z = (x - offset) * scale;
  if (factor.kind == FeatureFactor::Kind::kSine) return {sin(z), scale * cos(z)};
  return {cos(z), -scale * sin(z)};
}

}  // namespace

FeatureRanges EncloseFeatures(const FeatureMap& features, const Box& box) {
  const IntervalVector x = IntervalsOf(box);
  FeatureRanges ranges{.phi = IntervalVector::Constant(features.r(), Interval(1))};
  std::vector<Ranges> clamped;
  for (Index j = 0; j < x.size(); ++j) {
    const SoftClamp& clamp = features.clamps()[static_cast<std::size_t>(j)];
    ranges.outside.push_back(EncloseOutside(clamp, x(j)));
    clamped.push_back(EncloseClamp(clamp, x(j), ranges.outside.back()));
  }
  for (Index a = 0; a < features.r(); ++a) {
    const FeatureMap::Feature& feature = features.features()[static_cast<std::size_t>(a)];
    std::vector<Ranges> factors;
    for (const FeatureFactor& factor : feature) {
      const Ranges& s = clamped[static_cast<std::size_t>(factor.input)];
      Ranges range = EncloseFactor(factor, s.value);
      range.first *= s.first;
      ranges.phi(a) *= range.value;
      factors.push_back(range);
    }
    for (std::size_t k = 0; k < factors.size(); ++k) {
      Interval product = factors[k].first;
      for (std::size_t l = 0; l < factors.size(); ++l) {
        if (l != k) product *= factors[l].value;
      }
      ranges.gradient.push_back(product);
    }
  }
  return ranges;
}

OutputRange EncloseOutput(const OutputMap& map, const Interval& u) {
  const Interval lower(map.lower);
  const Interval upper(map.upper);
  const Interval scale(map.scale);
  const Interval v = u / scale;
  switch (map.kind) {
    case OutputMap::Kind::kIdentity:
      break;
    case OutputMap::Kind::kAbove:
      return {lower + scale * Softplus(v), Sigmoid(v)};
    case OutputMap::Kind::kBelow:
      return {upper - scale * Softplus(-v), Sigmoid(-v)};
    case OutputMap::Kind::kBetween: {
      const Interval range = upper - lower;
      const Interval f = Sigmoid(v);
      // f (1 − f) is a quarter less than the square of f − ½.
      const Interval bend = Max(Interval(0.25) - Square(f - Interval(0.5)), Interval(0));
      return {lower + range * f, range * bend / scale};
    }
    case OutputMap::Kind::kExponential: {
      const Interval f = exp(u);
      return {lower + f, f};
    }
  }
  return {u, Interval(1)};
}

}  // namespace sobolev::bounds
