// What is proven of every kind of surrogate on a box holds at all points of the box.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/natural_network.h"
#include "engine/bounds/network_layers.h"
#include "engine/chain/pipeline.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/local_taylor.h"
#include "tests/engine/bounds/borehole.h"
#include "tests/engine/bounds/boxes.h"
#include "tests/support/every_kind.h"
#include "tests/support/reference_network.h"

namespace sobolev::bounds {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Within 0.4 … 1.6, of half sides up to `size`.
Box SmallBox(Index n, double size, Rng& rng) {
  Box box{Vector(n), Vector(n)};
  for (Index j = 0; j < n; ++j) {
    const double centre = 0.7 + 0.6 * rng.Uniform();
    const double radius = size * rng.Uniform();
    box.lo(j) = std::max(0.4, centre - radius);
    box.hi(j) = std::min(1.6, centre + radius);
  }
  return box;
}

// Inside, and as often at random corners.
Matrix PointsOf(const Box& box, Index count, Rng& rng) {
  Matrix X = RandomPoints(box, count, rng);
  for (Index s = 1; s < count; s += 2) {
    for (Index j = 0; j < box.n(); ++j) X(j, s) = rng.Below(2) == 0 ? box.lo(j) : box.hi(j);
  }
  return X;
}

// How many of the points have a value or derivative outside.
Index CountOutside(const Encloser& encloser, const Box& box, const Enclosure& enclosure,
                   Index num_points, Rng& rng) {
  const Matrix X = PointsOf(box, num_points, rng);
  Matrix Y;
  Matrix J;
  encloser.Evaluate(X, &Y, &J);
  Index outside = 0;
  for (Index s = 0; s < num_points; ++s) {
    const Index m = encloser.m();
    const bool within =
        enclosure.ContainsValues(Y.col(s)) && enclosure.ContainsJacobian(J.middleCols(s * m, m));
    if (!within) ++outside;
  }
  return outside;
}

std::vector<every_kind::Kind> AllKinds() {
  std::vector<every_kind::Kind> kinds = every_kind::Kinds();
  const Shared program = Program(
      "input x\ninput y\ninput z\noutput u = sin(x*y) + z^2\noutput v = exp(-x)/z\n"
      "output w = log(y) * x");
  kinds.push_back({"program", program});
  kinds.push_back(
      {"pipeline", std::make_shared<chain::Pipeline>(
                       3,
                       std::vector<chain::Stage>{
                           {.function = program, .inputs = {0, 1, 2}},
                           {.function = every_kind::Network({.n = 4, .m = 2, .hidden = {9}}),
                            .inputs = {3, 4, 0, 5}},
                           {.function = every_kind::Polynomial(4, 4), .inputs = {6, 7, 1, 6}}},
                       std::vector<Index>{8, 10, 6})});
  return kinds;
}

class EveryKindTest : public testing::TestWithParam<every_kind::Kind> {};

TEST_P(EveryKindTest, HoldsAtAllPointsOfBoxesOfAllSizes) {
  const Surrogate& surrogate = *GetParam().surrogate;
  for (const Effort effort : {Effort::kQuick, Effort::kThorough}) {
    const auto encloser = MakeEncloser(surrogate, effort);
    Rng rng(1);
    for (const double size : {1e-9, 1e-4, 0.02, 0.1, 0.5, 1.2}) {
      for (int k = 0; k < 8; ++k) {
        const Box box = SmallBox(surrogate.n(), size, rng);
        const Enclosure enclosure = encloser->Enclose(box, true);
        EXPECT_EQ(CountOutside(*encloser, box, enclosure, 60, rng), 0) << size;
        const Enclosure values = encloser->Enclose(box, false);
        EXPECT_FALSE(values.HasJacobian());
        EXPECT_TRUE((values.y_lo.array() <= enclosure.y_hi.array()).all());
        EXPECT_TRUE((values.y_hi.array() >= enclosure.y_lo.array()).all());
      }
    }
  }
}

// The width of bounds on values falls with the size of the box, down to rounding.
TEST_P(EveryKindTest, ShrinksWithTheBox) {
  const Surrogate& surrogate = *GetParam().surrogate;
  const auto encloser = MakeEncloser(surrogate);
  Rng rng(2);
  const Vector x = SmallBox(surrogate.n(), 0.1, rng).Centre();
  const auto width = [&](double radius) {
    const Enclosure enclosure = encloser->Enclose({x.array() - radius, x.array() + radius}, true);
    return std::pair((enclosure.y_hi - enclosure.y_lo).maxCoeff(),
                     (enclosure.J_hi - enclosure.J_lo).maxCoeff());
  };
  const auto [y_wide, J_wide] = width(1e-3);
  const auto [y_narrow, J_narrow] = width(1e-6);
  EXPECT_LT(y_narrow, 2e-3 * y_wide + 1e-11);
  EXPECT_LT(J_narrow, 2e-3 * J_wide + 1e-11);
  const auto [y_point, J_point] = width(0);
  EXPECT_LT(y_point, 1e-10);
  EXPECT_LT(J_point, 1e-8);
}

TEST_P(EveryKindTest, AnUnboundedBoxHasBoundsThatHold) {
  const Surrogate& surrogate = *GetParam().surrogate;
  const auto encloser = MakeEncloser(surrogate);
  Rng rng(3);
  Box box = SmallBox(surrogate.n(), 0.2, rng);
  box.hi(0) = kInf;
  const Enclosure half = encloser->Enclose(box, true);
  Box inside = box;
  inside.hi(0) = 50;
  EXPECT_EQ(CountOutside(*encloser, inside, half, 40, rng), 0);
  const Box all{Vector::Constant(surrogate.n(), -kInf), Vector::Constant(surrogate.n(), kInf)};
  const Enclosure everything = encloser->Enclose(all, true);
  EXPECT_EQ(CountOutside(*encloser, SmallBox(surrogate.n(), 0.6, rng), everything, 40, rng), 0);
  EXPECT_FALSE(everything.y_lo.hasNaN() || everything.J_lo.hasNaN());
}

TEST_P(EveryKindTest, BadBoxesAreNamed) {
  const auto encloser = MakeEncloser(*GetParam().surrogate);
  const Index n = encloser->n();
  const auto expect_refused = [&](const Box& box) {
    try {
      encloser->Enclose(box, true);
      ADD_FAILURE() << "a bad box was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_EQ(error.field(), "box");
    }
  };
  Box box{Vector::Zero(n), Vector::Ones(n)};
  expect_refused({Vector::Zero(n + 1), Vector::Ones(n + 1)});
  expect_refused({Vector::Zero(n), Vector::Ones(n - 1)});
  expect_refused({Vector::Ones(n), Vector::Zero(n)});
  expect_refused({Vector::Constant(n, kInf), Vector::Constant(n, kInf)});
  box.lo(n - 1) = std::nan("");
  expect_refused(box);
}

INSTANTIATE_TEST_SUITE_P(, EveryKindTest, testing::ValuesIn(AllKinds()),
                         [](const auto& param_info) { return param_info.param.name; });

// ---- Networks -----------------------------------------------------------------------------------

struct NetworkCase {
  nn::Activation activation;
  reference::Form form;

  friend std::ostream& operator<<(std::ostream& out, const NetworkCase& network) {
    return out << nn::Name(network.activation) << network.form.name();
  }
};

std::vector<NetworkCase> NetworkCases() {
  using enum nn::Activation;
  std::vector<NetworkCase> cases;
  for (const nn::Activation activation : {kSoftplus, kTanh, kSilu, kGelu, kSin}) {
    cases.push_back({activation, reference::kPlain});
    for (const reference::Form& form : reference::kVariations) cases.push_back({activation, form});
  }
  return cases;
}

class NetworkBoundsTest : public testing::TestWithParam<NetworkCase> {
 protected:
  std::shared_ptr<const nn::NetworkSurrogate> Network(std::uint64_t seed) const {
    return every_kind::Network({.n = 4,
                                .m = 2,
                                .hidden = {12, 12, 12, 7},
                                .activation = GetParam().activation,
                                .skip = GetParam().form.skip,
                                .residual = GetParam().form.residual},
                               seed);
  }
};

// 20 cases of 3 networks, 30 boxes and 80 points: 144,000 checks of 10 numbers each.
TEST_P(NetworkBoundsTest, HoldsEverywhere) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto network = Network(seed);
    const auto encloser = MakeEncloser(*network);
    Rng rng(seed);
    for (int k = 0; k < 30; ++k) {
      const double size = std::pow(10.0, -4 + 5 * rng.Uniform());
      Box box{Vector(4), Vector(4)};
      for (Index j = 0; j < 4; ++j) {
        box.lo(j) = 1 + rng.Normal() - size * rng.Uniform();
        box.hi(j) = box.lo(j) + size * rng.Uniform();
      }
      const Enclosure enclosure = encloser->Enclose(box, true);
      ASSERT_EQ(CountOutside(*encloser, box, enclosure, 80, rng), 0) << size;
    }
  }
}

// Bounds of a point are those of its rounding errors, about the value in extended precision.
TEST_P(NetworkBoundsTest, APointHasNarrowBounds) {
  const auto network = Network(4);
  const auto encloser = MakeEncloser(*network);
  const nn::Scaling& scaling = network->scaling();
  const Vector x = Vector::LinSpaced(4, 0.4, 1.6);
  const Enclosure enclosure = encloser->Enclose({x, x}, true);
  using Extended = long double;
  const reference::VectorOf<Extended> u = (x.cast<Extended>() - scaling.x_mean.cast<Extended>())
                                              .cwiseQuotient(scaling.x_scale.cast<Extended>());
  const reference::VectorOf<Extended> y =
      reference::Value<Extended>(network->architecture(), network->theta().cast<Extended>(), u)
          .cwiseProduct(scaling.y_scale.cast<Extended>()) +
      scaling.y_mean.cast<Extended>();
  for (Index i = 0; i < 2; ++i) {
    EXPECT_LE(enclosure.y_lo(i), y(i));
    EXPECT_GE(enclosure.y_hi(i), y(i));
  }
  EXPECT_LT((enclosure.y_hi - enclosure.y_lo).maxCoeff(), 1e-10);
  EXPECT_LT((enclosure.J_hi - enclosure.J_lo).maxCoeff(), 1e-8);
}

// On small boxes the bounds are nearly those of a linear function and its Hessian.
TEST_P(NetworkBoundsTest, OfSmallBoxesAreNearlyExact) {
  const auto network = Network(5);
  const auto encloser = MakeEncloser(*network);
  const Vector x = Vector::Constant(4, 1.1);
  const double radius = 1e-5;
  const Enclosure enclosure = encloser->Enclose({x.array() - radius, x.array() + radius}, true);
  Matrix J(4, 2);
  Matrix H(4, 8);
  network->Predict({x.data(), 4, 1}, std::nullopt, std::nullopt, {.J = J.data(), .H = H.data()});
  for (Index i = 0; i < 2; ++i) {
    const double range = 2 * radius * J.col(i).cwiseAbs().sum();
    EXPECT_NEAR(enclosure.y_hi(i) - enclosure.y_lo(i), range, 0.01 * range);
    for (Index j = 0; j < 4; ++j) {
      const double bend = 2 * radius * H.col(4 * i + j).cwiseAbs().sum();
      EXPECT_NEAR(enclosure.J_hi(j, i) - enclosure.J_lo(j, i), bend, 0.02 * bend + 1e-8);
    }
  }
}

TEST_P(NetworkBoundsTest, IsTighterThanPlainIntervals) {
  const auto network = Network(6);
  const auto encloser = MakeEncloser(*network);
  const NetworkLayers layers(*network);
  Rng rng(6);
  const Box box = SmallBox(4, 0.1, rng);
  const Enclosure tight = encloser->Enclose(box, true);
  const Enclosure plain = EncloseNaturally(layers, box, true);
  EXPECT_EQ(CountOutside(*encloser, box, plain, 100, rng), 0);
  EXPECT_LT((tight.y_hi - tight.y_lo).sum(), 0.6 * (plain.y_hi - plain.y_lo).sum());
  EXPECT_LT((tight.J_hi - tight.J_lo).sum(), 0.6 * (plain.J_hi - plain.J_lo).sum());
}

TEST_P(NetworkBoundsTest, HugeBoxesHaveBoundsThatHold) {
  const auto network = Network(7);
  const auto encloser = MakeEncloser(*network);
  Rng rng(7);
  for (const double size : {1e3, 1e6, 1e9, 1e100, 1e308}) {
    const Box box{Vector::Constant(4, -size), Vector::Constant(4, size)};
    const Enclosure enclosure = encloser->Enclose(box, true);
    EXPECT_FALSE(enclosure.y_lo.hasNaN() || enclosure.y_hi.hasNaN());
    if (size < 1e9) {
      EXPECT_EQ(CountOutside(*encloser, box, enclosure, 100, rng), 0) << size;
    }
    const Box inside = SmallBox(4, 0.5, rng);
    EXPECT_EQ(CountOutside(*encloser, inside, enclosure, 100, rng), 0) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(, NetworkBoundsTest, testing::ValuesIn(NetworkCases()),
                         [](const auto& param_info) {
                           return std::string(nn::Name(param_info.param.activation)) +
                                  param_info.param.form.name();
                         });

TEST(LinearNetworkTest, BoundsAreExact) {
  const auto network = every_kind::Network({.n = 3, .m = 2});
  const auto encloser = MakeEncloser(*network);
  const Vector lo = Vector::Constant(3, 0.5);
  const Vector hi = Vector::Constant(3, 1.5);
  const Enclosure enclosure = encloser->Enclose({lo, hi}, true);
  Matrix y(2, 1);
  Matrix J(3, 2);
  const Vector centre = Vector::Ones(3);
  network->Predict({centre.data(), 3, 1}, std::nullopt, std::nullopt,
                   {.Y = y.data(), .J = J.data()});
  for (Index i = 0; i < 2; ++i) {
    const double spread = 0.5 * J.col(i).cwiseAbs().sum();
    EXPECT_NEAR(enclosure.y_lo(i), y(i) - spread, 1e-12);
    EXPECT_NEAR(enclosure.y_hi(i), y(i) + spread, 1e-12);
  }
  EXPECT_LT((enclosure.J_hi - enclosure.J_lo).maxCoeff(), 1e-12);
}

// ---- Kinds against each other -------------------------------------------------------------------

TEST(AgreementTest, AnEnsembleOfOneAndAPipelineOfOneHaveTheBoundsOfTheirNetwork) {
  const auto network = every_kind::Network({.n = 3, .m = 2, .hidden = {8, 8}});
  const EnsembleSurrogate ensemble({network, network});
  const chain::Pipeline pipeline(3, {{.function = network, .inputs = {0, 1, 2}}}, {3, 4});
  const ComposedSurrogate composed(
      {.features = FeatureMap(3), .outputs = std::vector<OutputMap>(2)}, network);
  const Box box{Vector::Constant(3, 0.8), Vector::Constant(3, 1.1)};
  const Enclosure truth = MakeEncloser(*network)->Enclose(box, true);
  const Surrogate* const others[] = {&ensemble, &pipeline, &composed};
  for (const Surrogate* const other : others) {
    const Enclosure same = MakeEncloser(*other)->Enclose(box, true);
    EXPECT_LT((same.y_lo - truth.y_lo).cwiseAbs().maxCoeff(), 1e-12);
    EXPECT_LT((same.y_hi - truth.y_hi).cwiseAbs().maxCoeff(), 1e-12);
    EXPECT_LT((same.J_lo - truth.J_lo).cwiseAbs().maxCoeff(), 1e-12);
    EXPECT_LT((same.J_hi - truth.J_hi).cwiseAbs().maxCoeff(), 1e-12);
  }
}

// A program that jumps: nothing may be concluded from its derivative, which is 0.
TEST(ProgramBoundsTest, AJumpIsWithinTheBounds) {
  const Shared step = Program("input x\noutput y = floor(x)");
  const auto encloser = MakeEncloser(*step);
  EXPECT_FALSE(encloser->IsSmooth());
  const Enclosure enclosure =
      encloser->Enclose({Vector::Constant(1, -0.5), Vector::Constant(1, 2.5)}, true);
  EXPECT_EQ(enclosure.y_lo(0), -1);
  EXPECT_EQ(enclosure.y_hi(0), 2);
}

// Where the bumps of local models are steep they weigh most: a box that has many of them whole does
// not have derivatives without bounds.
TEST(LocalTaylorEncloserTest, SlopesOfBumpsAreBoundedOnWideBoxes) {
  const LocalTaylorSurrogate local(every_kind::Network({.n = 2, .m = 1, .hidden = {6}}),
                                   every_kind::Patches(2, 1, 50, 2));
  const Box box{.lo = Vector::Constant(2, -0.5), .hi = Vector::Constant(2, 2)};
  Rng rng(1);
  Matrix X(2, 20'000);
  for (double& entry : X.reshaped()) entry = -0.5 + 2.5 * rng.Uniform();
  Matrix J(2, X.cols());
  local.Predict({X.data(), X.rows(), X.cols()}, {}, {}, {.J = J.data()});
  const Enclosure enclosure = MakeEncloser(local)->Enclose(box, true);
  for (Index j = 0; j < 2; ++j) {
    EXPECT_LE(enclosure.J_lo(j, 0), J.row(j).minCoeff());
    EXPECT_GE(enclosure.J_hi(j, 0), J.row(j).maxCoeff());
    EXPECT_LT(std::max(-enclosure.J_lo(j, 0), enclosure.J_hi(j, 0)),
              1000 * J.row(j).cwiseAbs().maxCoeff());
  }
}

}  // namespace
}  // namespace sobolev::bounds
