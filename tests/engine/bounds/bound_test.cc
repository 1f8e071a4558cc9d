// Bounds by subdivision.

#include "engine/bounds/bound.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <stop_token>

#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "tests/engine/bounds/borehole.h"
#include "tests/engine/bounds/boxes.h"
#include "tests/support/every_kind.h"

namespace sobolev::bounds {
namespace {

// All hidden weights as magnitudes, so that the network rises in every input.
std::shared_ptr<const nn::NetworkSurrogate> Rising() {
  const auto network = every_kind::Network(
      {.n = 3, .m = 1, .hidden = {9, 9}, .activation = nn::Activation::kTanh}, 3);
  return std::make_shared<nn::NetworkSurrogate>(network->architecture(), network->scaling(),
                                                network->theta().cwiseAbs());
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

// Asks for an end after some boxes, as a caller that leaves in the middle.
class Impatient : public Encloser {
 public:
  Impatient(const Encloser& encloser, int patience) : encloser_(encloser), patience_(patience) {}

  Index n() const override { return encloser_.n(); }
  Index m() const override { return encloser_.m(); }
  void Evaluate(const Matrix& X, Matrix* Y, Matrix* J) const override {
    encloser_.Evaluate(X, Y, J);
  }
  std::stop_token stop() const { return source_.get_token(); }
  int num_boxes() const { return num_boxes_; }

 protected:
  Enclosure EncloseBox(const Box& box, bool jacobian) const override {
    if (++num_boxes_ == patience_) source_.request_stop();
    return encloser_.Enclose(box, jacobian);
  }

 private:
  const Encloser& encloser_;
  const int patience_;
  mutable std::atomic<int> num_boxes_ = 0;
  mutable std::stop_source source_;
};

TEST(BoundTest, ASearchThatIsStoppedInTheMiddleIsTrueOfAllTheBox) {
  const auto network = every_kind::Network({.n = 3, .m = 1, .hidden = {12, 12}}, 5);
  const auto encloser = MakeEncloser(*network);
  const Box box = Cube(3, 0.4, 1.6);
  for (const int patience : {1, 2, 50, 333}) {
    const Impatient impatient(*encloser, patience);
    const BoundResult result =
        Bound(impatient, box, {.max_boxes = 100'000, .tolerance = 0}, impatient.stop());
    EXPECT_EQ(result.end, BoundEnd::kCancelled);
    // Each thread may have had one under way.
    EXPECT_LT(impatient.num_boxes(), patience + 100);
    Rng rng(9);
    const Matrix X = RandomPoints(box, 2000, rng);
    Matrix Y;
    Matrix J;
    encloser->Evaluate(X, &Y, &J);
    for (Index s = 0; s < X.cols(); ++s) {
      EXPECT_TRUE(result.proven.ContainsValues(Y.col(s)));
      EXPECT_TRUE(result.proven.ContainsJacobian(J.col(s)));
    }
  }
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

}  // namespace
}  // namespace sobolev::bounds
