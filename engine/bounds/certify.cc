#include "engine/bounds/certify.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
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

struct Piece {
  CertifiedPiece part;
  Enclosure enclosure;
  double volume = 1;
};

void Require(bool holds, const char* field, const std::string& expected) {
  if (!holds) throw InvalidArgument("OUT_OF_RANGE", field, expected);
}

void RequireConditions(const Conditions& conditions, Index n, Index m) {
  Require(!conditions.values.empty() || !conditions.derivatives.empty(), "conditions",
          "expected at least one condition");
  for (const ValueCondition& condition : conditions.values) {
    Require(0 <= condition.output && condition.output < m, "conditions",
            "expected an output below " + std::to_string(m));
    Require(condition.lo <= condition.hi, "conditions", "expected lo <= hi of a value");
  }
  for (const DerivativeCondition& condition : conditions.derivatives) {
    Require(0 <= condition.output && condition.output < m, "conditions",
            "expected an output below " + std::to_string(m));
    Require(0 <= condition.input && condition.input < n, "conditions",
            "expected an input below " + std::to_string(n));
    Require(condition.most >= 0, "conditions", "expected a bound >= 0 of a derivative");
  }
}

// What is known of a condition lo <= q <= hi where q is in [q_lo, q_hi].
Verdict Judge(double lo, double hi, double q_lo, double q_hi) {
  if (lo <= q_lo && q_hi <= hi) return Verdict::kProved;
  if (q_hi < lo || hi < q_lo) return Verdict::kViolated;
  return Verdict::kUndecided;
}

class Certification {
 public:
  Certification(const Encloser& encloser, const Conditions& conditions,
                const CertifyOptions& options)
      : encloser_(encloser), conditions_(conditions), options_(options) {}

  CertifyResult Run(const Box& box, const std::stop_token& stop) {
    root_ = box;
    std::vector<Piece> fresh(1);
    fresh.front().part.box = box;
    Settle(std::move(fresh), {});
    while (!open_.empty() && num_boxes_ + 2 <= options_.max_boxes && !stop.stop_requested()) {
      SplitLargest(stop);
    }
    CertifyResult result{.num_boxes = num_boxes_};
    const bool decided = open_.empty() && indivisible_.empty();
    if (decided) result.end = BoundEnd::kTolerance;
    if (!decided && stop.stop_requested()) result.end = BoundEnd::kCancelled;
    for (Piece& piece : open_) settled_.push_back(std::move(piece));
    Report(result);
    return result;
  }

 private:
  bool Derivatives() const { return !conditions_.derivatives.empty(); }

  Verdict JudgeAll(const Enclosure& enclosure) const {
    Verdict verdict = Verdict::kProved;
    const auto add = [&](Verdict one) {
      if (one == Verdict::kViolated || verdict == Verdict::kProved) verdict = one;
    };
    for (const ValueCondition& condition : conditions_.values) {
      if (verdict == Verdict::kViolated) return verdict;
      add(Judge(condition.lo, condition.hi, enclosure.y_lo(condition.output),
                enclosure.y_hi(condition.output)));
    }
    for (const DerivativeCondition& condition : conditions_.derivatives) {
      if (verdict == Verdict::kViolated) return verdict;
      add(Judge(-condition.most, condition.most, enclosure.J_lo(condition.input, condition.output),
                enclosure.J_hi(condition.input, condition.output)));
    }
    return verdict;
  }

  // Encloses and judges new pieces; what is stopped stays as open as what it is a half of.
  void Settle(std::vector<Piece> pieces, const std::stop_token& stop) {
    oneapi::tbb::parallel_for(std::size_t{0}, pieces.size(), [&](std::size_t k) {
      Piece& piece = pieces[k];
      if (stop.stop_requested()) {
        piece.part.verdict = Verdict::kUndecided;
        return;
      }
      Enclosure enclosure = encloser_.Enclose(piece.part.box, Derivatives());
      if (piece.enclosure.y_lo.size() > 0) IntersectWith(piece.enclosure, enclosure);
      piece.enclosure = std::move(enclosure);
      piece.part.verdict = JudgeAll(piece.enclosure);
      if (piece.part.verdict == Verdict::kUndecided) TryToRefute(piece.part);
    });
    num_boxes_ += static_cast<Index>(pieces.size());
    for (Piece& piece : pieces) {
      const Verdict verdict = piece.part.verdict;
      const bool open = verdict == Verdict::kRefuted || verdict == Verdict::kUndecided;
      (open ? open_ : settled_).push_back(std::move(piece));
    }
  }

  // At the centre, two opposite corners, and where the parent's counter-example lies.
  void TryToRefute(CertifiedPiece& part) const {
    const Box& box = part.box;
    const bool inherited = part.counter_example.size() > 0 &&
                           (box.lo.array() <= part.counter_example.array()).all() &&
                           (part.counter_example.array() <= box.hi.array()).all();
    if (!inherited) {
      Matrix X(box.n(), 3);
      X << box.Centre(), box.lo, box.hi;
      part.counter_example.resize(0);
      Matrix Y;
      Matrix J;
      encloser_.Evaluate(X, &Y, Derivatives() ? &J : nullptr);
      const Index m = encloser_.m();
      for (Index s = 0; s < X.cols() && part.counter_example.size() == 0; ++s) {
        Enclosure point{.y_lo = Y.col(s), .y_hi = Y.col(s)};
        if (Derivatives()) point.J_lo = point.J_hi = J.middleCols(s * m, m);
        if (JudgeAll(point) == Verdict::kViolated) part.counter_example = X.col(s);
      }
    }
    if (part.counter_example.size() > 0) part.verdict = Verdict::kRefuted;
  }

  void SplitLargest(const std::stop_token& stop) {
    std::ranges::stable_sort(open_, {}, &Piece::volume);
    const auto affordable = static_cast<std::size_t>((options_.max_boxes - num_boxes_) / 2);
    const std::size_t count = std::min(affordable, 1 + open_.size() / 8);
    std::vector<Piece> halves;
    for (std::size_t k = 0; k < count; ++k) {
      Piece piece = std::move(open_.back());
      open_.pop_back();
      const Index input = InputToSplit(piece.part.box, piece.enclosure, root_);
      if (input < 0) {
        indivisible_.push_back(std::move(piece));
        continue;
      }
      auto [low, high] = Split(piece.part.box, input);
      piece.volume *= 0.5;
      Piece other = piece;
      piece.part.box = std::move(low);
      other.part.box = std::move(high);
      halves.push_back(std::move(piece));
      halves.push_back(std::move(other));
    }
    Settle(std::move(halves), stop);
  }

  void Report(CertifyResult& result) {
    for (Piece& piece : indivisible_) settled_.push_back(std::move(piece));
    std::ranges::stable_sort(settled_, std::ranges::greater(), &Piece::volume);
    std::vector<Index> listed(4, 0);
    for (Piece& piece : settled_) {
      const auto verdict = static_cast<std::size_t>(piece.part.verdict);
      double* const parts[] = {&result.proved, &result.violated, &result.refuted,
                               &result.undecided};
      *parts[verdict] += piece.volume;
      if (listed[verdict]++ >= options_.max_listed) continue;
      if (piece.part.verdict != Verdict::kRefuted) piece.part.counter_example.resize(0);
      result.pieces.push_back(std::move(piece.part));
    }
  }

  const Encloser& encloser_;
  const Conditions& conditions_;
  const CertifyOptions& options_;
  Box root_;
  std::vector<Piece> open_;
  std::vector<Piece> settled_;
  std::vector<Piece> indivisible_;  // Open, but too small.
  Index num_boxes_ = 0;
};

}  // namespace

CertifyResult Certify(const Encloser& encloser, const Box& box, const Conditions& conditions,
                      const CertifyOptions& options, const std::stop_token& stop) {
  RequireBox(box, encloser.n());
  Require(box.IsFinite(), "box", "expected finite bounds: an unbounded box has no volume");
  Require(options.max_boxes >= 1, "budget",
          "expected at least 1 box, got " + std::to_string(options.max_boxes));
  RequireConditions(conditions, encloser.n(), encloser.m());
  return Certification(encloser, conditions, options).Run(box, stop);
}

}  // namespace sobolev::bounds
