// On which part of a box conditions on values and derivatives provably hold.
//
// Pieces of the box are proved when the bounds on them meet all conditions, and violated when the
// bounds on them break one everywhere; the largest of the others are halved, until the budget is
// spent. What then is left is refuted, if a point that breaks a condition was found in it, or else
// undecided.

#ifndef SOBOLEV_ENGINE_BOUNDS_CERTIFY_H_
#define SOBOLEV_ENGINE_BOUNDS_CERTIFY_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"

namespace sobolev::bounds {

// lo <= y_i <= hi; either may be infinite.
struct ValueCondition {
  Index output = 0;
  double lo = 0;
  double hi = 0;
};

// |∂y_i/∂x_j| <= most.
struct DerivativeCondition {
  Index output = 0;
  Index input = 0;
  double most = 0;
};

struct Conditions {
  std::vector<ValueCondition> values;
  std::vector<DerivativeCondition> derivatives;
};

struct CertifyOptions {
  Index max_boxes = 1000;  // That are enclosed, at least 1.
  // Of each kind of pieces, the largest so many are listed.
  Index max_listed = 100;
};

enum class Verdict {
  kProved,     // The conditions hold at every point.
  kViolated,   // One of them holds at no point.
  kRefuted,    // There is a point where one of them does not hold.
  kUndecided,  // Nothing is known.
};

struct CertifiedPiece {
  Box box;
  Verdict verdict = Verdict::kUndecided;
  Vector counter_example;  // n, if refuted.
};

struct CertifyResult {
  // Parts of the volume of the box, which add up to 1. They are multiples of powers of 2: inputs
  // that are constant in the box do not count.
  double proved = 0;
  double violated = 0;
  double refuted = 0;
  double undecided = 0;
  std::vector<CertifiedPiece> pieces;  // The largest ones of each verdict.
  Index num_boxes = 0;
  BoundEnd end = BoundEnd::kBudget;  // kTolerance: nothing is refuted or undecided.
};

// Uses oneTBB's current arena; the same bits whatever its size, unless it is cancelled. Throws as
// RequireBox and for unbounded boxes, and Error(kInvalidArgument) naming "budget" unless max_boxes
// >= 1, and "conditions" unless there are some, of outputs and inputs that exist, and bounds are no
// NaN with lo <= hi and most >= 0.
CertifyResult Certify(const Encloser& encloser, const Box& box, const Conditions& conditions,
                      const CertifyOptions& options, const std::stop_token& stop = {});

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_CERTIFY_H_
