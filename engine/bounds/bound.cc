#include "engine/bounds/bound.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/split.h"

namespace sobolev::bounds {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Faces are only looked at for so many outputs.
constexpr Index kMaxFacedOutputs = 8;

struct Piece {
  Box box;
  Enclosure enclosure;
  double score = 0;  // By how much it is worse than what was sampled; infinite if it has no bound.
};

// How much wider [lo, hi] is than what was sampled, as a part of that.
double ScoreOf(double lo, double hi, double sampled_lo, double sampled_hi, Target target) {
  // Where nothing varies, rounding is all there is.
  constexpr double kNothing = 1e-9;
  const double magnitude = std::max(std::abs(sampled_lo), std::abs(sampled_hi));
  const bool ranges = target == Target::kRanges;
  const double size = ranges ? std::max(sampled_hi - sampled_lo, kNothing * magnitude) : magnitude;
  const double excess =
      ranges ? std::max(hi - sampled_hi, sampled_lo - lo) : std::max(hi, -lo) - magnitude;
  const double score = excess / std::max(size, std::numeric_limits<double>::min());
  if (std::isnan(score)) return kInfinity;
  return score;
}

class Subdivision {
 public:
  Subdivision(const Encloser& encloser, const BoundOptions& options, Enclosure sampled)
      : encloser_(encloser), options_(options), sampled_(std::move(sampled)) {}

  BoundResult Run(const Box& box, const std::stop_token& stop) {
    open_.push_back({.box = box, .enclosure = encloser_.Enclose(box, options_.jacobian)});
    num_boxes_ = 1;
    root_ = box;
    Narrow(open_.front(), stop);
    const bool divisible = box.IsFinite();
    BoundEnd end = BoundEnd::kTolerance;
    while (CloseGoodPieces(), !open_.empty()) {
      end = stop.stop_requested() ? BoundEnd::kCancelled : BoundEnd::kBudget;
      const std::size_t count = divisible ? NumToSplit() : 0;
      if (count == 0 || end == BoundEnd::kCancelled) break;
      SplitWorst(count, stop);
      end = BoundEnd::kTolerance;
    }
    BoundResult result{.sampled = sampled_, .num_boxes = num_boxes_, .end = end};
    for (const Piece& piece : open_) Close(piece);
    result.proven = std::move(closed_);
    return result;
  }

 private:
  double Score(const Enclosure& enclosure, Index output) const {
    return ScoreOf(enclosure.y_lo(output), enclosure.y_hi(output), sampled_.y_lo(output),
                   sampled_.y_hi(output), options_.target);
  }
  double Score(const Enclosure& enclosure) const {
    double score = -kInfinity;
    for (Index i = 0; i < encloser_.m(); ++i) score = std::max(score, Score(enclosure, i));
    for (Index k = 0; k < enclosure.J_lo.size(); ++k) {
      score = std::max(score, ScoreOf(enclosure.J_lo.reshaped()(k), enclosure.J_hi.reshaped()(k),
                                      sampled_.J_lo.reshaped()(k), sampled_.J_hi.reshaped()(k),
                                      options_.target));
    }
    return score;
  }

  void Close(const Piece& piece) {
    if (closed_.y_lo.size() == 0) {
      closed_ = piece.enclosure;
    } else {
      HullWith(piece.enclosure, closed_);
    }
  }

  void CloseGoodPieces() {
    std::vector<Piece> open;
    for (Piece& piece : open_) {
      piece.score = Score(piece.enclosure);
      if (piece.score <= options_.tolerance ||
          InputToSplit(piece.box, piece.enclosure, root_) < 0) {
        Close(piece);
      } else {
        open.push_back(std::move(piece));
      }
    }
    open_ = std::move(open);
  }

  std::size_t NumToSplit() const {
    const auto affordable = static_cast<std::size_t>((options_.max_boxes - num_boxes_) / 2);
    return std::min(affordable, 1 + open_.size() / 8);
  }

  // Moves the worst pieces to the end, and replaces them by their halves. What holds on a piece
  // holds on its halves, too, if there is no time to enclose these.
  void SplitWorst(std::size_t count, const std::stop_token& stop) {
    std::ranges::stable_sort(open_, {}, &Piece::score);
    std::vector<Piece> halves(2 * count);
    for (std::size_t k = 0; k < count; ++k) {
      Piece& piece = open_[open_.size() - 1 - k];
      auto [low, high] = Split(piece.box, InputToSplit(piece.box, piece.enclosure, root_));
      halves[2 * k] = {.box = std::move(low), .enclosure = piece.enclosure};
      halves[2 * k + 1] = {.box = std::move(high), .enclosure = std::move(piece.enclosure)};
    }
    open_.resize(open_.size() - count);
    oneapi::tbb::parallel_for(std::size_t{0}, halves.size(), [&](std::size_t k) {
      if (stop.stop_requested()) return;
      Enclosure enclosure = encloser_.Enclose(halves[k].box, options_.jacobian);
      IntersectWith(halves[k].enclosure, enclosure);
      halves[k].enclosure = std::move(enclosure);
    });
    num_boxes_ += static_cast<Index>(halves.size());
    if (!stop.stop_requested()) SampleCentres(halves);
    for (Piece& half : halves) {
      Narrow(half, stop);
      open_.push_back(std::move(half));
    }
  }

  void SampleCentres(const std::vector<Piece>& pieces) {
    Matrix X(encloser_.n(), static_cast<Index>(pieces.size()));
    for (Index k = 0; k < X.cols(); ++k)
      X.col(k) = pieces[static_cast<std::size_t>(k)].box.Centre();
    Matrix Y;
    Matrix J;
    encloser_.Evaluate(X, &Y, options_.jacobian ? &J : nullptr);
    for (Index k = 0; k < X.cols(); ++k) {
      Widen(Y.col(k).data(), sampled_.y_lo, sampled_.y_hi);
      if (options_.jacobian) {
        Widen(J.data() + k * sampled_.J_lo.size(), sampled_.J_lo, sampled_.J_hi);
      }
    }
  }
  template <class Numbers>
  static void Widen(const double* numbers, Numbers& lo, Numbers& hi) {
    for (Index k = 0; k < lo.size(); ++k) {
      if (numbers[k] < lo.data()[k]) lo.data()[k] = numbers[k];
      if (numbers[k] > hi.data()[k]) hi.data()[k] = numbers[k];
    }
  }

  // Where derivatives have one sign, bounds of values are those of the faces.
  void Narrow(Piece& piece, const std::stop_token& stop) {
    if (!options_.jacobian || !encloser_.IsSmooth() || encloser_.m() > kMaxFacedOutputs) return;
    for (Index i = 0; i < encloser_.m(); ++i) {
      if (num_boxes_ + 2 > options_.max_boxes || stop.stop_requested()) return;
      if (Score(piece.enclosure, i) <= options_.tolerance) continue;
      Box low = piece.box;
      Box high = piece.box;
      if (!FaceExtrema(piece.enclosure, i, low, high)) continue;
      num_boxes_ += 2;
      Enclosure& enclosure = piece.enclosure;
      enclosure.y_lo(i) = std::max(enclosure.y_lo(i), encloser_.Enclose(low, false).y_lo(i));
      enclosure.y_hi(i) = std::min(enclosure.y_hi(i), encloser_.Enclose(high, false).y_hi(i));
    }
  }
  // Narrows to the faces on which y_i is lowest and highest; false if there are none.
  static bool FaceExtrema(const Enclosure& enclosure, Index i, Box& low, Box& high) {
    bool found = false;
    for (Index j = 0; j < low.n(); ++j) {
      const bool rises = enclosure.J_lo(j, i) >= 0;
      if ((!rises && enclosure.J_hi(j, i) > 0) || low.lo(j) == low.hi(j)) continue;
      if (!std::isfinite(low.lo(j)) || !std::isfinite(low.hi(j))) continue;
      found = true;
      (rises ? low.hi : low.lo)(j) = rises ? low.lo(j) : low.hi(j);
      (rises ? high.lo : high.hi)(j) = rises ? high.hi(j) : high.lo(j);
    }
    return found;
  }

  const Encloser& encloser_;
  const BoundOptions& options_;
  Enclosure sampled_;
  Box root_;
  std::vector<Piece> open_;
  Enclosure closed_;  // The hull of pieces that are done.
  Index num_boxes_ = 0;
};

}  // namespace

BoundResult Bound(const Encloser& encloser, const Box& box, const BoundOptions& options,
                  const std::stop_token& stop) {
  RequireBox(box, encloser.n());
  if (options.max_boxes < 1) {
    throw InvalidArgument("OUT_OF_RANGE", "budget",
                          "expected at least 1 box, got " + std::to_string(options.max_boxes));
  }
  Enclosure sampled =
      SampleRangesUntil(stop, encloser, box, options.jacobian, options.num_samples, options.seed);
  return Subdivision(encloser, options, std::move(sampled)).Run(box, stop);
}

}  // namespace sobolev::bounds
