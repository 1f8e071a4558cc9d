#include "engine/sampling/measure.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/number_text.h"

namespace sobolev::sampling {

namespace {

void RequireFinite(double value, const std::string& field) {
  if (std::isfinite(value)) return;
  throw InvalidArgument("NOT_FINITE", field, "expected a finite number, got " + NumberText(value));
}

void RequirePositive(double value, const std::string& field) {
  RequireFinite(value, field);
  if (value > 0) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected a positive number, got " + NumberText(value));
}

double NormalProbability(double z) { return 0.5 * std::erfc(-z * std::numbers::sqrt2 / 2); }

// The continued fraction of the incomplete beta function (DLMF 8.17.22), by the method of Lentz. It
// converges fast for t below the mean.
double BetaFraction(double a, double b, double t) {
  constexpr double kTiny = 1e-300;
  constexpr int kMaxTerms = 10'000;
  const auto bounded = [&](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / bounded(1 - (a + b) * t / (a + 1));
  double fraction = d;
  for (int m = 1; m <= kMaxTerms; ++m) {
    const double even = m * (b - m) * t / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / bounded(1 + even * d);
    c = bounded(1 + even / c);
    fraction *= c * d;
    const double odd = -(a + m) * (a + b + m) * t / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / bounded(1 + odd * d);
    c = bounded(1 + odd / c);
    fraction *= c * d;
    if (std::abs(c * d - 1) < std::numeric_limits<double>::epsilon()) break;
  }
  return fraction;
}

// I_t(a, b), with log_scale = −ln B(a, b).
double BetaProbability(double a, double b, double log_scale, double t) {
  if (t > (a + 1) / (a + b + 2)) return 1 - BetaProbability(b, a, log_scale, 1 - t);
  const double front = std::exp(log_scale + a * std::log(t) + b * std::log1p(-t));
  return front * BetaFraction(a, b, t) / a;
}

}  // namespace

Measure::Normal Measure::MakeNormal(const NormalMeasure& spec, double low, double high,
                                    const std::string& field) {
  RequireFinite(spec.mean, field + ".mean");
  RequirePositive(spec.standard_deviation, field + ".standard_deviation");
  Normal normal;
  normal.low = (low - spec.mean) / spec.standard_deviation;
  normal.high = (high - spec.mean) / spec.standard_deviation;
  if (!std::isfinite(normal.low) || !std::isfinite(normal.high)) {
    throw InvalidArgument("OUT_OF_RANGE", field + ".standard_deviation",
                          "is too small a part of the range; fix the input at the mean instead");
  }
  normal.is_mirrored = normal.low > -normal.high;
  if (normal.is_mirrored) normal = {.low = -normal.high, .high = -normal.low, .is_mirrored = true};
  normal.below = NormalProbability(normal.low);
  normal.mass = NormalProbability(normal.high) - normal.below;
  // Below that, probabilities have no accuracy left.
  if (normal.mass < std::numeric_limits<double>::min() / std::numeric_limits<double>::epsilon()) {
    throw InvalidArgument("OUT_OF_RANGE", field + ".mean",
                          "nothing of the normal distribution is left between the ends of the "
                          "range, more than 37 standard deviations away; move the mean or take a "
                          "larger standard deviation");
  }
  return normal;
}

Measure::Pieces Measure::MakePieces(const std::vector<double>& t, std::vector<double> density) {
  Pieces pieces{.t = t, .density = std::move(density), .before = std::vector<double>(t.size())};
  // Of densities up to the largest double.
  const double largest = *std::ranges::max_element(pieces.density);
  for (double& value : pieces.density) value /= largest;
  const auto area = [&](std::size_t i) {
    return (t[i] - t[i - 1]) * 0.5 * (pieces.density[i] + pieces.density[i - 1]);
  };
  double total = 0;
  for (std::size_t i = 1; i < t.size(); ++i) total += area(i);
  for (double& value : pieces.density) value /= total;
  for (std::size_t i = 1; i < t.size(); ++i) pieces.before[i] = pieces.before[i - 1] + area(i);
  pieces.before.back() = 1;
  return pieces;
}

Measure::Measure(const MeasureSpec& spec, double low, double high, const std::string& field) {
  const double width = high - low;
  if (const auto* const normal = std::get_if<NormalMeasure>(&spec)) {
    form_ = MakeNormal(*normal, low, high, field);
  } else if (const auto* const triangular = std::get_if<TriangularMeasure>(&spec)) {
    if (!(triangular->mode >= low && triangular->mode <= high)) {
      throw InvalidArgument("OUT_OF_RANGE", field + ".mode",
                            "expected a mode within the range [" + NumberText(low) + ", " +
                                NumberText(high) + "], got " + NumberText(triangular->mode));
    }
    const double mode = (triangular->mode - low) / width;
    if (mode == 0 || mode == 1) {
      form_ = MakePieces({0, 1}, {1 - mode, mode});
    } else {
      form_ = MakePieces({0, mode, 1}, {0, 1, 0});
    }
  } else if (const auto* const beta = std::get_if<BetaMeasure>(&spec)) {
    RequirePositive(beta->alpha, field + ".alpha");
    RequirePositive(beta->beta, field + ".beta");
    constexpr double kMaxShape = 1e5;  // The fraction has converged by then.
    constexpr double kMinShape = 1e-2;
    for (const auto& [name, value] : {std::pair(".alpha", beta->alpha), {".beta", beta->beta}}) {
      if (value >= kMinShape && value <= kMaxShape) continue;
      throw InvalidArgument("OUT_OF_RANGE", field + name,
                            "expected 0.01 to 100000, got " + NumberText(value));
    }
    form_ = Beta{.alpha = beta->alpha,
                 .beta = beta->beta,
                 .log_scale = std::lgamma(beta->alpha + beta->beta) - std::lgamma(beta->alpha) -
                              std::lgamma(beta->beta)};
  } else if (const auto* const pieces = std::get_if<PiecewiseLinearMeasure>(&spec)) {
    const std::vector<double>& positions = pieces->positions;
    std::vector<double> t;
    t.reserve(positions.size());
    for (const double position : positions) t.push_back((position - low) / width);
    const auto rises = [](double first, double second) { return first < second; };
    if (t.size() < 2 || t.front() != 0 || t.back() != 1 ||
        std::ranges::adjacent_find(t, std::not_fn(rises)) != t.end()) {
      throw InvalidArgument("OUT_OF_RANGE", field + ".positions",
                            "expected ascending positions from the lower end of the range, " +
                                NumberText(low) + ", to the upper, " + NumberText(high));
    }
    const bool is_density =
        pieces->densities.size() == positions.size() &&
        std::ranges::all_of(pieces->densities,
                            [](double value) { return value >= 0 && std::isfinite(value); }) &&
        std::ranges::any_of(pieces->densities, [](double value) { return value > 0; });
    if (!is_density) {
      throw InvalidArgument("OUT_OF_RANGE", field + ".densities",
                            "expected a finite number >= 0 for each position, not all of them 0");
    }
    form_ = MakePieces(t, pieces->densities);
  }
}

double Measure::Probability(double t) const {
  if (t <= 0) return 0;
  if (t >= 1) return 1;
  if (const auto* const normal = std::get_if<Normal>(&form_)) {
    const double part = normal->is_mirrored ? 1 - t : t;
    const double z = std::lerp(normal->low, normal->high, part);
    const double p = std::clamp((NormalProbability(z) - normal->below) / normal->mass, 0.0, 1.0);
    return normal->is_mirrored ? 1 - p : p;
  }
  if (const auto* const beta = std::get_if<Beta>(&form_)) {
    return std::clamp(BetaProbability(beta->alpha, beta->beta, beta->log_scale, t), 0.0, 1.0);
  }
  if (const auto* const pieces = std::get_if<Pieces>(&form_)) {
    const auto i =
        static_cast<std::size_t>(std::ranges::upper_bound(pieces->t, t) - pieces->t.begin());
    const double h = t - pieces->t[i - 1];
    const double slope =
        (pieces->density[i] - pieces->density[i - 1]) / (pieces->t[i] - pieces->t[i - 1]);
    return std::min(1.0, pieces->before[i - 1] + h * (pieces->density[i - 1] + 0.5 * h * slope));
  }
  return t;
}

// Newton steps, halving the bracket where they leave it.
double Measure::Solve(double u) const {
  constexpr int kMaxSteps = 200;
  double low = 0;
  double high = 1;
  double t = 0.5;
  for (int step = 0; step < kMaxSteps; ++step) {
    const double error = Probability(t) - u;
    if (error == 0) return t;
    (error < 0 ? low : high) = t;
    double next = t - error / Density(t);
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    const double change = std::abs(next - t);
    t = next;
    if (change <= std::numeric_limits<double>::epsilon() * t || high - low < 0x1p-60) break;
  }
  return t;
}

double Measure::Quantile(double u) const {
  if (u <= 0) return 0;
  if (u >= 1) return 1;
  if (std::holds_alternative<Normal>(form_) || std::holds_alternative<Beta>(form_)) {
    return Solve(u);
  }
  if (const auto* const pieces = std::get_if<Pieces>(&form_)) {
    // The first piece that ends at or above u; before it lie pieces of no probability.
    const auto i = static_cast<std::size_t>(std::ranges::lower_bound(pieces->before, u) -
                                            pieces->before.begin());
    const double width = pieces->t[i] - pieces->t[i - 1];
    const double start = pieces->density[i - 1];
    const double slope = (pieces->density[i] - start) / width;
    const double rest = u - pieces->before[i - 1];
    // rest = start h + slope h²/2, in the form that does not cancel.
    const double root = std::sqrt(std::max(0.0, start * start + 2 * rest * slope));
    return std::min(pieces->t[i - 1] + std::min(width, 2 * rest / (start + root)), 1.0);
  }
  return u;
}

double Measure::Density(double t) const {
  if (const auto* const normal = std::get_if<Normal>(&form_)) {
    const double z = std::lerp(normal->low, normal->high, normal->is_mirrored ? 1 - t : t);
    return std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi) * (normal->high - normal->low) /
           normal->mass;
  }
  if (const auto* const beta = std::get_if<Beta>(&form_)) {
    const auto log_power = [](double exponent, double log_base) {
      return exponent == 0 ? 0 : exponent * log_base;
    };
    return std::exp(beta->log_scale + log_power(beta->alpha - 1, std::log(t)) +
                    log_power(beta->beta - 1, std::log1p(-t)));
  }
  if (const auto* const pieces = std::get_if<Pieces>(&form_)) {
    const auto above =
        static_cast<std::size_t>(std::ranges::upper_bound(pieces->t, t) - pieces->t.begin());
    const std::size_t i = std::clamp(above, std::size_t{1}, pieces->t.size() - 1);
    return std::lerp(pieces->density[i - 1], pieces->density[i],
                     (t - pieces->t[i - 1]) / (pieces->t[i] - pieces->t[i - 1]));
  }
  return 1;
}

}  // namespace sobolev::sampling
