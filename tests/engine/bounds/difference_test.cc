// Bounds of the difference of two surrogates.

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "tests/engine/bounds/borehole.h"
#include "tests/engine/bounds/boxes.h"
#include "tests/support/every_kind.h"

namespace sobolev::bounds {
namespace {

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
      EXPECT_LE((enclosure.y_hi - (of_f.y_hi - of_g.y_lo)).maxCoeff(), 1e-11);
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
        EXPECT_LT(J_now, 0.35 * J_before);
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

// Two networks that have nothing in common but what they were trained on.
TEST(DifferenceTest, OfNetworksOfOtherSizesHoldsAndShrinksFasterThanTheBox) {
  const nn::NetworkSurrogate f = TrainBorehole({24, 24}, nn::Activation::kSoftplus, 400, 60);
  const nn::NetworkSurrogate g = TrainBorehole({8, 6}, nn::Activation::kTanh, 400, 60);
  const auto encloser = MakeDifferenceEncloser(f, g);
  Rng rng(5);
  for (const double fraction : {0.01, 0.1, 0.3, 1.0}) {
    for (int k = 0; k < 10; ++k) {
      const Box box = RandomBox(BoreholeDomain(), fraction, rng);
      const Enclosure enclosure = encloser->Enclose(box, true);
      const Matrix X = RandomPoints(box, 2500, rng);
      Matrix Y;
      Matrix J;
      encloser->Evaluate(X, &Y, &J);
      for (Index s = 0; s < X.cols(); ++s) {
        ASSERT_TRUE(enclosure.ContainsValues(Y.col(s)));
        ASSERT_TRUE(enclosure.ContainsJacobian(J.col(s)));
      }
    }
  }
  // What is proven beyond what is sampled, of half the box.
  const auto excess = [&](double fraction) {
    Rng same(6);
    double sum = 0;
    for (int k = 0; k < 10; ++k) {
      const Box box = RandomBox(BoreholeDomain(), fraction, same);
      const Enclosure sampled = SampleRanges(*encloser, box, false, 500, 1);
      const Enclosure proven = encloser->Enclose(box, false);
      sum += (proven.y_hi - proven.y_lo - sampled.y_hi + sampled.y_lo).sum();
    }
    return sum;
  };
  EXPECT_LT(excess(0.1), 0.3 * excess(0.2));
}

TEST(DifferenceTest, ModelsOfOtherSizesAreRefused) {
  const auto f = every_kind::Network({.n = 3, .m = 2});
  const auto g = every_kind::Network({.n = 3, .m = 1});
  EXPECT_EQ(FieldOfError([&] { MakeDifferenceEncloser(*f, *g); }), "model");
}

}  // namespace
}  // namespace sobolev::bounds
