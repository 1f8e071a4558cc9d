#include "engine/surrogate/output_map.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/surrogate/feature_map.h"

namespace sobolev {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double Logistic(double v) { return 1 / (1 + std::exp(-v)); }

// log(1 + e^v), its derivatives with respect to v.
ScalarJet Softplus(double v) {
  const double slope = Logistic(v);
  return {.value = std::fmax(v, 0) + std::log1p(std::exp(-std::fabs(v))),
          .first = slope,
          .second = slope * Logistic(-v)};
}

// The v of a value of softplus; NaN unless y > 0.
double InverseSoftplus(double y) { return y > 0 ? y + std::log(-std::expm1(-y)) : kNone; }

}  // namespace

ScalarJet OutputMap::Evaluate(double u) const {
  switch (kind) {
    case Kind::kIdentity:
      break;
    case Kind::kAbove: {
      const ScalarJet f = Softplus(u / scale);
      return {.value = lower + scale * f.value, .first = f.first, .second = f.second / scale};
    }
    case Kind::kBelow: {
      const ScalarJet f = Softplus(-u / scale);
      return {.value = upper - scale * f.value, .first = f.first, .second = -f.second / scale};
    }
    case Kind::kBetween: {
      const double f = Logistic(u / scale);
      const double rest = Logistic(-u / scale);
      const double range = upper - lower;
      const double slope = range * f * rest / scale;
      return {.value = f < 0.5 ? lower + range * f : upper - range * rest,
              .first = slope,
              .second = slope * (rest - f) / scale};
    }
    case Kind::kExponential: {
      const double f = std::exp(u);
      return {.value = lower + f, .first = f, .second = f};
    }
  }
  return {.value = u, .first = 1, .second = 0};
}

double OutputMap::Inverse(double y) const {
  switch (kind) {
    case Kind::kIdentity:
      break;
    case Kind::kAbove:
      return scale * InverseSoftplus((y - lower) / scale);
    case Kind::kBelow:
      return -scale * InverseSoftplus((upper - y) / scale);
    case Kind::kBetween:
      return lower < y && y < upper ? scale * std::log((y - lower) / (upper - y)) : kNone;
    case Kind::kExponential:
      return y > lower ? std::log(y - lower) : kNone;
  }
  return y;
}

void OutputMap::Validate() const {
  const bool ordered = kind != Kind::kBetween || lower < upper;
  if (kind >= Kind::kIdentity && kind <= Kind::kExponential && std::isfinite(lower) &&
      std::isfinite(upper) && std::isfinite(scale) && scale > 0 && ordered) {
    return;
  }
  throw InvalidArgument("OUT_OF_RANGE", "outputs",
                        "expected finite bounds, the lower one below the upper one, and scales "
                        "> 0");
}

void OutputMap::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(kind));
  writer.Write(lower);
  writer.Write(upper);
  writer.Write(scale);
}

OutputMap OutputMap::Load(ByteReader& reader) {
  OutputMap map;
  map.kind = static_cast<Kind>(reader.ReadInt(0, 4));
  map.lower = reader.Read<double>();
  map.upper = reader.Read<double>();
  map.scale = reader.Read<double>();
  map.Validate();
  return map;
}

}  // namespace sobolev
