// Significance of networks: bounds that no sample passes, sampled figures that agree with plain
// differences, and the order that both give.

#include "engine/prune/significance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numbers>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/sampled_significance.h"
#include "tests/engine/prune/networks.h"

namespace sobolev::prune {
namespace {

std::vector<nn::Architecture> Architectures() {
  return {
      {.n = 3, .m = 2, .hidden = {5, 4}},
      {.n = 2, .m = 1, .hidden = {6}, .activation = nn::Activation::kTanh},
      {.n = 3, .m = 2, .hidden = {4, 5}, .activation = nn::Activation::kSilu, .skip = true},
      {.n = 2, .m = 2, .hidden = {4, 4, 4}, .activation = nn::Activation::kGelu, .residual = true},
      {.n = 2,
       .m = 1,
       .hidden = {5, 5},
       .activation = nn::Activation::kSin,
       .skip = true,
       .residual = true},
      {.n = 3, .m = 2, .hidden = {}}};
}

// Hidden values and adjoints of a network at points in user units.
struct Traced {
  HiddenValues values;
  std::vector<HiddenAdjoints> adjoints;  // Per output.
};
Traced Trace(const nn::NetworkSurrogate& network, const Matrix& X) {
  const nn::Scaling& scaling = network.scaling();
  const Layers layers(network);
  const Matrix standardised =
      scaling.x_scale.cwiseInverse().asDiagonal() * (X.colwise() - scaling.x_mean);
  Traced traced{.values = Evaluate(layers, standardised), .adjoints = {}};
  for (Index o = 0; o < network.m(); ++o) {
    traced.adjoints.push_back(Reverse(layers, traced.values, o));
  }
  return traced;
}

// The sweeps that everything rests on, against the surrogate's own.
TEST(LayersTest, SweepsAgreeWithTheSurrogate) {
  for (const nn::Architecture& architecture : Architectures()) {
    const nn::NetworkSurrogate network = RandomNetwork(architecture, 11);
    const Matrix X = UniformPoints(Cube(network.n(), -2, 2), 7, 1);
    const Prediction expected = Predict(network, X);
    const Traced traced = Trace(network, X);
    const nn::Scaling& scaling = network.scaling();
    EXPECT_TRUE(Matrix((scaling.y_scale.asDiagonal() * traced.values.Y).colwise() + scaling.y_mean)
                    .isApprox(expected.Y, 1e-13));
    Matrix X_dot(network.n(), network.n() * X.cols());
    for (Index j = 0; j < network.n(); ++j) {
      X_dot.middleCols(j * X.cols(), X.cols()) =
          Vector::Unit(network.n(), j).replicate(1, X.cols());
    }
    const Matrix standardised =
        scaling.x_scale.cwiseInverse().asDiagonal() * (X.colwise() - scaling.x_mean);
    const Layers layers(network);
    LayerSweep sweep(layers, standardised, X_dot);
    for (Index l = 1; l < layers.depth(); ++l) {
      sweep.Affine();
      sweep.Bend();
    }
    sweep.Affine();
    const Matrix images = sweep.Images();
    for (Index s = 0; s < X.cols(); ++s) {
      for (Index o = 0; o < network.m(); ++o) {
        for (Index j = 0; j < network.n(); ++j) {
          const double slope =
              expected.J(j, s * network.m() + o) * scaling.x_scale[j] / scaling.y_scale[o];
          EXPECT_NEAR(traced.adjoints[static_cast<std::size_t>(o)].X_bar(j, s), slope, 1e-12);
          EXPECT_NEAR(images(o, (1 + j) * X.cols() + s), slope, 1e-12);
        }
      }
    }
    EXPECT_EQ(layers.ToSurrogate(scaling).theta(), network.theta());
  }
}

TEST(SignificanceTest, NoSampleLiesOutsideItsBounds) {
  for (const nn::Architecture& architecture : Architectures()) {
    for (const Index pieces : {1, 3}) {
      const nn::NetworkSurrogate network = RandomNetwork(architecture, 5);
      const Box box = Cube(network.n(), -1.5, 1);
      SignificanceOptions options{.edges = true};
      options.splitting.counts.assign(static_cast<std::size_t>(network.n()), pieces);
      const NetworkSignificance significance = AnalyzeSignificance(network, box, options);
      const Matrix X = UniformPoints(box, 500, 2);
      const Prediction prediction = Predict(network, X);
      const Traced traced = Trace(network, X);
      const Layers layers(network);
      for (Index o = 0; o < network.m(); ++o) {
        const double unit = network.scaling().y_scale[o];
        EXPECT_LE(significance.y.lo(o, 0), prediction.Y.row(o).minCoeff());
        EXPECT_GE(significance.y.hi(o, 0), prediction.Y.row(o).maxCoeff());
        for (Index j = 0; j < network.n(); ++j) {
          double steepest = 0;
          for (Index s = 0; s < X.cols(); ++s) {
            steepest = std::max(steepest, std::abs(prediction.J(j, s * network.m() + o)));
          }
          EXPECT_LE(2.5 * steepest, significance.inputs(j, o) * (1 + 1e-12));
          EXPECT_LE(significance.sliced_inputs(j, o), significance.inputs(j, o));
        }
        const HiddenAdjoints& adjoints = traced.adjoints[static_cast<std::size_t>(o)];
        for (Index l = 1; l < layers.depth(); ++l) {
          const auto at = static_cast<std::size_t>(l - 1);
          const Vector widths =
              traced.values.A[at].rowwise().maxCoeff() - traced.values.A[at].rowwise().minCoeff();
          const Vector steepest = adjoints.A_bar[at].cwiseAbs().rowwise().maxCoeff();
          for (Index v = 0; v < layers.Width(l); ++v) {
            EXPECT_LE(unit * widths[v] * steepest[v], significance.hidden[at](v, o) * (1 + 1e-12));
          }
          // An edge into layer l carries what layer l − 1 or the input gives.
          const Matrix& W = layers.Weights(l);
          const Vector z_bar = adjoints.Z_bar[at].cwiseAbs().rowwise().maxCoeff();
          const Index inner = l == 1 ? network.n() : layers.Width(l - 1);
          for (Index j = 0; j < inner; ++j) {
            const double width = l == 1 ? 2.4 / network.scaling().x_scale[j]
                                        : traced.values.A[at - 1].row(j).maxCoeff() -
                                              traced.values.A[at - 1].row(j).minCoeff();
            for (Index i = 0; i < W.rows(); ++i) {
              EXPECT_LE(unit * std::abs(W(i, j)) * width * z_bar[i],
                        significance.edges[at][static_cast<std::size_t>(o)](i, j) * (1 + 1e-12));
            }
          }
        }
      }
    }
  }
}

// On a box that is a point the adjoints are those of the point.
TEST(SignificanceTest, APointHasItsOwnDerivativesAndNoWidth) {
  for (const nn::Architecture& architecture : Architectures()) {
    const nn::NetworkSurrogate network = RandomNetwork(architecture, 3);
    const Matrix x = UniformPoints(Cube(network.n(), -1, 1), 1, 4);
    const NetworkSignificance significance =
        AnalyzeSignificance(network, {.min = x.col(0), .max = x.col(0)});
    const Prediction prediction = Predict(network, x);
    EXPECT_TRUE(significance.jacobian.lo.isApprox(prediction.J, 1e-10));
    EXPECT_TRUE(significance.jacobian.hi.isApprox(prediction.J, 1e-10));
    EXPECT_TRUE(significance.y.hi.isApprox(prediction.Y, 1e-10));
    for (const Matrix& hidden : significance.hidden) EXPECT_LE(hidden.maxCoeff(), 1e-10);
    EXPECT_EQ(significance.inputs.maxCoeff(), 0);
  }
}

// Replacing several vertices by any constants of their ranges moves y by at most the sum of their
// significances, wherever in the box.
TEST(SignificanceTest, SumsOfSignificancesBoundWhatReplacingVerticesDoes) {
  for (const nn::Architecture& architecture :
       {nn::Architecture{.n = 3, .m = 2, .hidden = {5, 4}},
        nn::Architecture{
            .n = 3, .m = 2, .hidden = {4, 5}, .activation = nn::Activation::kSilu, .skip = true}}) {
    const nn::NetworkSurrogate network = RandomNetwork(architecture, 9);
    const Box box = Cube(3, -1, 1);
    const NetworkSignificance significance = AnalyzeSignificance(network, box);
    const Matrix X = UniformPoints(box, 300, 6);
    const Matrix before = Predict(network, X).Y;
    Rng rng(8);
    for (int repeat = 0; repeat < 50; ++repeat) {
      Layers layers(network);
      Vector allowed = Vector::Zero(2);
      for (Index l = 1; l < layers.depth(); ++l) {
        const auto at = static_cast<std::size_t>(l - 1);
        for (Index v = 0; v < layers.Width(l); ++v) {
          if (rng.Uniform() < 0.6) continue;
          const double share = rng.Uniform();
          const double constant = (1 - share) * significance.values[at].lo(v, 0) +
                                  share * significance.values[at].hi(v, 0);
          layers.Bias(l + 1) += layers.Weights(l + 1).col(v) * constant;
          layers.Weights(l + 1).col(v).setZero();
          allowed += significance.hidden[at].row(v).transpose();
        }
      }
      const Matrix after = Predict(layers.ToSurrogate(network.scaling()), X).Y;
      const Vector moved = (after - before).cwiseAbs().rowwise().maxCoeff();
      for (Index o = 0; o < 2; ++o) EXPECT_LE(moved[o], allowed[o] * (1 + 1e-12) + 1e-13);
    }
  }
}

TEST(SignificanceTest, FinerPiecesAreTighter) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 2, .m = 1, .hidden = {8, 8}}, 4);
  const Box box = Cube(2, -1, 1);
  double before = AnalyzeSignificance(network, box).y.At(0, 0).Width();
  for (const Index count : {2, 4, 8}) {
    const double width =
        AnalyzeSignificance(network, box, {.splitting = {.counts = {count, count}}})
            .y.At(0, 0)
            .Width();
    EXPECT_LT(width, before);
    before = width;
  }
}

// Against the definitions, sample by sample.
TEST(SampledSignificanceTest, AgreesWithItsDefinition) {
  for (const nn::Architecture& architecture : Architectures()) {
    const nn::NetworkSurrogate network = RandomNetwork(architecture, 2);
    const Box box = Cube(network.n(), -1, 2);
    const SampledSignificance sampled =
        SampleSignificance(network, box, {.num_points = 600, .seed = 3});
    const Matrix X = UniformPoints(box, 600, 3);
    const Prediction prediction = Predict(network, X);
    const Traced traced = Trace(network, X);
    for (Index o = 0; o < network.m(); ++o) {
      const double unit = network.scaling().y_scale[o];
      for (Index j = 0; j < network.n(); ++j) {
        double sum = 0;
        for (Index s = 0; s < X.cols(); ++s) {
          sum += std::pow((X(j, s) - X.row(j).mean()) * prediction.J(j, s * network.m() + o), 2);
        }
        EXPECT_NEAR(sampled.inputs(j, o), std::sqrt(sum / 600), 1e-10);
      }
      for (std::size_t l = 0; l < sampled.hidden.size(); ++l) {
        const Matrix& A = traced.values.A[l];
        const Matrix& A_bar = traced.adjoints[static_cast<std::size_t>(o)].A_bar[l];
        for (Index v = 0; v < A.rows(); ++v) {
          const Vector spread =
              (A.row(v).array() - A.row(v).mean()).transpose() * A_bar.row(v).array().transpose();
          EXPECT_NEAR(sampled.hidden[l](v, o), unit * std::sqrt(spread.squaredNorm() / 600), 1e-10);
          EXPECT_NEAR(sampled.taylor[l](v, o),
                      unit * A.row(v).cwiseProduct(A_bar.row(v)).cwiseAbs().mean(), 1e-10);
        }
      }
      const double mean = prediction.Y.row(o).mean();
      EXPECT_NEAR(sampled.y_variance[o], (prediction.Y.row(o).array() - mean).square().mean(),
                  1e-10);
    }
  }
}

// y = cos(πx₀)·c + x₁ on [0, 1] × [2, 5]. For cosines of half a period the inequality is an
// equality; x₁ has S = 9/12 / Var and the bound 9/π² / Var, 12/π² = 1.216 times as much.
TEST(SampledSignificanceTest, SobolBoundsAreThoseOfTheTheorem) {
  const Box box{.min = Vector{{0, 2}}, .max = Vector{{1, 5}}};
  const Matrix X = UniformPoints(box, 200000, 1);
  Matrix Y(1, X.cols());
  Matrix J(2, X.cols());
  for (Index s = 0; s < X.cols(); ++s) {
    Y(0, s) = 2 * std::cos(std::numbers::pi * X(0, s)) + X(1, s);
    J.col(s) << -2 * std::numbers::pi * std::sin(std::numbers::pi * X(0, s)), 1;
  }
  const Matrix bounds = TotalSobolBounds(box, Y, J);
  const double variance = 2 + 9.0 / 12;
  EXPECT_NEAR(bounds(0, 0), 2 / variance, 0.01);
  EXPECT_NEAR(bounds(1, 0), 9 / (std::numbers::pi * std::numbers::pi) / variance, 0.01);
}

TEST(SampledSignificanceTest, ConstantOutputsHaveNoSobolBounds) {
  const Matrix bounds =
      TotalSobolBounds(Cube(1, 0, 1), Matrix::Ones(2, 3), Matrix{{0, 1, 0, 1, 0, 1}});
  EXPECT_EQ(bounds(0, 0), 0);
  EXPECT_TRUE(std::isinf(bounds(0, 1)));
}

std::string FieldOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.field();
  }
  return "no error";
}

TEST(SignificanceTest, BadBoxesAreRefused) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 2, .m = 1, .hidden = {4}}, 1);
  const auto field = [&](const Box& box, const Splitting& splitting = {}) {
    return FieldOf([&] { AnalyzeSignificance(network, box, {.splitting = splitting}); });
  };
  EXPECT_EQ(field(Cube(3, 0, 1)), "box.min");
  EXPECT_EQ(field({.min = Vector{{0, 2}}, .max = Vector{{1, 1}}}), "box.min[1]");
  EXPECT_EQ(field({.min = Vector{{0, 0}}, .max = Vector{{1, NAN}}}), "box.max[1]");
  EXPECT_EQ(field(Cube(2, 0, 1), {.counts = {1}}), "splitting.counts");
  EXPECT_EQ(field(Cube(2, 0, 1), {.counts = {1, 0}}), "splitting.counts[1]");
  EXPECT_EQ(field(Cube(2, 0, 1), {.counts = {1 << 12, 1 << 12}}), "splitting.counts[1]");
  EXPECT_EQ(field(Cube(2, 0, 1), {.counts = {2, 2}, .geometric = {true, false}}),
            "splitting.geometric[0]");
  EXPECT_EQ(FieldOf([&] { RequireInside(Cube(2, 0, 2), Cube(2, 0, 1)); }), "box[0]");
  EXPECT_EQ(FieldOf([&] { SampleSignificance(network, Cube(2, 0, 1), {.num_points = 1}); }),
            "num_points");
}

TEST(SignificanceTest, StopsWhenAsked) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 2, .m = 1, .hidden = {4}}, 1);
  std::stop_source source;
  source.request_stop();
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { AnalyzeSignificance(network, Cube(2, 0, 1), {}, source.get_token()); },
           [&] { SampleSignificance(network, Cube(2, 0, 1), {}, source.get_token()); }}) {
    try {
      call();
      FAIL() << "expected Error(kCancelled)";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCancelled);
    }
  }
}

TEST(BoxTest, PiecesCoverTheBoxAndMeet) {
  const Box box{.min = Vector{{1, -1}}, .max = Vector{{16, 1}}};
  const Pieces pieces = Split(box, {.counts = {4, 2}, .geometric = {true, false}});
  ASSERT_EQ(pieces.min.cols(), 8);
  for (Index k = 0; k < 8; ++k) {
    EXPECT_DOUBLE_EQ(pieces.min(0, k), std::ldexp(1.0, static_cast<int>(k % 4)));
    EXPECT_DOUBLE_EQ(pieces.max(0, k), std::ldexp(2.0, static_cast<int>(k % 4)));
    EXPECT_EQ(pieces.min(1, k), k < 4 ? -1 : 0);
    EXPECT_EQ(pieces.SliceOf(k, 0), k % 4);
    EXPECT_EQ(pieces.SliceOf(k, 1), k / 4);
    if (k % 4 > 0) {
      EXPECT_EQ(pieces.min(0, k), pieces.max(0, k - 1));
    }
  }
}

}  // namespace
}  // namespace sobolev::prune
