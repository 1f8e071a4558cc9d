#include "tests/bench/taylor_choice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/rng.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/local_taylor_fit.h"
#include "engine/sampling/sobol.h"

namespace sobolev::bench {
namespace {

using sampling::Evidence;
using Shared = std::shared_ptr<const Surrogate>;

constexpr std::size_t kFolds = 5;
constexpr std::uint64_t kSeed = 1;
// Points that distances to samples are averaged over.
constexpr Index kProbes = 1024;

Evidence Part(const Evidence& evidence, const std::vector<Index>& samples) {
  return {.X = evidence.X(Eigen::all, samples),
          .Y = evidence.Y(Eigen::all, samples),
          .J = evidence.J(Eigen::all, samples)};
}

// Samples in turn held out and shown.
class Folds {
 public:
  Folds(const Evidence& evidence, const Vector& lo, const Vector& side)
      : evidence_(evidence), lo_(lo), side_(side) {
    std::vector<Index> samples(static_cast<std::size_t>(evidence.NumSamples()));
    std::iota(samples.begin(), samples.end(), Index{0});
    Rng rng(kSeed);
    Shuffle(std::span(samples), rng);
    for (std::size_t k = 0; k < samples.size(); ++k) {
      for (std::size_t fold = 0; fold < kFolds; ++fold) {
        (k % kFolds == fold ? held_out_ : shown_)[fold].push_back(samples[k]);
      }
    }
    // A sample speaks for the points around it.
    double held_out_distance = 0;
    double volume = 0;
    for (std::size_t fold = 0; fold < kFolds; ++fold) {
      const Vector distances = sampling::NearestDistances(evidence.X(Eigen::all, held_out_[fold]),
                                                          evidence.X(Eigen::all, shown_[fold]), {});
      volumes_[fold] = distances.array().pow(static_cast<double>(evidence.n()));
      held_out_distance += volumes_[fold].dot(distances);
      volume += volumes_[fold].sum();
    }
    const double distance =
        sampling::NearestDistances(sampling::SobolPoints(evidence.n(), 0, kProbes, kSeed),
                                   evidence.X, {})
            .mean();
    ratio_ = std::min(1.0, distance * volume / held_out_distance);
  }

  // Of local models of this order around the base; no value if samples do not determine the order.
  std::optional<double> Error(const Shared& base, int order) const {
    double sum = 0;
    double total = 0;
    for (std::size_t fold = 0; fold < kFolds; ++fold) {
      const sampling::LocalTaylorFit fit =
          sampling::FitLocalTaylor(base, Part(evidence_, shown_[fold]), lo_, lo_ + side_, order);
      if (fit.order < order) return std::nullopt;
      const Evidence rest = Part(evidence_, held_out_[fold]);
      const Matrix X = (side_.asDiagonal() * rest.X).colwise() + lo_;
      Matrix Y(1, X.cols());
      fit.surrogate->Predict({X.data(), X.rows(), X.cols()}, {}, {}, {.Y = Y.data()});
      sum += (Y - rest.Y).row(0).array().square().matrix().dot(volumes_[fold]);
      total += volumes_[fold].sum();
    }
    return std::sqrt(sum / total) * (order > 0 ? std::pow(ratio_, order + 1) : 1);
  }

 private:
  const Evidence& evidence_;
  const Vector& lo_;
  const Vector& side_;
  std::array<std::vector<Index>, kFolds> held_out_;
  std::array<std::vector<Index>, kFolds> shown_;
  std::array<Vector, kFolds> volumes_;  // Of the samples held out.
  double ratio_ = 1;                    // ρ
};

}  // namespace

TaylorChoice ChooseLocalTaylor(const Shared& base, const Evidence& evidence, const Vector& lo,
                               const Vector& side) {
  const Folds folds(evidence, lo, side);
  const Shared mean = sampling::MeanSurrogate(evidence);
  TaylorChoice choice;
  double least = folds.Error(base, 0).value();
  for (const bool alone : {false, true}) {
    for (int order = 1; order <= sampling::MostLocalTaylorOrder(evidence.n()); ++order) {
      const std::optional<double> error = folds.Error(alone ? mean : base, order);
      if (!error || !(*error < least)) continue;
      least = *error;
      choice.order = order;
      choice.alone = alone;
    }
  }
  choice.surrogate =
      FitLocalTaylor(choice.alone ? mean : base, evidence, lo, lo + side, choice.order).surrogate;
  return choice;
}

}  // namespace sobolev::bench
