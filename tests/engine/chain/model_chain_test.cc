#include "engine/chain/model_chain.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/chain/chain_plan.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/cost.h"
#include "engine/chain/jacobian_chain.h"
#include "engine/chain/plan_execution.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/local_taylor.h"
#include "tests/support/every_kind.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::chain {
namespace {

constexpr Index kNumPoints = 3;

// In each layer, that share of the weights is 0.
nn::NetworkSurrogate Network(const std::vector<double>& shares) {
  const nn::Architecture architecture{
      .n = 12, .m = 10, .hidden = {9, 2, 11}, .activation = nn::Activation::kTanh};
  Vector theta = nn::InitialParameters(architecture, 1);
  Rng rng(2);
  Index next = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index num_weights = architecture.Rows(l) * architecture.Cols(l);
    const auto zeros = static_cast<Index>(shares[static_cast<std::size_t>(l - 1)] *
                                          static_cast<double>(num_weights));
    std::vector<Index> order(static_cast<std::size_t>(num_weights));
    for (Index k = 0; k < num_weights; ++k) order[static_cast<std::size_t>(k)] = k;
    for (Index k = 0; k < zeros; ++k) {
      const auto left = static_cast<std::uint64_t>(num_weights - k);
      const std::size_t drawn = static_cast<std::size_t>(k) + rng.Below(left);
      std::swap(order[static_cast<std::size_t>(k)], order[drawn]);
      theta[next + order[static_cast<std::size_t>(k)]] = 0;
    }
    next += num_weights + architecture.Rows(l);
  }
  return {architecture,
          {.x_mean = Vector::Zero(12),
           .x_scale = Vector::Ones(12),
           .y_mean = Vector::Zero(10),
           .y_scale = Vector::Ones(10)},
          theta};
}

// The Jacobians of a factor at all points, m×(n·N), whose products with directions count what they
// multiply.
class CountingFactor {
 public:
  CountingFactor(Matrix jacobians, Index n, std::uint64_t& counted)
      : jacobians_(std::move(jacobians)), n_(n), counted_(counted) {}

  LinearisedFactor Linearised() const {
    const Index m = jacobians_.rows();
    return {.n = n_,
            .m = m,
            .tangents = [this](const ConstMatrixMap& U_dot, Index p,
                               double* Y_dot) { Multiply(U_dot, p, false, Y_dot); },
            .adjoints = [this](const ConstMatrixMap& Y_bar, Index q,
                               double* U_bar) { Multiply(Y_bar, q, true, U_bar); }};
  }

 private:
  void Multiply(const ConstMatrixMap& in, Index count, bool transposed, double* to) const {
    const Index size = transposed ? n_ : jacobians_.rows();
    std::fill_n(to, size * in.cols(), 0.0);
    for (Index column = 0; column < in.cols(); ++column) {
      const auto J = jacobians_.middleCols(column / count * n_, n_);
      for (Index i = 0; i < J.rows(); ++i) {
        for (Index j = 0; j < n_; ++j) {
          if (J(i, j) == 0) continue;
          to[column * size + (transposed ? j : i)] += J(i, j) * in(transposed ? i : j, column);
          ++counted_;
        }
      }
    }
  }

  Matrix jacobians_;
  Index n_;
  std::uint64_t& counted_;
};

// The factors of the chain that the network is, written down.
std::vector<CountingFactor> Factors(const nn::NetworkSurrogate& network, const Matrix& X,
                                    std::uint64_t& counted) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const nn::Architecture& architecture = network.architecture();
  std::vector<CountingFactor> factors;
  Matrix a = X;
  const double* from = network.theta().data();
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index rows = architecture.Rows(l);
    const Index cols = architecture.Cols(l);
    const Eigen::Map<const RowMajor> W(from, rows, cols);
    const Eigen::Map<const Vector> b(from + W.size(), rows);
    from += W.size() + rows;
    factors.emplace_back(Matrix(W).replicate(1, kNumPoints), cols, counted);
    const Matrix z = (W * a).colwise() + b;
    if (l == architecture.Depth()) break;
    a = z.array().tanh();
    Matrix slopes = Matrix::Zero(rows, rows * kNumPoints);
    for (Index s = 0; s < kNumPoints; ++s) {
      slopes.middleCols(s * rows, rows).diagonal() = 1 - a.col(s).array().square();
    }
    factors.emplace_back(slopes, rows, counted);
  }
  return factors;
}

// n×(m·N) by one adjoint sweep for every output.
Matrix SweepAdjoints(const std::vector<CountingFactor>& factors, Index m) {
  Matrix bar = Matrix::Identity(m, m).replicate(1, kNumPoints);
  for (std::size_t k = factors.size(); k-- > 0;) {
    const LinearisedFactor factor = factors[k].Linearised();
    Matrix next(factor.n, bar.cols());
    factor.adjoints({bar.data(), bar.rows(), bar.cols()}, m, next.data());
    bar = std::move(next);
  }
  return bar;
}

// Multiply-adds that are counted while plans are carried out are those that were planned, whether
// layers are dense or sparse.
TEST(ModelChainTest, PlansOfPrunedNetworksTakeWhatTheyPredict) {
  for (const std::vector<double>& shares :
       {std::vector<double>{0, 0, 0, 0}, {0.75, 0.75, 0.75, 0.75}, {0.9, 0, 0.8, 0.95}}) {
    const nn::NetworkSurrogate network = Network(shares);
    std::vector<ChainFactor> sizes;
    for (const ModelFactor& factor : FactorsOf(network)) sizes.push_back(factor.factor);
    const JacobianChain chain(sizes);
    const ChainPlan plan = PlanChain(chain);

    Rng rng(3);
    Matrix X(network.n(), kNumPoints);
    for (double& entry : X.reshaped()) entry = rng.Normal();
    std::uint64_t counted = 0;
    const std::vector<CountingFactor> factors = Factors(network, X, counted);
    std::vector<LinearisedFactor> linearised;
    linearised.reserve(factors.size());
    for (const CountingFactor& factor : factors) linearised.push_back(factor.Linearised());
    const Matrix J = ExecutePlan(plan, linearised, kNumPoints);

    Cost products;
    for (const PlanStep& step : plan.steps) {
      if (step.kind == StepKind::kProduct) products += step.cost;
    }
    EXPECT_EQ(Cost(counted) + Cost(kNumPoints) * products, Cost(kNumPoints) * plan.cost);
    Matrix expected(network.n(), network.m() * kNumPoints);
    network.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {}, {.J = expected.data()});
    EXPECT_THAT(J, IsNearMatrix(expected, 1e-13));
  }
}

TEST(ModelChainTest, EdgesOfSparseLayersAreTheirWeights) {
  const std::vector<ModelFactor> factors = FactorsOf(Network({0.75, 0, 0.9, 0.2}));
  std::vector<std::uint64_t> edges;
  edges.reserve(factors.size());
  for (const ModelFactor& factor : factors) edges.push_back(factor.factor.edges);
  // Of 12·9, 9·2, 2·11 and 11·10 weights; a fifth of zeros does not make a layer sparse.
  EXPECT_EQ(edges, (std::vector<std::uint64_t>{27, 9, 18, 2, 3, 11, 110}));
}

// What is counted of the base and of the slopes of the local models is what the plan predicts.
TEST(ModelChainTest, LocalTaylorModelsTakeWhatTheirBaseTakesAndTheirSlopes) {
  const auto base = std::make_shared<nn::NetworkSurrogate>(Network({0, 0.8, 0, 0}));
  const Index n = base->n();
  const Index m = base->m();
  const TaylorPatches patches = every_kind::Patches(n, m, 20, 1);
  const LocalTaylorSurrogate local(base, patches);
  const std::vector<ModelFactor> factors = FactorsOf(local);
  ASSERT_EQ(factors.size(), 1U);
  const HomogeneousCosts costs = PlanHomogeneous(JacobianChain({factors.front().factor}));

  // Near centres.
  const Matrix u = patches.centres.leftCols(kNumPoints).array() + 0.01;
  const Matrix X = (patches.scale.asDiagonal() * u).colwise() + patches.origin;
  std::uint64_t counted = 0;
  const Matrix of_base = SweepAdjoints(Factors(*base, X, counted), m);
  Matrix expected(n, m * kNumPoints);
  local.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {}, {.J = expected.data()});
  const Matrix slopes = (expected - of_base).reshaped(n, m * kNumPoints);
  std::vector<CountingFactor> of_models;
  Matrix transposed(m, n * kNumPoints);
  for (Index s = 0; s < kNumPoints; ++s) {
    transposed.middleCols(s * n, n) = slopes.middleCols(s * m, m).transpose();
  }
  ASSERT_TRUE((transposed.array() != 0).all());  // A zero would not be counted.
  of_models.emplace_back(transposed, n, counted);
  const Matrix sum = of_base + SweepAdjoints(of_models, m);
  EXPECT_THAT(sum, IsNearMatrix(expected, 1e-13));
  EXPECT_EQ(Cost(counted), Cost(kNumPoints) * costs.adjoint);
}

}  // namespace
}  // namespace sobolev::chain
