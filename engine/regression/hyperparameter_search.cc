// How the hyperparameters are found. The likelihood has many maxima: where a function oscillates
// faster than the points can show, one at which everything is smooth and noisy. So it is looked at
// for lengths of two shapes - all the same, and those that the sizes of the derivatives suggest,
// as a process with lengths ℓ has ∂_j f of the size σ/ℓ_j - times powers of two, and climbs from
// the best ones.

#include "engine/regression/hyperparameter_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/regression/covariance.h"
#include "engine/regression/kernel.h"
#include "engine/regression/likelihood.h"
#include "engine/regression/minimise.h"

namespace sobolev::regression {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLeastLength = 0.02;
constexpr double kMostLength = 300;
constexpr double kLeastNoise = 1e-10;
constexpr double kMostNoise = 10;
// The prior of log ℓ_j: normal and wide, so that inputs that do not matter have a definite length.
constexpr double kLengthMean = 1;
constexpr double kLengthDeviation = 3;
constexpr std::array<double, 7> kLengthFactors = {0.25, 0.5, 1, 2, 4, 8, 16};
constexpr std::array<double, 2> kStartNoises = {1e-8, 1e-3};

// The lengths that the sizes of values and partial derivatives suggest; empty if there are none.
Vector SuggestedLengths(const Observations& observations) {
  const Functionals& functionals = observations.functionals;
  const Index n = functionals.n();
  Vector squares = Vector::Zero(n);
  Vector counts = Vector::Zero(n);
  double value_squares = 0;
  double value_count = 0;
  for (Index a = 0; a < functionals.NumLabels(); ++a) {
    const std::int32_t axis = functionals.Axis(a);
    const double square = observations.T.row(a).squaredNorm();
    if (axis >= 0) {
      squares(axis) += square;
      counts(axis) += 1;
    } else if (axis == Functionals::kValue) {
      value_squares += square;
      value_count += 1;
    }
  }
  const double value_square = value_count > 0 && value_squares > 0
                                  ? value_squares / value_count
                                  : static_cast<double>(observations.T.cols());
  if ((counts.array() == 0).any()) return {};
  return (value_square * counts.array() / squares.array().max(1e-12))
      .sqrt()
      .max(0.1)
      .min(20)
      .matrix();
}

class Search {
 public:
  Search(const Observations& observations, int max_evaluations, const std::stop_token& stop)
      : observations_(observations),
        max_evaluations_(max_evaluations),
        stop_(stop),
        n_(observations.functionals.n()),
        lower_(n_ + 2),
        upper_(n_ + 2) {
    lower_ << Vector::Constant(n_, std::log(kLeastLength)),
        Vector::Constant(2, std::log(kLeastNoise));
    upper_ << Vector::Constant(n_, std::log(kMostLength)),
        Vector::Constant(2, std::log(kMostNoise));
  }

  // The best for the squared exponential, and from there for Matérn 5/2.
  std::vector<Hyperparameters> Run() {
    const std::vector<Vector> starts = Starts();
    const int few = std::max(2, max_evaluations_ / 6);
    const int many = std::max(2, max_evaluations_ - few * static_cast<int>(starts.size()));
    Minimum best{.x = starts.front(), .value = kInfinity};
    for (const Vector& start : starts) {
      Minimum minimum = Climb(KernelKind::kSquaredExponential, start, few);
      if (minimum.value < best.value) best = std::move(minimum);
    }
    best = Climb(KernelKind::kSquaredExponential, best.x, many * 2 / 3);
    const Minimum rough = Climb(KernelKind::kMatern52, best.x, many / 3);
    return {Hyperparameters::Unpack(KernelKind::kSquaredExponential, best.x),
            Hyperparameters::Unpack(KernelKind::kMatern52, rough.x)};
  }

  Hyperparameters Refine(const Hyperparameters& start) {
    const Minimum best = Climb(start.kind, start.Pack(), max_evaluations_);
    return Hyperparameters::Unpack(start.kind, best.x);
  }

 private:
  double Objective(KernelKind kind, const Vector& theta, Vector* gradient) {
    double value = NegativeLogLikelihood(observations_, Hyperparameters::Unpack(kind, theta),
                                         gradient, memory_, stop_);
    const Vector deviations = (theta.head(n_).array() - kLengthMean) / kLengthDeviation;
    value += 0.5 * deviations.squaredNorm();
    if (gradient != nullptr && std::isfinite(value)) {
      gradient->head(n_) += deviations / kLengthDeviation;
    }
    return value;
  }

  Minimum Climb(KernelKind kind, const Vector& start, int max_evaluations) {
    return Minimise(
        [&](const Vector& theta, Vector& gradient) { return Objective(kind, theta, &gradient); },
        start, lower_, upper_, max_evaluations, 1e-3, 2);
  }

  // The best start of either shape, and the next best of all.
  std::vector<Vector> Starts() {
    std::vector<std::pair<double, Vector>> all;
    const auto look = [&](const Vector& lengths) {
      std::size_t best = all.size();
      for (const double factor : kLengthFactors) {
        for (const double noise : kStartNoises) {
          Vector theta(n_ + 2);
          theta << (factor * lengths).array().log().matrix(), Vector::Constant(2, std::log(noise));
          theta = theta.cwiseMax(lower_).cwiseMin(upper_);
          const double value = Objective(KernelKind::kSquaredExponential, theta, nullptr);
          all.emplace_back(value, theta);
          if (value < all[best].first) best = all.size() - 1;
        }
      }
      return best;
    };
    std::vector<std::size_t> chosen = {look(Vector::Ones(n_))};
    const Vector suggested = SuggestedLengths(observations_);
    if (suggested.size() > 0) chosen.push_back(look(suggested));
    std::size_t next = all.size();
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (std::find(chosen.begin(), chosen.end(), k) != chosen.end()) continue;
      if (next == all.size() || all[k].first < all[next].first) next = k;
    }
    chosen.push_back(next);
    std::vector<Vector> starts;
    starts.reserve(chosen.size());
    for (const std::size_t k : chosen) starts.push_back(all[k].second);
    return starts;
  }

  const Observations& observations_;
  int max_evaluations_;
  const std::stop_token& stop_;
  Index n_;
  Vector lower_;
  Vector upper_;
  LikelihoodMemory memory_;
};

}  // namespace

std::vector<Hyperparameters> FindHyperparameters(const Observations& observations,
                                                 int max_evaluations, const std::stop_token& stop) {
  return Search(observations, max_evaluations, stop).Run();
}

Hyperparameters RefineHyperparameters(const Observations& observations,
                                      const Hyperparameters& start, int max_evaluations,
                                      const std::stop_token& stop) {
  return Search(observations, max_evaluations, stop).Refine(start);
}

double HyperparameterSearchCost(double num_labels, int max_evaluations) {
  // A Cholesky factor takes 1/6 of a cube, its inverse 1/3 and the square of that 1/6.
  const auto looks = static_cast<double>(2 * kLengthFactors.size() * kStartNoises.size());
  return (0.75 * max_evaluations + looks / 6) * num_labels * num_labels * num_labels;
}

}  // namespace sobolev::regression
