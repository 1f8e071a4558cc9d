// Counts what passes through operator new: a program of its own, because it replaces it.

#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/nn/constrained_sweep.h"
#include "engine/nn/constraints.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "tests/engine/nn/gram_reference.h"
#include "tests/support/counting_new.h"

namespace sobolev::nn {
namespace {

// `make` gives a sweep of labelled points and weights.
template <class Make>
void ExpectOnlyTheConstructorAllocates(const Architecture& architecture, const Make& make) {
  const reference::GramProblem problem = reference::RandomGramProblem(
      architecture, 300,
      {.missing = 0.1, .num_tangents = 50, .num_adjoints = 50, .num_curvatures = 50}, 3);
  const int at_start = num_allocations;
  auto sweep = make(problem.points, problem.weights);
  EXPECT_GT(num_allocations, at_start);
  const Vector& theta = problem.theta;
  Matrix H(theta.size(), theta.size());
  Matrix R(sweep.ResidualSize(), theta.size());
  Vector gradient(theta.size());
  Vector r(sweep.ResidualSize());
  // The first calls may start threads.
  sweep.Loss(theta);
  const int before = num_allocations;
  sweep.Loss(theta);
  sweep.Residuals(theta, r);
  sweep.Gradient(theta, gradient);
  sweep.Apply(theta, theta, r);
  sweep.ApplyTransposed(theta, r, gradient);
  sweep.Rows(theta, R, gradient, r);
  sweep.Assemble(theta, H, gradient, r);
  EXPECT_EQ(num_allocations, before);
}

TEST(GramAllocationTest, OnlyTheConstructorAllocates) {
  const Architecture plain{.n = 4, .m = 2, .hidden = {12, 9}, .activation = Activation::kTanh};
  ExpectOnlyTheConstructorAllocates(plain,
                                    [&](const LabelledPoints& points, const LossWeights& weights) {
                                      return GramSweep(plain, points, weights);
                                    });
}

TEST(GramAllocationTest, ConstraintsAndOtherFormsOfNetworksAllocateNoMore) {
  const Architecture architecture{.n = 4,
                                  .m = 2,
                                  .hidden = {12, 12},
                                  .activation = Activation::kTanh,
                                  .skip = true,
                                  .residual = true};
  const ShapeConstraints shape{
      .slopes = {Slope::kIncreasing, Slope::kFree, Slope::kFree, Slope::kDecreasing}};
  ExpectOnlyTheConstructorAllocates(
      architecture, [&](const LabelledPoints& points, const LossWeights& weights) {
        return ConstrainedSweep(architecture, shape, points, weights, {});
      });
}

}  // namespace
}  // namespace sobolev::nn
