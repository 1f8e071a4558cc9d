// Bounds by subdivision, of differences, and conditions that hold on a part of a box.

#include "engine/bounds/bound.h"

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

#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/bounds/box.h"
#include "engine/bounds/certify.h"
#include "engine/bounds/encloser.h"
#include "engine/chain/program_surrogate.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "tests/engine/bounds/borehole.h"
#include "tests/support/every_kind.h"

namespace sobolev::bounds {
namespace {

using every_kind::Shared;

Shared Program(const std::string& source) {
  return std::make_shared<chain::ProgramSurrogate>(source);
}

Box Cube(Index n, double lo, double hi) {
  return {Vector::Constant(n, lo), Vector::Constant(n, hi)};
}

// All hidden weights as magnitudes, so that the network rises in every input.
std::shared_ptr<const nn::NetworkSurrogate> Rising() {
  const auto network = every_kind::Network(
      {.n = 3, .m = 1, .hidden = {9, 9}, .activation = nn::Activation::kTanh}, 3);
  return std::make_shared<nn::NetworkSurrogate>(network->architecture(), network->scaling(),
                                                network->theta().cwiseAbs());
}

template <class Call>
std::string FieldOfError(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.field();
  }
  return "no error";
}

TEST(BoundTest, ComesCloseToTheRangeOfAProgram) {
  // With x = [−2, 2], natural intervals say [−6, 10]; the truth is [−1, 8].
  const Shared program = Program("input x\noutput y = x^2 + 2*x");
  const auto encloser = MakeEncloser(*program);
  const BoundResult rough = Bound(*encloser, Cube(1, -2, 2), {.max_boxes = 1});
  const BoundResult fine = Bound(*encloser, Cube(1, -2, 2), {.max_boxes = 2000, .tolerance = 1e-3});
  EXPECT_EQ(rough.num_boxes, 1);
  EXPECT_EQ(rough.end, BoundEnd::kBudget);
  EXPECT_LE(rough.proven.y_lo(0), -3.5);
  EXPECT_EQ(fine.end, BoundEnd::kTolerance);
  EXPECT_LE(fine.proven.y_lo(0), -1);
  EXPECT_NEAR(fine.proven.y_lo(0), -1, 0.02);
  EXPECT_GE(fine.proven.y_hi(0), 8);
  EXPECT_NEAR(fine.proven.y_hi(0), 8, 0.02);
  EXPECT_NEAR(fine.sampled.y_lo(0), -1, 1e-3);
  EXPECT_NEAR(fine.sampled.y_hi(0), 8, 1e-3);
  EXPECT_NEAR(fine.proven.J_lo(0), -2, 0.01);
  EXPECT_NEAR(fine.proven.J_hi(0), 6, 0.01);
}

// Its extrema are at two corners of the box, and three boxes prove that.
TEST(BoundTest, IsExactForAMonotoneNetwork) {
  const auto network = Rising();
  const auto encloser = MakeEncloser(*network);
  const Box box = Cube(3, 0.9, 1.2);
  const BoundResult result = Bound(*encloser, box, {.max_boxes = 3, .tolerance = 1e-9});
  Matrix Y;
  Matrix X(3, 2);
  X << box.lo, box.hi;
  encloser->Evaluate(X, &Y, nullptr);
  ASSERT_GE(result.proven.J_lo.minCoeff(), 0);
  EXPECT_NEAR(result.proven.y_lo(0), Y(0, 0), 1e-9);
  EXPECT_NEAR(result.proven.y_hi(0), Y(0, 1), 1e-9);
}

TEST(BoundTest, NothingSampledIsOutsideAndMoreBoxesAreTighter) {
  const auto network = every_kind::Network({.n = 3, .m = 2, .hidden = {12, 12}}, 5);
  const auto encloser = MakeEncloser(*network);
  const Box box = Cube(3, 0.4, 1.6);
  double width = std::numeric_limits<double>::infinity();
  for (const Index max_boxes : {1, 20, 200, 1000}) {
    const BoundResult result =
        Bound(*encloser, box, {.max_boxes = max_boxes, .tolerance = 1e-3, .num_samples = 5000});
    EXPECT_LE(result.num_boxes, max_boxes);
    EXPECT_TRUE(result.proven.ContainsValues(result.sampled.y_lo));
    EXPECT_TRUE(result.proven.ContainsValues(result.sampled.y_hi));
    EXPECT_TRUE(result.proven.ContainsJacobian(result.sampled.J_lo));
    EXPECT_TRUE(result.proven.ContainsJacobian(result.sampled.J_hi));
    const double now = (result.proven.J_hi - result.proven.J_lo).sum();
    EXPECT_LE(now, width);
    width = now;
  }
  const Enclosure sampled = SampleRanges(*encloser, box, true, 5000, 9);
  EXPECT_LT(width, 1.2 * (sampled.J_hi - sampled.J_lo).sum());
}

// A function without bounds on a part of the box.
TEST(BoundTest, PolesStayUnbounded) {
  const Shared program = Program("input x\noutput y = 1/x");
  const BoundResult result = Bound(*MakeEncloser(*program), Cube(1, -1, 1), {.max_boxes = 100});
  EXPECT_EQ(result.proven.y_hi(0), std::numeric_limits<double>::infinity());
  EXPECT_EQ(result.end, BoundEnd::kBudget);
}

TEST(BoundTest, ADiscontinuousProgramIsNotTakenForMonotone) {
  const Shared program = Program("input x\noutput y = where(x < 0.3, 5, floor(x))");
  const BoundResult result = Bound(*MakeEncloser(*program), Cube(1, 0, 0.9), {.max_boxes = 50});
  EXPECT_LE(result.proven.y_lo(0), 0);
  EXPECT_GE(result.proven.y_hi(0), 5);
}

TEST(BoundTest, DegenerateAndUnboundedBoxesAreNotCut) {
  const auto network = every_kind::Network({.n = 2, .m = 1, .hidden = {5}}, 6);
  const auto encloser = MakeEncloser(*network);
  const BoundResult point = Bound(*encloser, Cube(2, 1, 1), {.max_boxes = 100, .tolerance = 0});
  EXPECT_EQ(point.num_boxes, 1);
  EXPECT_NEAR(point.proven.y_lo(0), point.sampled.y_hi(0), 1e-11);
  Box flat = Cube(2, 0.5, 1.5);
  flat.lo(1) = flat.hi(1) = 0.7;
  const BoundResult line = Bound(*encloser, flat, {.max_boxes = 100});
  EXPECT_TRUE(line.proven.ContainsValues(line.sampled.y_hi));
  flat.hi(1) = std::numeric_limits<double>::infinity();
  const BoundResult half = Bound(*encloser, flat, {.max_boxes = 100});
  EXPECT_EQ(half.num_boxes, 1);
  EXPECT_TRUE(half.proven.ContainsValues(half.sampled.y_hi));
}

TEST(BoundTest, BadBudgetsAndBoxesAreNamed) {
  const auto network = every_kind::Network({.n = 2, .m = 1, .hidden = {5}});
  const auto encloser = MakeEncloser(*network);
  EXPECT_EQ(FieldOfError([&] { Bound(*encloser, Cube(2, 0, 1), {.max_boxes = 0}); }), "budget");
  EXPECT_EQ(FieldOfError([&] { Bound(*encloser, Cube(2, 1, 0), {}); }), "box");
  EXPECT_EQ(FieldOfError([&] { Bound(*encloser, Cube(3, 0, 1), {}); }), "box");
  EXPECT_EQ(FieldOfError([&] { Bound(*encloser, Cube(2, NAN, 1), {}); }), "box");
}

TEST(BoundTest, AStoppedSearchReturnsWhatItHas) {
  const auto network = every_kind::Network({.n = 3, .m = 1, .hidden = {12, 12}}, 5);
  const auto encloser = MakeEncloser(*network);
  std::stop_source source;
  source.request_stop();
  const BoundResult result = Bound(*encloser, Cube(3, 0.4, 1.6),
                                   {.max_boxes = 100'000, .tolerance = 0}, source.get_token());
  EXPECT_EQ(result.end, BoundEnd::kCancelled);
  EXPECT_TRUE(result.proven.ContainsValues(result.sampled.y_hi));
}

TEST(BoundTest, HasTheSameBitsOnAnyNumberOfThreads) {
  const auto network = every_kind::Network({.n = 3, .m = 2, .hidden = {12, 12}}, 5);
  const auto encloser = MakeEncloser(*network);
  const auto run = [&](int threads) {
    oneapi::tbb::task_arena arena(threads);
    BoundResult result;
    arena.execute([&] { result = Bound(*encloser, Cube(3, 0.4, 1.6), {.max_boxes = 300}); });
    return result;
  };
  const BoundResult one = run(1);
  const BoundResult four = run(4);
  EXPECT_EQ(one.num_boxes, four.num_boxes);
  EXPECT_EQ(one.proven.y_lo, four.proven.y_lo);
  EXPECT_EQ(one.proven.J_hi, four.proven.J_hi);
  EXPECT_EQ(one.sampled.J_hi, four.sampled.J_hi);
}

// ---- Differences --------------------------------------------------------------------------------

nn::NetworkSurrogate Perturbed(const nn::NetworkSurrogate& network, double size) {
  Vector theta = network.theta();
  Rng rng(8);
  for (double& weight : theta) weight *= 1 + size * rng.Normal();
  return {network.architecture(), network.scaling(), theta};
}

TEST(DifferenceTest, HoldsAtAllPointsAndIsAtMostTheDifferenceOfBounds) {
  Rng rng(1);
  const auto f = every_kind::Network(
      {.n = 3, .m = 2, .hidden = {10, 10}, .activation = nn::Activation::kSilu});
  const nn::NetworkSurrogate perturbed = Perturbed(*f, 0.05);
  const auto other = every_kind::Network({.n = 3, .m = 2, .hidden = {6}, .skip = true}, 2);
  const Shared polynomial = std::make_shared<EnsembleSurrogate>(
      std::vector<Shared>{other, every_kind::Network({.n = 3, .m = 2, .hidden = {4}}, 3)});
  const Surrogate* const others[] = {&perturbed, other.get(), polynomial.get(), f.get()};
  for (const Surrogate* const g : others) {
    const auto encloser = MakeDifferenceEncloser(*f, *g);
    for (const double size : {1e-6, 0.01, 0.1, 0.5}) {
      Box box = Cube(3, 1 - size, 1 + size);
      box.hi(1) = 1 + 0.3 * size;
      const Enclosure enclosure = encloser->Enclose(box, true);
      const Matrix X = RandomPoints(box, 500, rng);
      Matrix Y;
      Matrix J;
      encloser->Evaluate(X, &Y, &J);
      for (Index s = 0; s < X.cols(); ++s) {
        // What is sampled is rounded.
        const Vector y = Y.col(s);
        const double room = 1e-13;
        ASSERT_TRUE(enclosure.ContainsValues(y.array() + room) ||
                    enclosure.ContainsValues(y.array() - room) || enclosure.ContainsValues(y));
        ASSERT_GE((enclosure.J_hi - J.middleCols(2 * s, 2)).minCoeff(), -1e-12);
        ASSERT_GE((J.middleCols(2 * s, 2) - enclosure.J_lo).minCoeff(), -1e-12);
      }
      const Enclosure of_f = MakeEncloser(*f)->Enclose(box, true);
      const Enclosure of_g = MakeEncloser(*g)->Enclose(box, true);
      EXPECT_LE((enclosure.y_hi - (of_f.y_hi - of_g.y_lo)).maxCoeff(), 1e-12);
      EXPECT_LE((enclosure.J_hi - (of_f.J_hi - of_g.J_lo)).maxCoeff(), 1e-12);
    }
  }
}

// Networks that are alike are followed layer by layer: what is proven shrinks with the change.
TEST(DifferenceTest, ShrinksWithTheChangeOfWeights) {
  for (const bool skip : {false, true}) {
    for (const bool residual : {false, true}) {
      const auto f = every_kind::Network(
          {.n = 3, .m = 2, .hidden = {10, 10, 10}, .skip = skip, .residual = residual});
      const Box box = Cube(3, 0.8, 1.2);
      Rng rng(3);
      double y_before = std::numeric_limits<double>::infinity();
      double J_before = y_before;
      for (const double change : {1e-1, 1e-2, 1e-3, 1e-4}) {
        const nn::NetworkSurrogate g = Perturbed(*f, change);
        const auto encloser = MakeDifferenceEncloser(*f, g);
        const Enclosure enclosure = encloser->Enclose(box, true);
        const Matrix X = RandomPoints(box, 300, rng);
        Matrix Y;
        Matrix J;
        encloser->Evaluate(X, &Y, &J);
        for (Index s = 0; s < X.cols(); ++s) {
          ASSERT_TRUE(enclosure.ContainsValues(Y.col(s)));
          ASSERT_TRUE(enclosure.ContainsJacobian(J.middleCols(2 * s, 2)));
        }
        const double y_now = (enclosure.y_hi - enclosure.y_lo).sum();
        const double J_now = (enclosure.J_hi - enclosure.J_lo).sum();
        EXPECT_LT(y_now, 0.25 * y_before);
        EXPECT_LT(J_now, 0.25 * J_before);
        y_before = y_now;
        J_before = J_now;
      }
    }
  }
}

// f without the last two units of its second hidden layer, of which the weights that leave them are
// given a size.
std::pair<std::shared_ptr<const nn::NetworkSurrogate>, std::shared_ptr<const nn::NetworkSurrogate>>
WithAndWithoutUnits(bool skip, double size) {
  nn::Architecture architecture{.n = 3, .m = 1, .hidden = {8, 7}, .skip = skip};
  const auto f = every_kind::Network(architecture, 9);
  const Index inputs = skip ? 3 : 0;
  const Index second = 8 * 3 + 8;                     // Where W₂ starts.
  const Index third = second + 7 * (8 + inputs) + 7;  // And W₃.
  Vector theta = f->theta();
  theta.segment(third + 5, 2) *= size;
  architecture.hidden = {8, 5};
  Vector rest(architecture.NumParameters());
  const Index rows = 5 * (8 + inputs);
  rest << theta.head(second + rows), theta.segment(second + 7 * (8 + inputs), 5),
      theta.segment(third, 5), theta.tail(inputs + 1);
  return {std::make_shared<nn::NetworkSurrogate>(f->architecture(), f->scaling(), theta),
          std::make_shared<nn::NetworkSurrogate>(architecture, f->scaling(), rest)};
}

// A network without some of its units is recognised as a part of it, on either side.
TEST(DifferenceTest, OfAPrunedNetworkIsThatOfTheUnitsThatWereRemoved) {
  const Box box = Cube(3, 0.7, 1.3);
  Rng rng(4);
  for (const bool skip : {false, true}) {
    for (const double size : {1.0, 1e-3}) {
      const auto [f, g] = WithAndWithoutUnits(skip, size);
      const auto encloser = MakeDifferenceEncloser(*f, *g);
      const auto reversed = MakeDifferenceEncloser(*g, *f);
      const Enclosure enclosure = encloser->Enclose(box, true);
      const Enclosure negative = reversed->Enclose(box, true);
      const Matrix X = RandomPoints(box, 500, rng);
      Matrix Y;
      Matrix J;
      encloser->Evaluate(X, &Y, &J);
      for (Index s = 0; s < X.cols(); ++s) {
        ASSERT_TRUE(enclosure.ContainsValues(Y.col(s)));
        ASSERT_TRUE(enclosure.ContainsJacobian(J.col(s)));
        ASSERT_TRUE(negative.ContainsValues(-Y.col(s)));
        ASSERT_TRUE(negative.ContainsJacobian(-J.col(s)));
      }
      const double largest = Y.cwiseAbs().maxCoeff();
      EXPECT_LT(std::max(-enclosure.y_lo(0), enclosure.y_hi(0)), 2 * largest);
      EXPECT_LT(std::max(-negative.y_lo(0), negative.y_hi(0)), 2 * largest);
    }
  }
}

TEST(DifferenceTest, ModelsOfOtherSizesAreRefused) {
  const auto f = every_kind::Network({.n = 3, .m = 2});
  const auto g = every_kind::Network({.n = 3, .m = 1});
  EXPECT_EQ(FieldOfError([&] { MakeDifferenceEncloser(*f, *g); }), "model");
}

// ---- Conditions ---------------------------------------------------------------------------------

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
