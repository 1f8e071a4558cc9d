// How the terms are found: sets of total degree and hyperbolic sets first, which find polynomials
// exactly. From the best of them on, the set grows by those of its neighbours that explain most of
// the errors of left-out points, which makes it anisotropic (Migliorati 2015, with leave-one-out
// errors in place of residuals, because the residuals of a large set are fitted away), and sheds
// terms that matter least, as long as leaving out points says that this helps.

#include "engine/regression/polynomial_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/regression/cross_validation.h"
#include "engine/regression/labels.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/regression/polynomial_system.h"
#include "engine/regression/terms.h"

namespace sobolev::regression {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A share of the labels' squares that rounding alone may leave: the polynomial is exact.
constexpr double kExact = 1e-24;
constexpr std::array<double, 3> kSearchRidges = {0, 1e-8, 1e-4};
constexpr std::array<double, 9> kFinalRidges = {0,    1e-12, 1e-10, 1e-8, 1e-6,
                                                1e-5, 1e-4,  1e-3,  1e-2};
constexpr Index kMaxNeighbours = 4000;
// Hyperbolic sets that are tried first, by their q.
constexpr std::array<double, 3> kFamilies = {1.0, 0.75, 0.5};
// So many degrees in a row that bring nothing end a family. An even function says nothing to odd
// degrees, so a few are no reason to stop.
constexpr int kMostFailures = 6;
// However small the budget, a fit has as many labels if there are.
constexpr double kLabelsPerUnknown = 20;

using NeighboursOf = Terms(const Terms& terms, Index n, Index max_degree, Index most);

struct Candidate {
  Terms terms;
  double ridge = 0;
  double score = kInfinity;  // Weighted squares of leave-one-out errors over those of the targets.
  Vector errors;             // Of all labels.
  double work = 0;           // Multiply-adds of the search that found it.
};

double Unknowns(const Terms& terms, const LabelGroup& group) {
  return static_cast<double>(terms.size()) * static_cast<double>(group.Width());
}

double SolveCost(const Terms& terms, const LabelGroup& group) {
  return PolynomialSystem::SolveCost(Unknowns(terms, group),
                                     static_cast<double>(group.NumLabels()));
}

// The labels of evenly spaced points, about `most` of them.
LabelGroup Thinned(const LabelGroup& group, double most) {
  if (static_cast<double>(group.NumLabels()) <= most) return group;
  LabelGroup result{.outputs = group.outputs, .labels = {}, .first = {0}};
  double due = 0;
  for (Index s = 0; s < group.NumPoints(); ++s) {
    due += most / static_cast<double>(group.NumLabels());
    if (due >= 1) {
      due -= 1;
      for (Index k = group.First(s); k < group.First(s + 1); ++k) result.labels.push_back(group[k]);
    }
    result.first.push_back(result.NumLabels());
  }
  return result;
}

// Terms for one group of outputs.
class Search {
 public:
  Search(const LabelGroup& group, const Matrix& X, const Box& box, const PolynomialOptions& options,
         double budget, const std::stop_token& stop)
      : group_(group),
        n_(X.rows()),
        options_(options),
        budget_(budget),
        stop_(stop),
        system_(group, X, box) {
    for (const Label& label : group.labels) squares_ += label.weight * label.target * label.target;
    if (squares_ == 0) squares_ = 1;
    Index num_points = 0;
    for (Index s = 0; s < group.NumPoints(); ++s) {
      if (group.First(s + 1) > group.First(s)) ++num_points;
    }
    labels_per_point_ = static_cast<double>(group.NumLabels()) / static_cast<double>(num_points);
    const Index equations = group.NumLabels() / group.Width();
    most_ = std::clamp<Index>(equations * 9 / 10, 1, options.max_terms);
  }

  Candidate Run() {
    const double budget = budget_;
    TryFamilies();
    if (best_.score > kExact && std::isfinite(best_.score)) {
      GrowAndShed();
      ChooseRidge();
    }
    if (!std::isfinite(best_.score)) FallBack();
    best_.work = budget - budget_;
    return std::move(best_);
  }

 private:
  double Cost(const Terms& terms) const {
    return SolveCost(terms, group_) +
           PolynomialSystem::LeaveOneOutCost(
               Unknowns(terms, group_), static_cast<double>(group_.NumLabels()), labels_per_point_);
  }

  // The score for these ridges, and the best of them. Infinite if the budget does not allow it.
  template <std::size_t size>
  Candidate Try(const Terms& terms, const std::array<double, size>& ridges) {
    Candidate candidate{.terms = terms};
    if (Cost(terms) > budget_) return candidate;
    system_.SetTerms(terms, stop_);
    Vector errors;
    for (const double ridge : ridges) {
      if (Cost(terms) > budget_) break;
      budget_ -= Cost(terms);
      if (!system_.Solve(ridge, 1, stop_) || !system_.LeaveOneOut(errors, stop_)) continue;
      double score = 0;
      for (Index k = 0; k < group_.NumLabels(); ++k) {
        score += group_[k].weight * errors(k) * errors(k);
      }
      score /= squares_;
      if (score < candidate.score) {
        candidate.score = score;
        candidate.ridge = ridge;
        candidate.errors = errors;
      }
      // Where the problem is well posed, a ridge changes little; it is chosen at the end.
      if (ridge == 0 && 3 * static_cast<Index>(terms.size()) < most_) break;
      if (candidate.score <= kExact) break;
    }
    return candidate;
  }

  bool Keep(Candidate candidate) {
    if (!(candidate.score < best_.score)) return false;
    best_ = std::move(candidate);
    return true;
  }

  // From small to large, so that an exact polynomial is found in the smallest of the sets. None may
  // take more than a small part of the budget: a set that grows where it has to is worth more.
  void TryFamilies() {
    const double most_cost = budget_ / 16;
    Keep(Try(HyperbolicTerms(n_, 0, 1, most_), kSearchRidges));
    struct Member {
      std::size_t family;
      Terms terms;
    };
    std::vector<Member> members;
    for (std::size_t f = 0; f < kFamilies.size(); ++f) {
      const double q = kFamilies[f];
      for (Index degree = q == 1 ? 1 : 3; degree <= options_.max_degree && (q == 1 || n_ > 1);
           ++degree) {
        Terms terms = HyperbolicTerms(n_, degree, q, most_);
        if (terms.empty() || Cost(terms) > most_cost) break;
        members.push_back({f, std::move(terms)});
      }
    }
    std::stable_sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
      return a.terms.size() < b.terms.size();
    });
    std::array<int, kFamilies.size()> failures = {};
    for (const Member& member : members) {
      if (best_.score <= kExact) return;
      int& failed = failures[member.family];
      if (failed == kMostFailures) continue;
      failed = Keep(Try(member.terms, kSearchRidges)) ? 0 : failed + 1;
    }
  }

  void GrowAndShed() {
    double share = 0.3;
    int failures = 0;
    for (int round = 0; round < options_.max_rounds && failures < 3; ++round) {
      const bool grown = Grow(Neighbours, share) || Grow(FarNeighbours, share);
      const bool shed = Shed();
      if (best_.score <= kExact) return;
      failures = grown || shed ? 0 : failures + 1;
      if (!grown) share *= 0.4;
    }
  }

  bool Grow(NeighboursOf* neighbours_of, double share) {
    Terms neighbours = neighbours_of(best_.terms, n_, options_.max_degree, kMaxNeighbours);
    const double cost = PolynomialSystem::ExplainedCost(Unknowns(neighbours, group_),
                                                        static_cast<double>(group_.NumLabels()));
    if (cost > budget_) return false;
    budget_ -= cost;
    const Vector explained = system_.Explained(neighbours, best_.errors, stop_);
    std::vector<Index> order(neighbours.size());
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Index a, Index b) { return explained(a) > explained(b); });
    const auto now = static_cast<Index>(best_.terms.size());
    const Index count =
        std::min({static_cast<Index>(order.size()), most_ - now,
                  std::max<Index>(1, static_cast<Index>(share * static_cast<double>(now)))});
    if (count <= 0) return false;
    Terms terms = best_.terms;
    terms.reserve(static_cast<std::size_t>(now + count));
    for (Index k = 0; k < count; ++k) {
      terms.push_back(
          std::move(neighbours[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])]));
    }
    return Keep(Try(terms, kSearchRidges));
  }

  // Leaves out the fifth of the terms that contributes least.
  bool Shed() {
    const auto now = static_cast<Index>(best_.terms.size());
    if (now < 5) return false;
    system_.SetTerms(best_.terms, stop_);
    if (!system_.Solve(best_.ridge, 0, stop_)) return false;
    const Vector sizes = system_.Contributions();
    std::vector<Index> order(best_.terms.size());
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Index a, Index b) { return sizes(a) > sizes(b); });
    order.resize(static_cast<std::size_t>(now - now / 5));
    std::sort(order.begin(), order.end());
    Terms terms;
    terms.reserve(order.size());
    for (const Index k : order) terms.push_back(best_.terms[static_cast<std::size_t>(k)]);
    return Keep(Try(terms, kSearchRidges));
  }

  void ChooseRidge() { Keep(Try(Terms(best_.terms), kFinalRidges)); }

  // No set could be judged: a point or the budget decides everything. A restrained linear model.
  void FallBack() {
    best_.terms = HyperbolicTerms(n_, 1, 1, std::max<Index>(most_, 1) + 1);
    if (best_.terms.empty()) best_.terms = {Term{}};
    best_.ridge = 1e-6;
    best_.errors.resize(group_.NumLabels());
    for (Index k = 0; k < group_.NumLabels(); ++k) best_.errors(k) = -group_[k].target;
  }

  const LabelGroup& group_;
  Index n_;
  const PolynomialOptions& options_;
  double budget_;
  const std::stop_token& stop_;
  PolynomialSystem system_;
  double squares_ = 0;
  double labels_per_point_ = 0;
  Index most_ = 0;
  Candidate best_;
};

PolynomialSurrogate::Part Solve(const Candidate& candidate, const LabelGroup& group,
                                const Matrix& X, const Box& box, double budget,
                                const std::stop_token& stop) {
  const double share = budget / SolveCost(candidate.terms, group);
  const LabelGroup used =
      Thinned(group, std::max(share * static_cast<double>(group.NumLabels()),
                              kLabelsPerUnknown * Unknowns(candidate.terms, group)));
  PolynomialSystem system(used, X, box);
  system.SetTerms(candidate.terms, stop);
  if (!system.Solve(candidate.ridge, 3, stop)) {
    throw Error(ErrorCode::kInternal, "SINGULAR", "", "the least-squares problem is singular");
  }
  return {.outputs = group.outputs, .terms = candidate.terms, .C = system.Coefficients()};
}

}  // namespace

PolynomialFit FitPolynomial(const LabelledPoints& points, const LossWeights& weights,
                            const AffineMaps& maps, const PolynomialOptions& options,
                            const std::stop_token& stop) {
  RequireSize("points inputs", points.n(), maps.r());
  RequireSize("points outputs", points.m(), maps.m());
  const Labels labels = MakeLabels(points, weights);
  const Box box = Box::Around(points.X);
  CrossValidator validator(points.m());
  std::vector<PolynomialSurrogate::Part> parts;
  parts.reserve(labels.groups.size());
  FitReport report;
  double work = 0;
  Index most_terms = 0;
  Index most_degree = 0;
  const double budget = options.max_cost / static_cast<double>(labels.groups.size());
  for (const LabelGroup& group : labels.groups) {
    if (group.labels.empty()) {  // Nothing is known of this output: the mean.
      parts.push_back(
          {.outputs = group.outputs, .terms = {Term{}}, .C = Matrix::Zero(1, group.Width())});
      continue;
    }
    const LabelGroup searched = Thinned(group, static_cast<double>(options.max_search_labels));
    const Candidate best = Search(searched, points.X, box, options, budget, stop).Run();
    for (Index k = 0; k < searched.NumLabels(); ++k) {
      validator.Add(searched, searched[k], best.errors(k));
    }
    parts.push_back(Solve(best, group, points.X, box, budget, stop));
    work += best.work + std::min(budget, SolveCost(best.terms, group));
    report.num_labels += group.NumLabels();
    most_terms = std::max(most_terms, static_cast<Index>(best.terms.size()));
    for (const Term& term : best.terms) most_degree = std::max(most_degree, TotalDegree(term));
  }
  report.cross_validation = validator.Finish(points.NumPoints());
  report.description =
      "degree " + std::to_string(most_degree) + ", " + std::to_string(most_terms) + " terms";
  return {.surrogate = std::make_unique<PolynomialSurrogate>(maps, box, std::move(parts)),
          .report = std::move(report),
          .work = work};
}

double PolynomialFitCost(const FitSizes& sizes, const PolynomialOptions& options) {
  const auto labels = static_cast<double>(sizes.num_labels);
  const double searched = std::min(labels, static_cast<double>(options.max_search_labels));
  const double unknowns = std::min(static_cast<double>(options.max_terms), searched);
  // Families and rounds at the largest size, then one fit to all.
  const double one = PolynomialSystem::SolveCost(unknowns, searched) +
                     PolynomialSystem::LeaveOneOutCost(
                         unknowns, searched, labels / static_cast<double>(sizes.num_points));
  return std::min(options.max_cost, 60 * one) +
         std::min(options.max_cost, PolynomialSystem::SolveCost(unknowns, labels));
}

}  // namespace sobolev::regression
