#include "engine/surrogate/feature_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev {

namespace {

constexpr Index kMaxDegree = 16;
// So that damaged sizes do not allocate the machine away.
constexpr Index kMaxSize = 1 << 20;

// z^degree for z = value, whose derivatives in x are first and second.
ScalarJet Power(const ScalarJet& z, Index degree) {
  double below = 1;  // z^(degree − 2)
  for (Index k = 2; k < degree; ++k) below *= z.value;
  const auto d = static_cast<double>(degree);
  if (degree == 1) return z;
  const double slope = d * below * z.value;
  return {.value = below * z.value * z.value,
          .first = slope * z.first,
          .second = d * (d - 1) * below * z.first * z.first + slope * z.second};
}

std::vector<FeatureMap::Feature> Identities(Index n) {
  std::vector<FeatureMap::Feature> features;
  features.reserve(static_cast<std::size_t>(n));
  for (Index j = 0; j < n; ++j) features.push_back({{.input = j}});
  return features;
}

void Require(bool holds, const char* field, const char* expected) {
  if (!holds) throw InvalidArgument("OUT_OF_RANGE", field, expected);
}

void CheckFeature(const FeatureMap::Feature& feature, Index n) {
  const auto count = static_cast<Index>(feature.size());
  Require(count >= 1 && count <= FeatureMap::kMaxFactors, "features",
          "expected 1 to 8 factors of each feature");
  for (std::size_t k = 0; k < feature.size(); ++k) {
    const FeatureFactor& factor = feature[k];
    Require(factor.input >= 0 && factor.input < n, "features", "expected inputs that exist");
    Require(
        factor.kind >= FeatureFactor::Kind::kPower && factor.kind <= FeatureFactor::Kind::kCosine,
        "features", "expected kinds that exist");
    Require(factor.degree >= 1 && factor.degree <= kMaxDegree, "features",
            "expected degrees of 1 to 16");
    Require(std::isfinite(factor.offset) && std::isfinite(factor.scale) && factor.scale != 0,
            "features", "expected finite offsets and scales other than 0");
    for (std::size_t l = 0; l < k; ++l) {
      Require(feature[l].input != factor.input, "features", "expected factors of different inputs");
    }
  }
}

void CheckClamp(const SoftClamp& clamp) {
  Require(std::isfinite(clamp.lower) && std::isfinite(clamp.upper) && std::isfinite(clamp.width) &&
              clamp.lower <= clamp.upper && clamp.width >= 0,
          "clamps", "expected finite intervals and widths >= 0");
}

// Whether the second derivative of the factor is 0 within the clamp.
bool IsLinear(const FeatureFactor& factor, const SoftClamp& clamp) {
  return factor.kind == FeatureFactor::Kind::kPower && factor.degree == 1 && clamp.width == 0;
}

// f(s(x)), given f at s(x).
ScalarJet Chain(const ScalarJet& f, const ScalarJet& s) {
  return {.value = f.value,
          .first = f.first * s.first,
          .second = f.second * s.first * s.first + f.first * s.second};
}

// The product of all factors but those two.
double ProductWithout(const std::array<ScalarJet, FeatureMap::kMaxFactors>& jets, std::size_t count,
                      std::size_t first, std::size_t second) {
  double product = 1;
  for (std::size_t k = 0; k < count; ++k) {
    if (k != first && k != second) product *= jets[k].value;
  }
  return product;
}

}  // namespace

ScalarJet SoftClamp::Evaluate(double x) const {
  const bool inside = lower <= x && x <= upper;
  if (width == 0 || inside || std::isnan(x)) return {.value = x, .first = 1, .second = 0};
  const double edge = x > upper ? upper : lower;
  const double t = std::tanh((x - edge) / width);
  const double first = (1 - t) * (1 + t);
  return {.value = edge + width * t, .first = first, .second = -2 * t * first / width};
}

ScalarJet FeatureFactor::Evaluate(double x) const {
  switch (kind) {
    case Kind::kPower:
      return Power({.value = (x - offset) * scale, .first = scale, .second = 0}, degree);
    case Kind::kLogPower:
      return Power(
          {.value = (std::log(x) - offset) * scale, .first = scale / x, .second = -scale / (x * x)},
          degree);
    case Kind::kSine:
    case Kind::kCosine:
      break;
  }
  const double sine = std::sin((x - offset) * scale);
  const double cosine = std::cos((x - offset) * scale);
  if (kind == Kind::kSine) {
    return {.value = sine, .first = scale * cosine, .second = -scale * scale * sine};
  }
  return {.value = cosine, .first = -scale * sine, .second = -scale * scale * cosine};
}

FeatureMap::FeatureMap(Index n)
    : FeatureMap(Identities(n), std::vector<SoftClamp>(static_cast<std::size_t>(n))) {}

FeatureMap::FeatureMap(std::vector<Feature> features, std::vector<SoftClamp> clamps)
    : features_(std::move(features)), clamps_(std::move(clamps)), diagonal_(r() == n()) {
  Require(r() > 0, "features", "expected at least one feature");
  std::ranges::for_each(clamps_, CheckClamp);
  for (Index a = 0; a < r(); ++a) {
    const Feature& feature = features_[static_cast<std::size_t>(a)];
    CheckFeature(feature, n());
    diagonal_ = diagonal_ && feature.size() == 1 && feature.front().input == a;
    for (std::size_t k = 0; k < feature.size(); ++k) {
      const Index input = feature[k].input;
      gradient_entries_.push_back({.feature = a, .input = input});
      if (!IsLinear(feature[k], clamps_[static_cast<std::size_t>(input)])) {
        hessian_entries_.push_back({.feature = a, .row = input, .column = input});
      }
      for (std::size_t l = k + 1; l < feature.size(); ++l) {
        const auto [row, column] = std::minmax(input, feature[l].input);
        hessian_entries_.push_back({.feature = a, .row = row, .column = column});
      }
    }
  }
}

void FeatureMap::Evaluate(const double* x, double* phi, double* gradient, double* hessian) const {
  std::array<ScalarJet, kMaxFactors> jets;
  for (std::size_t a = 0; a < features_.size(); ++a) {
    const Feature& feature = features_[a];
    const std::size_t count = feature.size();
    phi[a] = 1;
    for (std::size_t k = 0; k < count; ++k) {
      const Index input = feature[k].input;
      const ScalarJet s = clamps_[static_cast<std::size_t>(input)].Evaluate(x[input]);
      jets[k] = Chain(feature[k].Evaluate(s.value), s);
      phi[a] *= jets[k].value;
    }
    for (std::size_t k = 0; k < count; ++k) {
      const double others = ProductWithout(jets, count, k, k);
      if (gradient != nullptr) *gradient++ = jets[k].first * others;
      if (hessian == nullptr) continue;
      const SoftClamp& clamp = clamps_[static_cast<std::size_t>(feature[k].input)];
      if (!IsLinear(feature[k], clamp)) *hessian++ = jets[k].second * others;
      for (std::size_t l = k + 1; l < count; ++l) {
        *hessian++ = jets[k].first * jets[l].first * ProductWithout(jets, count, k, l);
      }
    }
  }
}

std::size_t FeatureMap::SizeBytes() const {
  std::size_t factors = 0;
  for (const Feature& feature : features_) factors += feature.size();
  return sizeof(FeatureMap) + features_.size() * sizeof(Feature) + factors * sizeof(FeatureFactor) +
         clamps_.size() * sizeof(SoftClamp) + gradient_entries_.size() * sizeof(GradientEntry) +
         hessian_entries_.size() * sizeof(HessianEntry);
}

void FeatureMap::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(n()));
  for (const SoftClamp& clamp : clamps_) {
    writer.Write(clamp.lower);
    writer.Write(clamp.upper);
    writer.Write(clamp.width);
  }
  writer.Write(static_cast<std::int64_t>(r()));
  for (const Feature& feature : features_) {
    writer.Write(static_cast<std::int64_t>(feature.size()));
    for (const FeatureFactor& factor : feature) {
      writer.Write(static_cast<std::int64_t>(factor.input));
      writer.Write(static_cast<std::int64_t>(factor.kind));
      writer.Write(static_cast<std::int64_t>(factor.degree));
      writer.Write(factor.offset);
      writer.Write(factor.scale);
    }
  }
}

FeatureMap FeatureMap::Load(ByteReader& reader) {
  std::vector<SoftClamp> clamps(static_cast<std::size_t>(reader.ReadInt(1, kMaxSize)));
  for (SoftClamp& clamp : clamps) {
    clamp.lower = reader.Read<double>();
    clamp.upper = reader.Read<double>();
    clamp.width = reader.Read<double>();
  }
  std::vector<Feature> features(static_cast<std::size_t>(reader.ReadInt(1, kMaxSize)));
  for (Feature& feature : features) {
    feature.resize(static_cast<std::size_t>(reader.ReadInt(1, kMaxFactors)));
    for (FeatureFactor& factor : feature) {
      factor.input = reader.ReadInt(0, kMaxSize);
      factor.kind = static_cast<FeatureFactor::Kind>(reader.ReadInt(1, 4));
      factor.degree = reader.ReadInt(1, kMaxDegree);
      factor.offset = reader.Read<double>();
      factor.scale = reader.Read<double>();
    }
  }
  return {std::move(features), std::move(clamps)};
}

}  // namespace sobolev
