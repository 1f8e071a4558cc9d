#include "engine/sampling/boxes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/taylor_model.h"

namespace sobolev::sampling {

namespace {

// Sampled derivatives are taken to be so many times as uneven as they look.
constexpr double kSafety = 4;
// A sample confirms if it is so far from the centre, in half widths along some axis.
constexpr double kConfirmingOffset = 0.25;
constexpr std::size_t kMaxConfirming = 8;
constexpr Index kMaxDiagonals = 8;

void RequireOptions(const Evidence& evidence, const BoxOptions& options) {
  RequireSize("tolerance", options.tolerance.size(), evidence.m());
  if (!(options.tolerance.minCoeff() > 0) || !options.tolerance.allFinite()) {
    throw InvalidArgument("OUT_OF_RANGE", "tolerance", "expected finite numbers > 0");
  }
  if (options.max_boxes < 1) {
    throw InvalidArgument("OUT_OF_RANGE", "max_boxes", "expected at least one box");
  }
  if (options.bounds == nullptr && evidence.n() > kMaxBoxInputs) {
    throw InvalidArgument("OUT_OF_RANGE", "X",
                          "samples do not fill boxes in more than " +
                              std::to_string(kMaxBoxInputs) + " inputs; give bounds");
  }
}

// A box that is to be tested, with the samples in it.
struct Piece {
  TaylorBox box;
  std::vector<Index> samples;

  Vector Centre() const { return 0.5 * (box.lo + box.hi); }
  Vector HalfWidths() const { return 0.5 * (box.hi - box.lo); }
};

struct Verdict {
  std::optional<Quasi> quasi;
  Vector unevenness;  // n: how much there is to gain by cutting across each axis.
};

std::optional<Quasi> LeastOrder(const std::vector<double>& excess) {
  for (std::size_t order = 0; order < excess.size(); ++order) {
    if (excess[order] <= 1) return static_cast<Quasi>(order);
  }
  return std::nullopt;
}

// By the mean value theorem, |y − T₀| <= Σ_i max|∂_i y| h_i and
// |y − T₁| <= Σ_i max|∂_i y − ∂_i y(c)| h_i, for half widths h.
Verdict Prove(const Piece& piece, const BoxOptions& options, Index m) {
  const Vector half = piece.HalfWidths();
  const Index n = half.size();
  Matrix lo(n, m);
  Matrix hi(n, m);
  options.bounds(piece.box.lo, piece.box.hi, lo, hi);
  Matrix centre_lo(n, m);
  Matrix centre_hi(n, m);
  options.bounds(piece.Centre(), piece.Centre(), centre_lo, centre_hi);
  Verdict verdict{.unevenness = Vector::Zero(n)};
  std::vector<double> excess(2, 0);
  for (Index i = 0; i < m; ++i) {
    const Vector size = lo.col(i).cwiseAbs().cwiseMax(hi.col(i).cwiseAbs());
    const Vector change = (hi.col(i) - centre_lo.col(i)).cwiseMax(centre_hi.col(i) - lo.col(i));
    const double tolerance = options.tolerance(i);
    // What is no number is beyond all tolerance.
    const auto sum = [&](const Vector& slopes) {
      const double error = slopes.dot(half) / tolerance;
      return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    };
    excess[0] = std::max(excess[0], sum(size));
    excess[1] = std::max(excess[1], sum(change));
    verdict.unevenness =
        verdict.unevenness.cwiseMax(change.cwiseProduct(half).cwiseAbs() / tolerance);
  }
  verdict.quasi = LeastOrder(excess);
  return verdict;
}

// Tests of many boxes by local Taylor models, whose predictions are made together.
class SampledTests {
 public:
  SampledTests(const Evidence& evidence, const TaylorModel& model, const BoxOptions& options,
               const std::stop_token& stop)
      : evidence_(evidence), model_(model), options_(options) {
    std::vector<Index> all(static_cast<std::size_t>(evidence.NumSamples()));
    for (std::size_t s = 0; s < all.size(); ++s) all[s] = static_cast<Index>(s);
    held_out_ = model.PredictHeldOut(all, TaylorModel::kMaxOrder, HeldOut::kItself, stop);
  }

  std::vector<Verdict> Test(const std::vector<Piece>& pieces, const std::stop_token& stop) {
    std::vector<Matrix> steps;
    steps.reserve(pieces.size());
    std::vector<Index> first;
    first.reserve(pieces.size());
    Index count = 0;
    for (const Piece& piece : pieces) {
      steps.push_back(Steps(piece));
      first.push_back(count);
      count += 1 + 2 * steps.back().cols();
    }
    // For each box its centre c, then c + t and c − t for each step t.
    Matrix points(evidence_.n(), count);
    for (std::size_t k = 0; k < pieces.size(); ++k) {
      const Vector centre = pieces[k].Centre();
      points.col(first[k]) = centre;
      for (Index t = 0; t < steps[k].cols(); ++t) {
        points.col(first[k] + 1 + 2 * t) = centre + steps[k].col(t);
        points.col(first[k] + 2 + 2 * t) = centre - steps[k].col(t);
      }
    }
    const int order = model_.Order(TaylorModel::kMaxOrder);
    high_ = model_.Predict(points, order, stop);
    low_ = model_.Predict(points, order - 1, stop);
    std::vector<Verdict> verdicts;
    verdicts.reserve(pieces.size());
    for (std::size_t k = 0; k < pieces.size(); ++k) {
      verdicts.push_back(Judge(pieces[k], steps[k], first[k]));
    }
    return verdicts;
  }

 private:
  // From the centre to the faces, to corners, and to samples, without which no test can hold.
  Matrix Steps(const Piece& piece) const {
    if (piece.samples.empty()) return Matrix(evidence_.n(), 0);
    const Vector half = piece.HalfWidths();
    const Index n = half.size();
    const Index num_diagonals = n == 1 ? 0 : std::min(kMaxDiagonals, Index{1} << (n - 1));
    const auto num_samples = static_cast<Index>(std::min(piece.samples.size(), kMaxConfirming));
    Matrix steps(n, n + num_diagonals + num_samples);
    steps.leftCols(n) = half.asDiagonal();
    for (Index k = 0; k < num_diagonals; ++k) {
      steps.col(n + k) = half;
      for (Index i = 0; i + 1 < n && i < 3; ++i) {
        if ((k >> i & 1) != 0) steps(i, n + k) = -half(i);
      }
    }
    for (Index k = 0; k < num_samples; ++k) {
      steps.col(n + num_diagonals + k) =
          evidence_.X.col(piece.samples[static_cast<std::size_t>(k)]) - piece.Centre();
    }
    return steps;
  }

  Verdict Judge(const Piece& piece, const Matrix& steps, Index first) const {
    const Index n = evidence_.n();
    const Index m = evidence_.m();
    Verdict verdict{.unevenness = Vector::Zero(n)};
    const auto num_samples = static_cast<Index>(std::min(piece.samples.size(), kMaxConfirming));
    std::vector<double> excess(3, 0);
    bool confirmed = false;
    for (Index i = 0; i < m; ++i) {
      const double tolerance = options_.tolerance(i);
      const auto slope = [&](Index point) { return high_.J.col(point * m + i); };
      const Vector at_centre = slope(first);
      double doubt = std::abs(high_.Y(i, first) - low_.Y(i, first));
      std::vector<double> errors(3, 0);
      for (Index t = 0; t < steps.cols(); ++t) {
        const Vector step = steps.col(t);
        const Index after = first + 1 + 2 * t;
        const Index before = after + 1;
        const Vector up = slope(after) - at_centre;
        const Vector down = slope(before) - at_centre;
        // To leading order y(c + t) − T_k(c + t) is t·∇y, ½ t·δ∇y and ⅙ t·δ²∇y.
        errors[0] =
            std::max({errors[0], std::abs(step.dot(at_centre)), std::abs(step.dot(at_centre + up)),
                      std::abs(step.dot(at_centre + down))});
        errors[1] = std::max({errors[1], std::abs(step.dot(up)) / 2, std::abs(step.dot(down)) / 2});
        errors[2] = std::max(errors[2], std::abs(step.dot(up + down)) / 6);
        doubt = std::max({doubt, std::abs(high_.Y(i, after) - low_.Y(i, after)),
                          std::abs(high_.Y(i, before) - low_.Y(i, before))});
        if (t < n) {
          verdict.unevenness(t) =
              std::max({verdict.unevenness(t), std::abs(step(t) * up(t)) / tolerance,
                        std::abs(step(t) * down(t)) / tolerance});
        }
        const Index sample = t - (steps.cols() - num_samples);
        if (sample < 0) continue;
        const Index s = piece.samples[static_cast<std::size_t>(sample)];
        Refute(i, s, high_.Y(i, first) + step.dot(at_centre), step.dot(up - down) / 4,
               step.dot(at_centre), errors);
        confirmed = confirmed ||
                    (step.array().abs() >= kConfirmingOffset * piece.HalfWidths().array()).any();
      }
      for (std::size_t order = 0; order < excess.size(); ++order) {
        const double error = (kSafety * errors[order] + doubt) / tolerance;
        excess[order] = std::max(excess[order], std::isnan(error) ? 2 : error);
      }
    }
    if (confirmed) verdict.quasi = LeastOrder(excess);
    return verdict;
  }

  // Raises the errors of polynomials to what the sample shows; a model that fails there when the
  // sample is left out fails for all.
  void Refute(Index i, Index s, double tangent, double curvature, double rise,
              std::vector<double>& errors) const {
    const double value = evidence_.Y(i, s);
    if (std::isnan(value)) return;
    const double left_out = std::abs(held_out_.Y(i, s) - value) / kSafety;
    errors[0] = std::max({errors[0], left_out, std::abs(value - (tangent - rise))});
    errors[1] = std::max({errors[1], left_out, std::abs(value - tangent)});
    errors[2] = std::max({errors[2], left_out, std::abs(value - tangent - curvature)});
  }

  const Evidence& evidence_;
  const TaylorModel& model_;
  const BoxOptions& options_;
  TaylorPrediction held_out_;
  TaylorPrediction high_;
  TaylorPrediction low_;
};

// Across the axis where it matters most, if any, and else across the widest.
std::pair<Piece, Piece> Cut(const Piece& piece, const Vector& unevenness,
                            const Evidence& evidence) {
  Index axis = 0;
  const Vector half = piece.HalfWidths();
  const Vector wanted = unevenness.allFinite() && unevenness.maxCoeff() > 0 ? unevenness : half;
  wanted.maxCoeff(&axis);
  const double middle = piece.Centre()(axis);
  std::pair<Piece, Piece> halves{{.box = piece.box}, {.box = piece.box}};
  halves.first.box.hi(axis) = middle;
  halves.second.box.lo(axis) = middle;
  for (const Index s : piece.samples) {
    (evidence.X(axis, s) < middle ? halves.first : halves.second).samples.push_back(s);
  }
  return halves;
}

}  // namespace

Decomposition Decompose(const Evidence& evidence, const BoxOptions& options,
                        const std::stop_token& stop) {
  RequireEvidence(evidence);
  RequireOptions(evidence, options);
  const bool proved = options.bounds != nullptr;
  std::optional<TaylorModel> model;
  std::optional<SampledTests> tests;
  if (!proved) {
    model.emplace(evidence);
    tests.emplace(evidence, *model, options, stop);
  }
  Decomposition result{.proved = proved};
  Piece cube{.box = {.lo = Vector::Zero(evidence.n()), .hi = Vector::Ones(evidence.n())}};
  for (Index s = 0; s < evidence.NumSamples(); ++s) cube.samples.push_back(s);
  std::vector<Piece> pieces = {std::move(cube)};
  while (!pieces.empty()) {
    ThrowIfStopped(stop);
    std::vector<Verdict> verdicts;
    if (proved) {
      verdicts.reserve(pieces.size());
      for (const Piece& piece : pieces) verdicts.push_back(Prove(piece, options, evidence.m()));
    } else {
      verdicts = tests->Test(pieces, stop);
    }
    // One more box for each that is cut.
    Index num_boxes = static_cast<Index>(result.boxes.size() + pieces.size());
    std::vector<Piece> next;
    for (std::size_t k = 0; k < pieces.size(); ++k) {
      const bool can_be_cut =
          num_boxes < options.max_boxes && (proved || !pieces[k].samples.empty());
      if (!verdicts[k].quasi && can_be_cut) {
        auto [lower, upper] = Cut(pieces[k], verdicts[k].unevenness, evidence);
        next.push_back(std::move(lower));
        next.push_back(std::move(upper));
        ++num_boxes;
        continue;
      }
      pieces[k].box.quasi = verdicts[k].quasi;
      const double volume = pieces[k].box.Volume();
      double& share = verdicts[k].quasi
                          ? result.closed[static_cast<std::size_t>(*verdicts[k].quasi)]
                          : result.open;
      share += volume;
      result.boxes.push_back(std::move(pieces[k].box));
    }
    pieces = std::move(next);
  }
  return result;
}

}  // namespace sobolev::sampling
