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
// What a model that has not seen a sample misses there is at least so many times what it misses
// elsewhere once it has.
constexpr double kLeftOutExcess = 3;
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

Index NumDiagonals(Index n) { return n == 1 ? 0 : std::min(kMaxDiagonals, Index{1} << (n - 1)); }

// A box that is to be tested, with the samples in it or no farther from it than half its widths.
struct Piece {
  TaylorBox box;
  std::vector<Index> samples;

  Vector Centre() const { return 0.5 * (box.lo + box.hi); }
  Vector HalfWidths() const { return 0.5 * (box.hi - box.lo); }
};

struct Verdict {
  std::optional<Quasi> quasi;
  Vector unevenness;            // n: how much there is to gain by cutting across each axis.
  std::vector<bool> linear_in;  // As TaylorBox has it.
  bool worth_cut = true;        // Whether smaller boxes may pass.
};

std::optional<Quasi> LeastOrder(const std::vector<double>& excess) {
  for (std::size_t order = 0; order < excess.size(); ++order) {
    if (excess[order] <= 1) return static_cast<Quasi>(order);
  }
  return std::nullopt;
}

// |y − T₂| <= ½ Σ_jk max|∂_jk y − ∂_jk y(c)| h_j h_k by Taylor's theorem, over the tolerance.
double ProveQuadratic(const Piece& piece, const BoxOptions& options, Index m) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Vector half = piece.HalfWidths();
  const Index n = half.size();
  Matrix lo(n, n * m);
  Matrix hi(n, n * m);
  options.curvature_bounds(piece.box.lo, piece.box.hi, lo, hi);
  Matrix centre_lo(n, n * m);
  Matrix centre_hi(n, n * m);
  options.curvature_bounds(piece.Centre(), piece.Centre(), centre_lo, centre_hi);
  double excess = 0;
  for (Index i = 0; i < m; ++i) {
    const Matrix change = (hi - centre_lo).cwiseMax(centre_hi - lo).middleCols(i * n, n);
    const double error = half.dot(change * half) / 2 / options.tolerance(i);
    excess = std::max(excess, std::isnan(error) ? kInfinity : error);
  }
  return excess;
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
  Verdict verdict{.unevenness = Vector::Zero(n),
                  .linear_in = std::vector<bool>(static_cast<std::size_t>(n), true)};
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
    for (Index j = 0; j < n; ++j) {
      if (!(change(j) * half(j) <= tolerance))
        verdict.linear_in[static_cast<std::size_t>(j)] = false;
    }
  }
  if (options.curvature_bounds != nullptr && !LeastOrder(excess)) {
    excess.push_back(ProveQuadratic(piece, options, m));
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
    const Index num_diagonals = NumDiagonals(n);
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

  // How wrong polynomials of orders 0, 1 and 2 are.
  using Errors = std::array<double, 3>;

  Verdict Judge(const Piece& piece, const Matrix& steps, Index first) const {
    const Index m = evidence_.m();
    Verdict verdict{.unevenness = Vector::Zero(evidence_.n())};
    std::vector<double> excess(3, 0);
    bool confirmed = false;
    for (Index i = 0; i < m; ++i) {
      const double tolerance = options_.tolerance(i);
      const Errors expected = Expect(i, steps.leftCols(NumProbes(steps)), first, verdict);
      Errors shown = {};
      for (Index t = NumProbes(steps); t < steps.cols(); ++t) {
        const Index s = piece.samples[static_cast<std::size_t>(t - NumProbes(steps))];
        if (std::isnan(evidence_.Y(i, s))) continue;
        Show(i, s, steps.col(t), piece.HalfWidths(), first + 1 + 2 * t, first, shown);
        confirmed =
            confirmed ||
            (steps.col(t).array().abs() >= kConfirmingOffset * piece.HalfWidths().array()).any();
      }
      for (std::size_t order = 0; order < excess.size(); ++order) {
        const double error = std::max(expected[order], shown[order]) / tolerance;
        excess[order] = std::max(excess[order], std::isnan(error) ? 2 : error);
      }
    }
    if (confirmed) verdict.quasi = LeastOrder(excess);
    verdict.linear_in.reserve(static_cast<std::size_t>(evidence_.n()));
    for (const double uneven : verdict.unevenness) {
      verdict.linear_in.push_back(confirmed && kSafety * uneven <= 1);
    }
    verdict.worth_cut = std::ranges::any_of(piece.samples, [&](Index s) { return Predictable(s); });
    return verdict;
  }

  // Of the steps those that do not lead to samples.
  Index NumProbes(const Matrix& steps) const {
    return std::min(steps.cols(), evidence_.n() + NumDiagonals(evidence_.n()));
  }

  // By derivatives at the probes: to leading order y(c + t) − T_k(c + t) is t·∇y, ½ t·δ∇y and
  // ⅙ t·δ²∇y.
  Errors Expect(Index i, const Matrix& steps, Index first, Verdict& verdict) const {
    const Vector at_centre = Slope(i, first);
    double doubt = DoubtAt(i, first);
    Errors errors = {};
    for (Index t = 0; t < steps.cols(); ++t) {
      const Vector step = steps.col(t);
      const Index after = first + 1 + 2 * t;
      const Index before = after + 1;
      const Vector up = Slope(i, after) - at_centre;
      const Vector down = Slope(i, before) - at_centre;
      errors[0] =
          std::max({errors[0], std::abs(step.dot(at_centre)), std::abs(step.dot(at_centre + up)),
                    std::abs(step.dot(at_centre + down))});
      errors[1] = std::max({errors[1], std::abs(step.dot(up)) / 2, std::abs(step.dot(down)) / 2});
      errors[2] = std::max(errors[2], std::abs(step.dot(up + down)) / 6);
      doubt = std::max({doubt, DoubtAt(i, after), DoubtAt(i, before)});
      if (t < evidence_.n()) {
        const double change = std::abs(step(t)) * std::max(std::abs(up(t)), std::abs(down(t)));
        verdict.unevenness(t) = std::max(verdict.unevenness(t), change / options_.tolerance(i));
      }
    }
    for (double& error : errors) error = kSafety * error + doubt;
    return errors;
  }

  // By the sample: what polynomials miss there, and what the model misses that makes them. Beyond
  // the box, at r half widths, that of order k misses r^(k+1) times as much.
  void Show(Index i, Index s, const Vector& step, const Vector& half, Index after, Index first,
            Errors& shown) const {
    const double value = evidence_.Y(i, s);
    const double at_centre = high_.Y(i, first);
    const double rise = step.dot(Slope(i, first));
    const double curvature = step.dot(Slope(i, after) - Slope(i, after + 1)) / 4;
    const double reach = std::max(1.0, step.cwiseQuotient(half).cwiseAbs().maxCoeff());
    const Errors missed = {value - at_centre, value - at_centre - rise,
                           value - at_centre - rise - curvature};
    double scale = 1;
    for (std::size_t order = 0; order < shown.size(); ++order) {
      scale *= reach;
      shown[order] = std::max({shown[order], std::abs(missed[order]) / scale, ErrorAt(i, s)});
    }
  }

  Vector Slope(Index i, Index point) const { return high_.J.col(point * evidence_.m() + i); }

  double DoubtAt(Index i, Index point) const {
    return std::abs(high_.Y(i, point) - low_.Y(i, point));
  }

  // Of the model with the sample, from that without it.
  double ErrorAt(Index i, Index s) const {
    return std::abs(held_out_.Y(i, s) - evidence_.Y(i, s)) / kLeftOutExcess;
  }

  bool Predictable(Index s) const {
    for (Index i = 0; i < evidence_.m(); ++i) {
      if (ErrorAt(i, s) > options_.tolerance(i)) return false;
    }
    return true;
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
  for (Piece* const each : {&halves.first, &halves.second}) {
    const Vector centre = each->Centre();
    const Vector reach = 2 * each->HalfWidths();
    for (const Index s : piece.samples) {
      const Vector step = (evidence.X.col(s) - centre).cwiseAbs();
      if ((step.array() <= reach.array()).all()) each->samples.push_back(s);
    }
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
    auto num_boxes = static_cast<Index>(result.boxes.size() + pieces.size());
    std::vector<Piece> next;
    for (std::size_t k = 0; k < pieces.size(); ++k) {
      if (!verdicts[k].quasi && verdicts[k].worth_cut && num_boxes < options.max_boxes) {
        auto [lower, upper] = Cut(pieces[k], verdicts[k].unevenness, evidence);
        next.push_back(std::move(lower));
        next.push_back(std::move(upper));
        ++num_boxes;
        continue;
      }
      pieces[k].box.quasi = verdicts[k].quasi;
      pieces[k].box.linear_in = std::move(verdicts[k].linear_in);
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
