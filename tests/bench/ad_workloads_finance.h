// Two Monte Carlo paths among the workloads of ad_workloads.h, which explains the form: (c)
// swaptions in the LIBOR market model and (d) an Asian basket. The random numbers are fixed when
// the object is made, so that each is a smooth function of its inputs near Inputs().

#ifndef SOBOLEV_TESTS_BENCH_AD_WORKLOADS_FINANCE_H_
#define SOBOLEV_TESTS_BENCH_AD_WORKLOADS_FINANCE_H_

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "engine/base/rng.h"

namespace sobolev::bench {

// (c) One path of the LIBOR market model with 15 swaptions (Giles and Glasserman 2006, "Smoking
// adjoints"): 80 forward rates evolve over 40 quarters; the gradient goes to the rates and to the
// volatilities by time to maturity. The public test problem has all rates at 5 % and all
// volatilities at 20 %.
class LiborSwaptions {
 public:
  static constexpr const char* kName = "c_libor";
  static constexpr int kNumForwards = 80;
  static constexpr int kNumSteps = 40;
  static constexpr int kNumInputs = 2 * kNumForwards;  // Rates first, then volatilities.

  LiborSwaptions() {
    Rng rng(3);
    for (double& z : shocks_) z = std::sqrt(kDelta) * rng.Normal();
  }

  static std::vector<double> Inputs() {
    std::vector<double> x(kNumInputs, 0.05);
    for (int i = kNumForwards; i < kNumInputs; ++i) x[i] = 0.2;
    return x;
  }

  template <class T>
  T Value(const T* x) const {
    std::array<T, kNumForwards> rates;
    for (int i = 0; i < kNumForwards; ++i) rates[i] = x[i];
    Evolve(x + kNumForwards, rates);
    return Portfolio(rates);
  }

 private:
  static constexpr double kDelta = 0.25;  // In years, between two maturities.
  static constexpr int kNumSwaptions = 15;
  static constexpr std::array<int, kNumSwaptions> kMaturities = {4,  4,  4,  8,  8,  8,  20, 20,
                                                                 20, 28, 28, 28, 40, 40, 40};
  static constexpr std::array<double, 3> kSwapRates = {0.045, 0.05, 0.055};

  // Log-Euler steps of the forward measure; a rate stops moving at its fixing.
  template <class T>
  void Evolve(const T* volatilities, std::array<T, kNumForwards>& rates) const {
    using std::exp;
    for (int n = 0; n < kNumSteps; ++n) {
      T drift = 0.0;
      for (int i = n + 1; i < kNumForwards; ++i) {
        const T& sigma = volatilities[i - n - 1];
        const T scaled = kDelta * sigma;
        drift += scaled * rates[i] / (1.0 + kDelta * rates[i]);
        rates[i] = rates[i] * exp(scaled * drift + sigma * (shocks_[n] - 0.5 * scaled));
      }
    }
  }

  // The discounted payoff of the swaptions, notional 100 each.
  template <class T>
  T Portfolio(const std::array<T, kNumForwards>& rates) const {
    constexpr int kNumLeft = kNumForwards - kNumSteps;
    std::array<T, kNumLeft> bonds;
    std::array<T, kNumLeft> annuities;
    T bond = 1.0;
    T annuity = 0.0;
    for (int i = 0; i < kNumLeft; ++i) {
      bond = bond / (1.0 + kDelta * rates[kNumSteps + i]);
      annuity = annuity + kDelta * bond;
      bonds[i] = bond;
      annuities[i] = annuity;
    }
    T payoff = 0.0;
    for (int i = 0; i < kNumSwaptions; ++i) {
      const int last = kMaturities[i] - 1;
      const T swap = bonds[last] + kSwapRates[i % 3] * annuities[last] - 1.0;
      if (swap < 0.0) payoff += -100.0 * swap;
    }
    for (int n = 0; n < kNumSteps; ++n) payoff = payoff / (1.0 + kDelta * rates[n]);
    return payoff;
  }

  std::array<double, kNumSteps> shocks_;
};

// (d) One path of an Asian call on a basket of 10 assets with 52 weekly fixings. Inputs: spots,
// volatilities, the interest rate.
class AsianBasket {
 public:
  static constexpr const char* kName = "d_basket";
  static constexpr int kNumAssets = 10;
  static constexpr int kNumFixings = 52;
  static constexpr int kNumInputs = 2 * kNumAssets + 1;

  AsianBasket() {
    Rng rng(4);
    for (double& z : shocks_) z = std::sqrt(kDelta) * rng.Normal();
  }

  static std::vector<double> Inputs() {
    std::vector<double> x(kNumInputs, 0.03);
    for (int i = 0; i < kNumAssets; ++i) {
      x[i] = 95.0 + i;
      x[kNumAssets + i] = 0.15 + 0.01 * i;
    }
    return x;
  }

  template <class T>
  T Value(const T* x) const {
    using std::exp;
    const T& rate = x[kNumInputs - 1];
    T sum = 0.0;
    for (int i = 0; i < kNumAssets; ++i) {
      const T& sigma = x[kNumAssets + i];
      const T drift = (rate - 0.5 * sigma * sigma) * kDelta;
      T spot = x[i];
      for (int n = 0; n < kNumFixings; ++n) {
        spot = spot * exp(drift + sigma * shocks_[i * kNumFixings + n]);
        sum += spot;
      }
    }
    T gain = sum * (1.0 / (kNumAssets * kNumFixings)) - kStrike;
    if (gain < 0.0) gain = 0.0;
    return gain * exp(-rate * (kDelta * kNumFixings));
  }

 private:
  static constexpr double kDelta = 1.0 / kNumFixings;  // In years.
  static constexpr double kStrike = 90;
  static constexpr std::size_t kNumShocks = std::size_t{kNumAssets} * kNumFixings;

  std::array<double, kNumShocks> shocks_;
};

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_AD_WORKLOADS_FINANCE_H_
