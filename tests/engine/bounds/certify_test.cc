// Conditions that hold on a part of a box.

#include "engine/bounds/certify.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stop_token>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "tests/engine/bounds/borehole.h"
#include "tests/engine/bounds/boxes.h"
#include "tests/support/every_kind.h"

namespace sobolev::bounds {
namespace {

TEST(CertifyTest, FindsThePartWhereAConditionHolds) {
  // x + y <= 1 holds on half of the unit square.
  const Shared program = Program("input x\ninput y\noutput z = x + y");
  const auto encloser = MakeEncloser(*program);
  const Conditions conditions{
      .values = {{.output = 0, .lo = -std::numeric_limits<double>::infinity(), .hi = 1}}};
  const CertifyResult result = Certify(*encloser, Cube(2, 0, 1), conditions, {.max_boxes = 3000});
  EXPECT_GT(result.proved, 0.48);
  EXPECT_LE(result.proved, 0.5);
  EXPECT_GT(result.violated, 0.48);
  EXPECT_LE(result.violated, 0.5);
  EXPECT_NEAR(result.proved + result.violated + result.refuted + result.undecided, 1, 1e-12);
  EXPECT_LE(result.num_boxes, 3000);
  ASSERT_FALSE(result.pieces.empty());
  Rng rng(2);
  for (const CertifiedPiece& piece : result.pieces) {
    const Matrix X = RandomPoints(piece.box, 20, rng);
    for (Index s = 0; s < X.cols(); ++s) {
      const double z = X.col(s).sum();
      if (piece.verdict == Verdict::kProved) {
        EXPECT_LE(z, 1);
      }
      if (piece.verdict == Verdict::kViolated) {
        EXPECT_GT(z, 1);
      }
    }
    if (piece.verdict == Verdict::kRefuted) {
      EXPECT_GT(piece.counter_example.sum(), 1);
      EXPECT_GE(piece.counter_example.minCoeff(), piece.box.lo.minCoeff());
    }
  }
}

TEST(CertifyTest, ProvesBoundsOnDerivativesOfANetwork) {
  const auto network = every_kind::Network({.n = 2, .m = 1, .hidden = {10, 10}}, 4);
  const auto encloser = MakeEncloser(*network);
  const Box box = Cube(2, 0.4, 1.6);
  const Enclosure sampled = SampleRanges(*encloser, box, true, 5000, 1);
  const double largest = std::max(sampled.J_hi(0), -sampled.J_lo(0));
  const auto certify = [&](double most, Index max_boxes) {
    return Certify(*encloser, box, {.derivatives = {{.output = 0, .input = 0, .most = most}}},
                   {.max_boxes = max_boxes});
  };
  const CertifyResult holds = certify(1.05 * largest, 5000);
  EXPECT_EQ(holds.proved, 1);
  EXPECT_EQ(holds.end, BoundEnd::kTolerance);
  const CertifyResult partly = certify(0.8 * largest, 5000);
  EXPECT_GT(partly.proved, 0.1);
  EXPECT_LT(partly.proved, 1);
  EXPECT_GT(partly.violated + partly.refuted, 0);
  const CertifyResult never = certify(0, 1);
  EXPECT_EQ(never.proved, 0);
  EXPECT_EQ(never.num_boxes, 1);
}

TEST(CertifyTest, StopsWithWhatIsDecided) {
  const Shared program = Program("input x\noutput y = x");
  std::stop_source source;
  source.request_stop();
  const Conditions conditions{.values = {{.output = 0, .lo = 0, .hi = 0.5}}};
  const CertifyResult result = Certify(*MakeEncloser(*program), Cube(1, 0, 1), conditions,
                                       {.max_boxes = 1000}, source.get_token());
  EXPECT_EQ(result.end, BoundEnd::kCancelled);
  EXPECT_EQ(result.refuted, 1);
}

TEST(CertifyTest, BadConditionsAreNamed) {
  const auto network = every_kind::Network({.n = 2, .m = 1});
  const auto encloser = MakeEncloser(*network);
  const Box box = Cube(2, 0, 1);
  const auto field = [&](const Conditions& conditions) {
    return FieldOfError([&] { Certify(*encloser, box, conditions, {}); });
  };
  EXPECT_EQ(field({}), "conditions");
  EXPECT_EQ(field({.values = {{.output = 1, .lo = 0, .hi = 1}}}), "conditions");
  EXPECT_EQ(field({.values = {{.output = 0, .lo = 2, .hi = 1}}}), "conditions");
  EXPECT_EQ(field({.values = {{.output = 0, .lo = NAN, .hi = 1}}}), "conditions");
  EXPECT_EQ(field({.derivatives = {{.output = 0, .input = 2, .most = 1}}}), "conditions");
  EXPECT_EQ(field({.derivatives = {{.output = 0, .input = 1, .most = -1}}}), "conditions");
  const Conditions good{.values = {{.output = 0, .lo = 0, .hi = 1}}};
  EXPECT_EQ(FieldOfError([&] { Certify(*encloser, box, good, {.max_boxes = 0}); }), "budget");
  EXPECT_EQ(FieldOfError([&] { Certify(*encloser, Cube(2, 1, 0), good, {}); }), "box");
  EXPECT_EQ(FieldOfError([&] {
              Certify(*encloser, Cube(2, 0, std::numeric_limits<double>::infinity()), good, {});
            }),
            "box");
}

}  // namespace
}  // namespace sobolev::bounds
