#include "client/examples/bachelier.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

namespace sobolev::examples {

namespace {

constexpr double kBasketVolatility = 0.2;
constexpr double kStrike = 1.1;
constexpr double kSpot = 1;
// Standard deviation from today to T₁ over that from T₁ to T₂: 1.5 √(T₁/(T₂ − T₁)).
constexpr double kFirstStep = 1.5;

// SplitMix64 (Steele, Lea and Flood 2014).
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed) {}

  // On [0, 1).
  double Uniform() {
    std::uint64_t bits = state_ += 0x9e3779b97f4a7c15;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return static_cast<double>((bits ^ (bits >> 31)) >> 11) * 0x1p-53;
  }

  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }

  // Box and Muller (1958).
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  std::uint64_t state_;
};

// In place and lower triangular, from the lower triangle of a symmetric positive definite matrix.
void Cholesky(std::vector<double>& matrix, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j; i < n; ++i) {
      double sum = matrix[i * n + j];
      for (std::size_t k = 0; k < j; ++k) sum -= matrix[i * n + k] * matrix[j * n + k];
      matrix[i * n + j] = i == j ? std::sqrt(sum) : sum / matrix[j * n + j];
    }
  }
}

// L z for independent standard normal z.
std::vector<double> Increment(const std::vector<double>& cholesky, std::size_t n,
                              Generator& generator) {
  std::vector<double> z(n);
  for (double& draw : z) draw = generator.Normal();
  std::vector<double> increment(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k <= i; ++k) increment[i] += cholesky[i * n + k] * z[k];
  }
  return increment;
}

double NormalDensity(double d) { return std::exp(-d * d / 2) / std::sqrt(2 * std::numbers::pi); }

double NormalDistribution(double d) { return std::erfc(-d / std::numbers::sqrt2) / 2; }

}  // namespace

Bachelier::Bachelier(std::size_t assets, std::uint64_t seed)
    : weights_(assets), cholesky_(assets * assets) {
  Generator generator(seed);
  const std::size_t n = assets;

  double total = 0;
  for (double& weight : weights_) total += weight = generator.Uniform(1, 10);
  for (double& weight : weights_) weight /= total;

  // Correlations of 2n random factors, with volatilities in a range of ten.
  std::vector<double> factors(2 * n * n);
  for (double& factor : factors) factor = generator.Uniform(-1, 1);
  std::vector<double> covariance(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k < 2 * n; ++k) {
        covariance[i * n + j] += factors[k * n + i] * factors[k * n + j];
      }
    }
  }
  std::vector<double> scale(n);
  for (std::size_t i = 0; i < n; ++i) {
    scale[i] = generator.Uniform(5, 50) / std::sqrt(covariance[i * n + i]);
  }
  double basket_variance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      covariance[i * n + j] *= scale[i] * scale[j];
      basket_variance += weights_[i] * weights_[j] * covariance[i * n + j];
    }
  }
  const double to_basket = kBasketVolatility * kBasketVolatility / basket_variance;
  for (std::size_t i = 0; i < n * n; ++i) cholesky_[i] = covariance[i] * to_basket;
  Cholesky(cholesky_, n);
}

LabelledPoints Bachelier::Simulate(std::size_t num_samples, std::uint64_t seed) const {
  const std::size_t n = assets();
  Generator generator(seed);
  LabelledPoints samples{.count = num_samples,
                         .x = std::vector<double>(num_samples * n),
                         .y = std::vector<double>(num_samples),
                         .jacobian = std::vector<double>(num_samples * n)};
  for (std::size_t s = 0; s < num_samples; ++s) {
    const std::span<double> spots = std::span(samples.x).subspan(s * n, n);
    const std::vector<double> to_first = Increment(cholesky_, n, generator);
    for (std::size_t i = 0; i < n; ++i) spots[i] = kSpot + kFirstStep * to_first[i];
    const double move = Basket(Increment(cholesky_, n, generator));
    for (const double sign : {1.0, -1.0}) {
      const double moneyness = Basket(spots) + sign * move - kStrike;
      if (moneyness <= 0) continue;
      samples.y[s] += moneyness / 2;
      for (std::size_t i = 0; i < n; ++i) samples.jacobian[s * n + i] += weights_[i] / 2;
    }
  }
  return samples;
}

LabelledPoints Bachelier::ExactPoints(std::size_t num_points, std::uint64_t seed) const {
  const std::size_t n = assets();
  const double side = 1 + std::sqrt(static_cast<double>(n - 1) / 12) / 2;
  Generator generator(seed);
  LabelledPoints points{.count = num_points, .x = {}, .y = {}, .jacobian = {}};
  std::vector<double> spots(n);
  for (std::size_t s = 0; s < num_points; ++s) {
    for (double& spot : spots) spot = kSpot + side * generator.Uniform(-0.5, 0.5);
    const std::vector<double> deltas = Deltas(spots);
    points.x.insert(points.x.end(), spots.begin(), spots.end());
    points.y.push_back(Price(spots));
    points.jacobian.insert(points.jacobian.end(), deltas.begin(), deltas.end());
  }
  return points;
}

double Bachelier::Price(std::span<const double> spots) const {
  const double d = (Basket(spots) - kStrike) / kBasketVolatility;
  return kBasketVolatility * (d * NormalDistribution(d) + NormalDensity(d));
}

std::vector<double> Bachelier::Deltas(std::span<const double> spots) const {
  const double d = (Basket(spots) - kStrike) / kBasketVolatility;
  std::vector<double> deltas = weights_;
  for (double& delta : deltas) delta *= NormalDistribution(d);
  return deltas;
}

double Bachelier::Basket(std::span<const double> spots) const {
  double basket = 0;
  for (std::size_t i = 0; i < assets(); ++i) basket += weights_[i] * spots[i];
  return basket;
}

}  // namespace sobolev::examples
