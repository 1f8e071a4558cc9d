#include "engine/sampling/placement.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/disagreement.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/failures.h"
#include "engine/sampling/goals.h"
#include "engine/sampling/lola_voronoi.h"
#include "engine/sampling/model_minimum.h"
#include "engine/sampling/taylor_model.h"

namespace sobolev::sampling {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kExploreEvery = 5;
// Candidates, and at least so many for each point that is wanted.
constexpr Index kFewInputs = 3;
constexpr Index kCandidatesInFewInputs = 3000;
constexpr Index kCandidatesInManyInputs = 1500;
constexpr Index kCandidatesPerPoint = 4;
// Local Taylor models learn after so many points of a batch what they themselves expect at these,
// in at most so many steps.
constexpr Index kPointsToBelieve = 16;
constexpr Index kBeliefs = 16;
// For the search of a minimum or maximum, near the best sample.
constexpr Index kCandidatesNearBest = 256;
// Beside an ensemble, the part that local Taylor models have in a score.
constexpr double kTaylorShare = 0.25;
// The noise of a difference of models, in multiples of that of the values they are fitted to.
constexpr double kNoiseOfModels = 2;
// Not even deep in a region of failures is all hope lost.
constexpr double kLeastHope = 1e-3;
constexpr double kLikely = 0.9;
// Of the spread of an output, over the whole cube: what a prediction may be wrong at least.
constexpr double kLeastSpread = 1e-3;

// Whether the point of that number may be where a search expects its goal, which leaves the others
// to look elsewhere.
bool TrustsModel(Index number) { return number % 2 == 0 && !FillsSpace(number); }

void RequireOptions(const Evidence& evidence, const PlacementOptions& options, Index count) {
  if (count < 1 || count > kMaxPointsAtOnce) {
    throw InvalidArgument(
        "OUT_OF_RANGE", "count",
        "expected 1 to " + std::to_string(kMaxPointsAtOnce) + ", got " + std::to_string(count));
  }
  if (options.num_proposed < 0) {
    throw InvalidArgument("OUT_OF_RANGE", "num_proposed", "expected a count, got less than 0");
  }
  if (options.ensemble.size() == 1) {
    throw InvalidArgument("TOO_FEW", "ensemble",
                          "one surrogate contradicts nobody; give two or more, or none");
  }
  if (options.goal != Goal::kFit && (options.output < 0 || options.output >= evidence.m())) {
    throw InvalidArgument("OUT_OF_RANGE", "output",
                          "there are " + std::to_string(evidence.m()) + " outputs, got number " +
                              std::to_string(options.output));
  }
  if (options.goal == Goal::kLevel && !std::isfinite(options.level)) {
    throw InvalidArgument("NOT_FINITE", "level", "expected a finite number");
  }
  if (options.noise.size() > 0) RequireSize("noise", options.noise.size(), evidence.m());
  const Vector& weights = options.output_weights;
  if (weights.size() == 0) return;
  RequireSize("output_weights", weights.size(), evidence.m());
  if (weights.allFinite() && weights.minCoeff() >= 0 && weights.maxCoeff() > 0) return;
  throw InvalidArgument("OUT_OF_RANGE", "output_weights",
                        "expected finite numbers >= 0, not all of them 0");
}

// How much to make of a candidate that fails with this chance. The step at ½ is steep: beyond the
// border models extrapolate, so that they contradict each other by orders of magnitude.
double Hope(double failure_chance) {
  const double good = std::pow(1 - failure_chance, 4);
  const double bad = std::pow(failure_chance, 4);
  return std::max(good / (good + bad), kLeastHope);
}

// What is not finite is not known.
Matrix FiniteOnly(const Matrix& labels) {
  return labels.unaryExpr([](double label) { return std::isfinite(label) ? label : kNaN; });
}

void AppendColumns(const Matrix& columns, Matrix& matrix) {
  matrix.conservativeResize(columns.rows(), matrix.cols() + columns.cols());
  matrix.rightCols(columns.cols()) = columns;
}

// One call of NextPoints, once the evidence suffices for models.
class Round {
 public:
  Round(const Evidence& evidence, const PlacementOptions& options, const TaylorModel& taylor,
        const std::stop_token& stop)
      : evidence_(evidence),
        options_(options),
        taylor_(taylor),
        stop_(stop),
        sign_(options.goal == Goal::kMaximum ? -1 : 1),
        scales_(OutputScales(evidence)),
        weights_(options.output_weights.size() > 0 ? options.output_weights
                                                   : Vector::Ones(evidence.m())) {}

  Matrix Choose(Index count) {
    candidates_ = MakeCandidates(evidence_, Proposals(count), stop_);
    hopes_ = FailureChances(evidence_, candidates_.X, stop_).unaryExpr(&Hope);
    gaps_ = candidates_.distance.cwiseProduct(hopes_);
    if (AsksTaylorModels()) {
      opinion_ = TaylorOpinion(taylor_, candidates_.X, stop_);
    }
    Score();
    for (Index s = 0; s < evidence_.pending.cols(); ++s) Occupy(evidence_.pending.col(s));
    if (options_.goal != Goal::kFit) {
      // What is sought may lie where there is no value, and would be asked for again and again.
      for (Index s = 0; s < evidence_.failed.cols(); ++s) Occupy(evidence_.failed.col(s));
    }
    const bool learns = Learns();
    if (learns) {
      believed_ = evidence_;
      Believe(evidence_.pending);
    }

    std::optional<Vector> minimum;
    bool sought = false;
    const Index stride = std::max(kPointsToBelieve, (count + kBeliefs - 1) / kBeliefs);
    Matrix chosen(evidence_.n(), count);
    Index found = 0;
    for (; found < count; ++found) {
      ThrowIfStopped(stop_);
      if (learns && found > 0 && found % stride == 0) {
        Believe(chosen.middleCols(found - stride, stride));
      }
      const Index number = options_.num_proposed + found;
      if (!sought && TrustsModel(number)) {
        minimum = Minimum();
        sought = true;
      }
      if (minimum) {
        chosen.col(found) = *std::exchange(minimum, std::nullopt);
      } else {
        const std::optional<Index> best = Best(FillsSpace(number));
        if (!best) break;
        chosen.col(found) = candidates_.X.col(*best);
      }
      Occupy(chosen.col(found));
    }
    chosen.conservativeResize(Eigen::NoChange, found);
    return chosen;
  }

 private:
  Matrix Proposals(Index count) {
    const Index n = evidence_.n();
    Rng rng(options_.seed, static_cast<std::uint64_t>(options_.num_proposed));
    const Index num_candidates =
        std::max(n <= kFewInputs ? kCandidatesInFewInputs : kCandidatesInManyInputs,
                 kCandidatesPerPoint * count);
    Matrix X = FreshPoints(evidence_, options_.feasible, 0, num_candidates, rng.Next(), stop_);
    if (!Optimises()) return X;
    const std::optional<Index> best = BestSample();
    if (!best) return X;
    const Matrix near = FreshColumns(evidence_, options_.feasible,
                                     PointsAround(evidence_.X.col(*best), SlopeAt(*best), Spacing(),
                                                  kCandidatesNearBest, rng.Next()));
    X.conservativeResize(Eigen::NoChange, X.cols() + near.cols());
    X.rightCols(near.cols()) = near;
    return X;
  }

  bool Optimises() const {
    return options_.goal == Goal::kMinimum || options_.goal == Goal::kMaximum;
  }

  // What is to be least, at a sample.
  double ValueAt(Index sample) const { return sign_ * evidence_.Y(options_.output, sample); }

  // The sample with the least value.
  std::optional<Index> BestSample() const {
    std::optional<Index> best;
    for (Index s = 0; s < evidence_.NumSamples(); ++s) {
      if (std::isnan(ValueAt(s))) continue;
      if (!best || ValueAt(s) < ValueAt(*best)) best = s;
    }
    return best;
  }

  Vector SlopeAt(Index sample) const {
    if (!evidence_.HasDerivatives()) return Vector::Zero(evidence_.n());
    const Vector slope = sign_ * evidence_.J.col(sample * evidence_.m() + options_.output);
    return slope.allFinite() ? slope : Vector::Zero(evidence_.n());
  }

  // Of samples, were they spread evenly.
  double Spacing() const {
    return std::pow(static_cast<double>(evidence_.NumSamples()),
                    -1 / static_cast<double>(evidence_.n()));
  }

  // Where the model around the best sample has its least value, unless it is known, or nearer to
  // what is to come or failed than to what is known.
  std::optional<Vector> Minimum() const {
    const std::optional<Index> best = Optimises() ? BestSample() : std::nullopt;
    if (!best) return std::nullopt;
    const std::uint64_t seed =
        Rng(options_.seed, static_cast<std::uint64_t>(options_.num_proposed)).Next();
    const std::optional<Vector> minimum = ModelMinimum(taylor_, evidence_, *best, options_.output,
                                                       sign_, options_.feasible, seed, stop_);
    if (!minimum || FreshColumns(evidence_, options_.feasible, *minimum).cols() == 0) {
      return std::nullopt;
    }
    const double known = NearestDistances(*minimum, evidence_.X, stop_)(0);
    const double other = std::min(NearestDistances(*minimum, evidence_.pending, stop_)(0),
                                  NearestDistances(*minimum, evidence_.failed, stop_)(0));
    return known <= other ? minimum : std::nullopt;
  }

  bool AsksTaylorModels() const {
    if (options_.strategy != Strategy::kDisagreement) return false;
    return options_.ensemble.empty() ||
           (options_.goal == Goal::kFit && HasTaylorOpinion(taylor_, evidence_.n()));
  }

  // Whether local Taylor models alone say where a fit gains.
  bool Learns() const {
    return options_.strategy == Strategy::kDisagreement && options_.goal == Goal::kFit &&
           options_.ensemble.empty();
  }

  // Takes for known what the lower order expects at the points: it leaves more doubt around them
  // than the higher one.
  void Believe(const Matrix& points) {
    if (points.cols() == 0) return;
    const TaylorModel before(believed_);
    const int order = before.Order(TaylorModel::kMaxOrder);
    const TaylorPrediction expected = before.Predict(points, order - 1, stop_);
    AppendColumns(points, believed_.X);
    AppendColumns(FiniteOnly(expected.Y), believed_.Y);
    if (believed_.HasDerivatives()) AppendColumns(FiniteOnly(expected.J), believed_.J);
    const TaylorModel model(believed_);
    const bool all_change = model.Order(TaylorModel::kMaxOrder) != order;
    const Vector distance = NearestDistances(candidates_.X, points, stop_);
    candidates_.distance = candidates_.distance.cwiseMin(distance);
    std::vector<Index> changed;
    changed.reserve(static_cast<std::size_t>(distance.size()));
    for (Index q = 0; q < distance.size(); ++q) {
      if (all_change || distance(q) < opinion_.radius(q)) changed.push_back(q);
    }
    if (changed.empty()) return Score();
    const Opinion news = TaylorOpinion(model, candidates_.X(Eigen::all, changed), stop_);
    opinion_.Y_spread(Eigen::all, changed) = news.Y_spread;
    opinion_.J_spread(Eigen::all, changed) = news.J_spread;
    opinion_.radius(changed) = news.radius;
    Score();
  }

  // Beyond the border of failures models extrapolate, and what they contradict each other by there
  // says nothing: it counts no more than that where an evaluation is likely to succeed.
  void Score() {
    scores_ = Scores().unaryExpr([](double score) { return std::isfinite(score) ? score : 0; });
    double most = 0;
    for (Index q = 0; q < scores_.size(); ++q) {
      if (hopes_(q) > kLikely) most = std::max(most, scores_(q));
    }
    if (most > 0) scores_ = scores_.cwiseMin(most);
    scores_.array() *= hopes_.array();
  }

  Vector Scores() {
    if (options_.strategy == Strategy::kLolaVoronoi) {
      return LolaVoronoiScores(evidence_, candidates_, weights_.cwiseQuotient(scales_), stop_);
    }
    return options_.goal == Goal::kFit ? FitScores() : GoalScores();
  }

  // What an evaluation takes from the integral of the squared error, as its root.
  Vector FitScores() {
    Vector errors;
    if (opinion_.Y.size() > 0) {
      errors = ExpectedErrors(opinion_, candidates_.distance, scales_, weights_);
    }
    if (!options_.ensemble.empty()) {
      const Vector of_ensemble =
          ExpectedErrors(EnsembleOpinion(options_.ensemble, evidence_.m(), candidates_.X, stop_),
                         candidates_.distance, scales_, weights_);
      const double share =
          errors.norm() > 0 ? kTaylorShare * of_ensemble.norm() / errors.norm() : 0;
      errors = share > 0 ? Vector(of_ensemble + share * errors) : of_ensemble;
    }
    const double noise = kNoiseOfModels * Noise();
    if (noise > 0) errors = (errors.array().square() - noise * noise).max(0).sqrt();
    return errors.array() * Reach();
  }

  // Of the values, in multiples of their spread: the root of the weighted mean square over outputs.
  double Noise() const {
    if (options_.noise.size() == 0) return 0;
    const Vector shares = options_.noise.cwiseQuotient(scales_);
    return std::sqrt(weights_.dot(shares.cwiseAbs2()) / weights_.sum());
  }

  Vector GoalScores() {
    const Opinion opinion =
        options_.ensemble.empty()
            ? opinion_
            : EnsembleOpinion(options_.ensemble, evidence_.m(), candidates_.X, stop_);
    const Index i = options_.output;
    const Vector only = Vector::Unit(evidence_.m(), i);
    const Vector errors = scales_(i) * ExpectedErrors(opinion, candidates_.distance, scales_, only);
    const std::optional<Index> best = BestSample();
    const double least = best ? ValueAt(*best) : 0;
    Vector scores(errors.size());
    for (Index q = 0; q < scores.size(); ++q) {
      const double spread =
          std::max(errors(q), kLeastSpread * scales_(i) * candidates_.distance(q));
      scores(q) = Optimises() ? ExpectedImprovement(sign_ * opinion.Y(i, q), spread, least)
                              : LevelDoubt(opinion.Y(i, q), spread, options_.level);
    }
    if (options_.goal == Goal::kLevel) scores.array() *= Reach();
    return scores;
  }

  // The root of the volume around candidates, to a factor.
  Eigen::ArrayXd Reach() const {
    return candidates_.distance.array().pow(0.5 * static_cast<double>(evidence_.n()));
  }

  // The candidate to take next, unless there is none left.
  std::optional<Index> Best(bool fills_space) const {
    Index best = 0;
    if (!fills_space && scores_.maxCoeff(&best) > 0) return best;
    if (gaps_.maxCoeff(&best) > 0) return best;
    return std::nullopt;
  }

  // Candidates nearer to the point than to any sample lose their score.
  void Occupy(const Vector& point) {
    for (Index q = 0; q < scores_.size(); ++q) {
      const double away = (candidates_.X.col(q) - point).norm();
      gaps_(q) = std::min(gaps_(q), away);
      const double ratio = away / candidates_.distance(q);
      if (ratio < 1) scores_(q) *= ratio * ratio * ratio;
    }
  }

  const Evidence& evidence_;
  const PlacementOptions& options_;
  const TaylorModel& taylor_;
  const std::stop_token& stop_;
  const double sign_;  // Of what is to be least.
  Vector scales_;
  Vector weights_;
  Candidates candidates_;
  Vector hopes_;
  Opinion opinion_;    // Of local Taylor models, where they are asked.
  Evidence believed_;  // With what they expect at the points that are taken.
  Vector scores_;
  Vector gaps_;  // To the nearest point of any kind.
};

bool HasValuesOfEveryOutput(const Evidence& evidence) {
  return evidence.Y.array().isNaN().rowwise().all().count() == 0;
}

// Whether there is something to tell good points from bad ones.
bool Suffices(const Evidence& evidence, const PlacementOptions& options,
              const TaylorModel& taylor) {
  if (options.strategy == Strategy::kLolaVoronoi || !options.ensemble.empty()) return true;
  return options.goal != Goal::kFit || HasTaylorOpinion(taylor, evidence.n());
}

}  // namespace

bool FillsSpace(Index number) { return number % kExploreEvery == kExploreEvery - 1; }

Index LeastSamples(Index n) { return 2 * n + 2; }

Matrix NextPoints(const Evidence& evidence, const PlacementOptions& options, Index count,
                  const std::stop_token& stop) {
  RequireEvidence(evidence);
  RequireOptions(evidence, options, count);
  if (options.strategy != Strategy::kSpaceFilling &&
      evidence.NumSamples() >= LeastSamples(evidence.n()) && HasValuesOfEveryOutput(evidence)) {
    const TaylorModel taylor(evidence);
    if (Suffices(evidence, options, taylor)) {
      return Round(evidence, options, taylor, stop).Choose(count);
    }
  }
  return FreshPoints(evidence, options.feasible, options.num_proposed, count, options.seed, stop);
}

}  // namespace sobolev::sampling
