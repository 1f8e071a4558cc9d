#include "engine/regression/gaussian_process_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/regression/covariance.h"
#include "engine/regression/cross_validation.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/hyperparameter_search.h"
#include "engine/regression/kernel.h"
#include "engine/regression/labels.h"
#include "engine/regression/likelihood.h"
#include "engine/regression/observations.h"

namespace sobolev::regression {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// How many points to take so that they have about so many labels, at least one.
Index PointsWithLabels(const Functionals& functionals, Index max_labels) {
  Index count = 1;
  while (count < functionals.NumPoints() && functionals.First(count + 1) <= max_labels) ++count;
  return std::min(count, functionals.NumPoints());
}

// Conditions on the observations, with more noise if it must be.
Posterior ConditionSafely(const Observations& observations, Hyperparameters& hyperparameters,
                          const std::stop_token& stop) {
  Posterior posterior;
  for (int attempt = 0; attempt < 12; ++attempt) {
    const Covariance covariance(observations.functionals, hyperparameters);
    if (Condition(observations, covariance, posterior, stop)) return posterior;
    hyperparameters.log_value_noise += std::log(10.0);
    hyperparameters.log_gradient_noise += std::log(10.0);
  }
  throw Error(ErrorCode::kInternal, "SINGULAR", "", "the covariance matrix is singular");
}

// The loss of left-out points.
double Score(const SharedObservations& shared, const Labels& labels, const Matrix& errors) {
  double score = 0;
  for (Index a = 0; a < errors.rows(); ++a) {
    const Index number = shared.label[static_cast<std::size_t>(a)];
    for (Index o = 0; o < errors.cols(); ++o) {
      const LabelGroup& group = labels.groups[shared.groups[static_cast<std::size_t>(o)]];
      score += group[number].weight * errors(a, o) * errors(a, o);
    }
  }
  if (!std::isfinite(score)) return kInfinity;
  return score;
}

GaussianProcess::Part MakePart(const SharedObservations& shared,
                               const Hyperparameters& hyperparameters, const Posterior& posterior) {
  const Functionals& functionals = shared.observations.functionals;
  const Covariance covariance(functionals, hyperparameters);
  const bool coupled = functionals.W.size() > 0;
  const auto num_outputs = static_cast<Index>(shared.outputs.size());
  const Index n = functionals.n();
  GaussianProcess::Part part{.outputs = shared.outputs,
                             .hyperparameters = hyperparameters,
                             .Z = covariance.Z(),
                             .mean = Vector::Zero(num_outputs),
                             .B = Matrix::Zero(num_outputs, functionals.NumPoints()),
                             .deviation = Vector::Zero(num_outputs)};
  if (posterior.beta.rows() > 0) {
    part.mean = coupled ? Vector(posterior.beta.col(0)) : Vector(posterior.beta.row(0).transpose());
  }
  const bool gradients = std::any_of(functionals.axis.begin(), functionals.axis.end(),
                                     [](std::int32_t axis) { return axis != Functionals::kValue; });
  if (gradients) part.G = Matrix::Zero(n, num_outputs * functionals.NumPoints());
  Vector d(n);
  for (Index s = 0; s < functionals.NumPoints(); ++s) {
    for (Index a = functionals.First(s); a < functionals.First(s + 1); ++a) {
      const bool value = functionals.Axis(a) == Functionals::kValue;
      if (!value) covariance.Direction(a, d.data());
      for (Index o = 0; o < num_outputs; ++o) {
        const double alpha =
            coupled ? posterior.alpha(a, 0) * functionals.W(o, a) : posterior.alpha(a, o);
        if (value) {
          part.B(o, s) += alpha;
        } else {
          part.G.col(s * num_outputs + o) += alpha * d;
        }
      }
    }
  }
  for (Index o = 0; o < num_outputs; ++o) {
    part.deviation(o) = std::sqrt(posterior.variance(coupled ? 0 : o));
  }
  return part;
}

std::string Describe(const Hyperparameters& hyperparameters) {
  const std::string name = hyperparameters.kind == KernelKind::kSquaredExponential
                               ? "squared exponential"
                               : "Matérn 5/2";
  return name + ", lengths " + std::to_string(std::exp(hyperparameters.log_lengths.minCoeff())) +
         " to " + std::to_string(std::exp(hyperparameters.log_lengths.maxCoeff())) +
         ", log10 of noise variances " +
         std::to_string(hyperparameters.log_value_noise / std::log(10.0)) + " and " +
         std::to_string(hyperparameters.log_gradient_noise / std::log(10.0));
}

GaussianProcess::Part FitPart(const Labels& labels, const SharedObservations& shared,
                              const GaussianProcessOptions& options, CrossValidator& validator,
                              FitReport& report, const std::stop_token& stop) {
  const Observations& all = shared.observations;
  const Observations some =
      all.Head(PointsWithLabels(all.functionals, options.max_likelihood_labels));
  Hyperparameters best;
  double best_score = kInfinity;
  for (Hyperparameters& candidate : FindHyperparameters(some, options.max_evaluations, stop)) {
    const Posterior posterior = ConditionSafely(some, candidate, stop);
    const Covariance covariance(some.functionals, candidate);
    const double score = Score(shared, labels, LeaveOneOut(some, covariance, posterior, stop));
    if (score < best_score || best.log_lengths.size() == 0) {
      best = candidate;
      best_score = score;
    }
  }

  const Index more = PointsWithLabels(all.functionals, options.max_refinement_labels);
  if (more > some.functionals.NumPoints()) {
    best = RefineHyperparameters(all.Head(more), best, options.max_refinements, stop);
  }
  Posterior posterior = ConditionSafely(all, best, stop);
  const Covariance covariance(all.functionals, best);
  const Matrix errors = LeaveOneOut(all, covariance, posterior, stop);
  for (Index a = 0; a < errors.rows(); ++a) {
    const Index number = shared.label[static_cast<std::size_t>(a)];
    for (Index o = 0; o < errors.cols(); ++o) {
      const LabelGroup& group = labels.groups[shared.groups[static_cast<std::size_t>(o)]];
      // Labels of several outputs were divided by |w|.
      double length = 1;
      if (group.Coupled()) {
        double squares = 0;
        for (Index k = 0; k < group.Width(); ++k) {
          squares += group.OutputWeight(group[number], k) * group.OutputWeight(group[number], k);
        }
        length = std::sqrt(squares);
      }
      validator.Add(group, group[number], errors(a, o) * length);
    }
  }
  report.num_labels += errors.size();
  report.num_ignored_labels += shared.num_ignored;
  if (!report.description.empty()) report.description += "; ";
  report.description += Describe(best);

  GaussianProcess::Part part = MakePart(shared, best, posterior);
  const Index num_spread = PointsWithLabels(all.functionals, options.max_spread_labels);
  if (num_spread < all.functionals.NumPoints()) {
    const Observations judges = all.Head(num_spread);
    Hyperparameters hyperparameters = best;
    posterior = ConditionSafely(judges, hyperparameters, stop);
    part.functionals = judges.functionals;
  } else {
    part.functionals = all.functionals;
  }
  part.factor = std::move(posterior.factor);
  part.trend = std::move(posterior.trend);
  part.trend_factor = std::move(posterior.trend_factor);
  return part;
}

// An output of which nothing is known: 0 ± 1.
GaussianProcess::Part UnknownPart(const SharedObservations& shared, Index n) {
  const auto num_outputs = static_cast<Index>(shared.outputs.size());
  GaussianProcess::Part part{.outputs = shared.outputs,
                             .hyperparameters = {.log_lengths = Vector::Zero(n)},
                             .Z = Matrix(n, 0),
                             .mean = Vector::Zero(num_outputs),
                             .B = Matrix(num_outputs, 0),
                             .deviation = Vector::Ones(num_outputs)};
  part.functionals = {.X = Matrix(n, 0), .first = {0}, .D = Matrix(n, 0)};
  return part;
}

}  // namespace

GaussianProcessFit FitGaussianProcess(const LabelledPoints& points, const LossWeights& weights,
                                      const AffineMaps& maps, const GaussianProcessOptions& options,
                                      const std::stop_token& stop) {
  RequireSize("points inputs", points.n(), maps.r());
  RequireSize("points outputs", points.m(), maps.m());
  const Labels labels = MakeLabels(points, weights);
  const Index most =
      options.max_labels > 0 ? std::min(options.max_labels, kMaxProcessLabels) : Index{0};
  const std::vector<SharedObservations> all = ShareObservations(labels, points.X, most);
  for (const SharedObservations& shared : all) {
    const Index num_labels = shared.observations.functionals.NumLabels();
    if (num_labels <= kMaxProcessLabels) continue;
    throw Error(ErrorCode::kResourceExhausted, "TOO_MANY_LABELS", "labels",
                "expected at most " + std::to_string(kMaxProcessLabels) +
                    " labels of outputs that share a covariance matrix, got " +
                    std::to_string(num_labels) + "; set max_labels to use some of them");
  }
  CrossValidator validator(points.m());
  FitReport report;
  std::vector<GaussianProcess::Part> parts;
  parts.reserve(all.size());
  for (const SharedObservations& shared : all) {
    if (shared.label.empty()) {
      report.num_ignored_labels += shared.num_ignored;
      parts.push_back(UnknownPart(shared, points.n()));
      continue;
    }
    parts.push_back(FitPart(labels, shared, options, validator, report, stop));
  }
  report.cross_validation = validator.Finish(points.NumPoints());
  return {.surrogate = std::make_unique<GaussianProcess>(maps, std::move(parts)),
          .report = std::move(report)};
}

double GaussianProcessFitCost(const FitSizes& sizes, const GaussianProcessOptions& options) {
  // Outputs that share their matrix cost once; whether they do is not known here.
  const double labels =
      static_cast<double>(sizes.num_labels) / static_cast<double>(std::max<Index>(sizes.m, 1));
  double used = labels;
  if (options.max_labels > 0) used = std::min(used, static_cast<double>(options.max_labels));
  if (used > static_cast<double>(kMaxProcessLabels)) return kInfinity;
  const double few = std::min(used, static_cast<double>(options.max_likelihood_labels));
  const double more = std::min(used, static_cast<double>(options.max_refinement_labels));
  const double likelihoods = HyperparameterSearchCost(few, options.max_evaluations) +
                             0.75 * options.max_refinements * more * more * more;
  const double posterior = 0.6 * used * used * used;
  return static_cast<double>(sizes.m) * (likelihoods + posterior);
}

}  // namespace sobolev::regression
