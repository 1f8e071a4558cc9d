// The basket option of Huge and Savine, "Differential Machine Learning" (2020), section "Basket
// options in the Bachelier model": simulated samples with pathwise differentials to train on, and
// the closed form to check against.
//
// n correlated assets follow dS = L dW with constant volatilities. A sample starts from spots S₁ at
// time T₁ = 1, drawn around 1 with 1.5 times the volatility so that training covers more than the
// likely, and pays (a·S₂ − K)⁺ at T₂ = 2 for weights a that sum to 1 and K = 1.1. The basket's
// volatility is 0.2.

#ifndef SOBOLEV_CLIENT_EXAMPLES_BACHELIER_H_
#define SOBOLEV_CLIENT_EXAMPLES_BACHELIER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sobolev::examples {

// Arrays in row-major order.
struct LabelledPoints {
  std::size_t count = 0;
  std::vector<double> x;         // [count, assets]: spots
  std::vector<double> y;         // [count]: payoff or price
  std::vector<double> jacobian;  // [count, assets]: its derivatives by the spots
};

// Immutable, so thread-safe. The same arguments give the same numbers on every machine, up to the
// rounding of the standard library's functions.
class Bachelier {
 public:
  // `seed` draws weights, volatilities and correlations. assets >= 1.
  explicit Bachelier(std::size_t assets = 7, std::uint64_t seed = 6);

  std::size_t assets() const { return weights_.size(); }

  // One antithetic pair of paths a sample: y is the mean payoff of S₁ ± L(W₂ − W₁), and the
  // Jacobian is the mean of 1{a·S₂ > K} a, the pathwise differential. Unbiased, and noisy.
  LabelledPoints Simulate(std::size_t num_samples, std::uint64_t seed) const;

  // Points uniform in the cube about 1 of side 1 + ½√((n − 1)/12), with exact labels. The side
  // grows with n so that the basket's range does not shrink.
  LabelledPoints ExactPoints(std::size_t num_points, std::uint64_t seed) const;

  // E[(a·S₂ − K)⁺ | S₁] = s (d Φ(d) + φ(d)) with d = (a·S₁ − K)/s and s the basket's standard
  // deviation from T₁ to T₂ (Bachelier 1900). `spots` holds `assets()` numbers, as below.
  double Price(std::span<const double> spots) const;

  // Its gradient Φ(d) a.
  std::vector<double> Deltas(std::span<const double> spots) const;

 private:
  double Basket(std::span<const double> spots) const;

  std::vector<double> weights_;   // a
  std::vector<double> cholesky_;  // L, lower triangle, row-major: the step from T₁ to T₂
};

}  // namespace sobolev::examples

#endif  // SOBOLEV_CLIENT_EXAMPLES_BACHELIER_H_
