#include "engine/chain/plan_execution.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/jacobian_chain.h"
#include "engine/chain/scheduled_planner.h"

namespace sobolev::chain {
namespace {

// A tape: vertex v of an elemental function is the sum of edges into it, at N points; inputs come
// first and outputs last. Tangents go through the edges in order, adjoints back, and every edge
// counts.
class Tape {
 public:
  struct Edge {
    Index from;
    Index to;
    Vector partials;  // N
  };

  Tape(Index n, Index m, Index num_points, Rng& rng)
      : n_(n), m_(m), num_vertices_(n + m + static_cast<Index>(rng.Below(4))) {
    // Each vertex but the inputs has one or more predecessors that are no outputs.
    for (Index to = n; to < num_vertices_; ++to) {
      const Index sources = std::min(to, num_vertices_ - m);
      const Index count = 1 + static_cast<Index>(rng.Below(3));
      for (Index e = 0; e < count; ++e) {
        Vector partials(num_points);
        for (double& partial : partials) partial = rng.Normal();
        edges_.push_back({static_cast<Index>(rng.Below(static_cast<std::uint64_t>(sources))), to,
                          std::move(partials)});
      }
    }
  }

  ChainFactor factor() const {
    return {static_cast<std::uint64_t>(n_), static_cast<std::uint64_t>(m_), edges_.size()};
  }

  LinearisedFactor Linearised(std::atomic<std::uint64_t>& counted) const {
    return {.n = n_,
            .m = m_,
            .tangents =
                [this, &counted](const ConstMatrixMap& U_dot, Index p, double* Y_dot) {
                  MatrixMap result(Y_dot, m_, U_dot.cols());
                  for (Index column = 0; column < U_dot.cols(); ++column) {
                    Vector v_dot = Vector::Zero(num_vertices_);
                    v_dot.head(n_) = U_dot.col(column);
                    for (const Edge& edge : edges_) {
                      v_dot[edge.to] += edge.partials[column / p] * v_dot[edge.from];
                    }
                    counted += edges_.size();
                    result.col(column) = v_dot.tail(m_);
                  }
                },
            .adjoints =
                [this, &counted](const ConstMatrixMap& Y_bar, Index q, double* U_bar) {
                  MatrixMap result(U_bar, n_, Y_bar.cols());
                  for (Index column = 0; column < Y_bar.cols(); ++column) {
                    Vector v_bar = Vector::Zero(num_vertices_);
                    v_bar.tail(m_) = Y_bar.col(column);
                    for (auto edge = edges_.rbegin(); edge != edges_.rend(); ++edge) {
                      v_bar[edge->from] += edge->partials[column / q] * v_bar[edge->to];
                    }
                    counted += edges_.size();
                    result.col(column) = v_bar.head(n_);
                  }
                }};
  }

 private:
  using MatrixMap = Eigen::Map<Matrix>;

  Index n_;
  Index m_;
  Index num_vertices_;
  std::vector<Edge> edges_;
};

std::uint64_t CountProducts(const JacobianChain& chain, const ChainPlan& plan) {
  std::uint64_t count = 0;
  for (const PlanStep& step : plan.steps) {
    if (step.kind != StepKind::kProduct) continue;
    const int k = plan.steps[static_cast<std::size_t>(step.earlier)].last;
    count += chain[step.last].m * chain[k].m * chain[step.first].n;
  }
  return count;
}

TEST(PlanExecutionTest, MultipliesPointByPoint) {
  constexpr Index kPoints = 3;
  Rng rng(5);
  const auto random = [&rng](Index rows, Index cols) {
    return Matrix(Matrix::NullaryExpr(rows, cols, [&rng] { return 2 * rng.Uniform() - 1; }));
  };
  for (const Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512}) {
    if (isa > BestIsa()) continue;
    for (const Index n : {1, 2, 3, 5, 8, 13, 24, 31, 49}) {
      for (const Index inner : {1, 2, 7, 40}) {
        for (const Index m : {1, 3, 4, 9, 17}) {
          const Matrix later = random(inner, m * kPoints);
          const Matrix earlier = random(n, inner * kPoints);
          const Matrix product = MultiplyJacobians(later, earlier, kPoints, isa);
          for (Index s = 0; s < kPoints; ++s) {
            const Matrix A = earlier.middleCols(s * inner, inner);
            const Matrix B = later.middleCols(s * m, m);
            const Matrix at_point = product.middleCols(s * m, m);
            // Each element is a sum of `inner` terms below 1.
            EXPECT_LE((at_point - A * B).cwiseAbs().maxCoeff(), 1e-16 * double(inner * inner));
            EXPECT_EQ(at_point, MultiplyJacobians(B, A, 1, isa)) << n << " " << inner << " " << m;
          }
        }
      }
    }
  }
}

TEST(PlanExecutionTest, AllPlansAgreeAndCostWhatTheySay) {
  constexpr Index kPoints = 3;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    const int length = 1 + static_cast<int>(seed % 8);
    std::vector<Tape> tapes;
    std::vector<ChainFactor> factors;
    std::vector<LinearisedFactor> linearised;
    std::atomic<std::uint64_t> counted = 0;
    Index n = 1 + static_cast<Index>(rng.Below(6));
    tapes.reserve(static_cast<std::size_t>(length));
    for (int f = 0; f < length; ++f) {
      const Index m = 1 + static_cast<Index>(rng.Below(6));
      tapes.emplace_back(n, m, kPoints, rng);
      factors.push_back(tapes.back().factor());
      linearised.push_back(tapes.back().Linearised(counted));
      n = m;
    }
    const JacobianChain chain(factors);
    // The truth: all columns through all factors.
    const Index inputs = linearised.front().n;
    Matrix truth = Matrix::Zero(inputs, inputs * kPoints);
    for (Index s = 0; s < kPoints; ++s) truth.middleCols(s * inputs, inputs).setIdentity();
    for (const LinearisedFactor& factor : linearised) {
      Matrix next(factor.m, truth.cols());
      factor.tangents({truth.data(), truth.rows(), truth.cols()}, inputs, next.data());
      truth = next;
    }
    std::vector<ChainPlan> plans{PlanChain(chain), PlanChain(chain, {.tape_memory = 0}),
                                 PlanChain(chain, {.propagate = false})};
    plans.push_back(PlanScheduled(chain, 3).plan);
    for (const ChainPlan& plan : plans) {
      counted = 0;
      const Matrix J = ExecutePlan(plan, linearised, kPoints);
      EXPECT_EQ(Cost(counted.load()),
                Cost(kPoints) * (plan.cost.To64() - CountProducts(chain, plan)));
      ASSERT_EQ(J.rows(), inputs);
      const Index m = linearised.back().m;
      for (Index s = 0; s < kPoints; ++s) {
        const Matrix expected = truth.middleCols(s * inputs, inputs);
        const Matrix got = J.middleCols(s * m, m).transpose();
        EXPECT_LE((got - expected).norm(), 1e-12 * (1 + expected.norm())) << "seed " << seed;
      }
    }
  }
}

// A chain of tapes whose best plan for several workers has products of two large operands.
struct WideChain {
  static constexpr Index kPoints = 8000;

  explicit WideChain(std::uint64_t seed) {
    Rng rng(seed);
    const std::vector<Index> sizes{20, 30, 2, 30, 3, 30, 20};
    tapes.reserve(sizes.size());
    for (std::size_t f = 0; f + 1 < sizes.size(); ++f) {
      tapes.emplace_back(sizes[f], sizes[f + 1], kPoints, rng);
      factors.push_back(tapes.back().factor());
      linearised.push_back(tapes.back().Linearised(counted));
    }
  }

  std::atomic<std::uint64_t> counted = 0;
  std::vector<Tape> tapes;
  std::vector<ChainFactor> factors;
  std::vector<LinearisedFactor> linearised;
};

// The most multiply-adds for a point that can be done beside at least as many others.
std::uint64_t WorkBeside(const ChainPlan& plan) {
  std::vector<std::uint64_t> work;
  std::uint64_t most = 0;
  for (const PlanStep& step : plan.steps) {
    work.push_back(step.cost.To64());
    for (const int operand : {step.later, step.earlier}) {
      if (operand >= 0) work.back() += work[static_cast<std::size_t>(operand)];
    }
    if (step.later < 0 || step.earlier < 0) continue;
    most = std::max(most, std::min(work[static_cast<std::size_t>(step.later)],
                                   work[static_cast<std::size_t>(step.earlier)]));
  }
  return most;
}

TEST(PlanExecutionTest, ThreadsChangeNeitherBitsNorCounts) {
  const oneapi::tbb::global_control more(oneapi::tbb::global_control::max_allowed_parallelism, 4);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    WideChain wide(seed);
    const JacobianChain chain(wide.factors);
    for (const int workers : {1, 4}) {
      const ChainPlan plan = PlanScheduled(chain, workers).plan;
      const std::uint64_t predicted =
          WideChain::kPoints * (plan.cost.To64() - CountProducts(chain, plan));
      // Enough that another thread takes it.
      EXPECT_GT(WorkBeside(plan) * WideChain::kPoints, std::uint64_t{1} << 18);
      Matrix alone;
      for (int threads = 1; threads <= 4; ++threads) {
        wide.counted = 0;
        oneapi::tbb::task_arena arena(threads);
        const Matrix J =
            arena.execute([&] { return ExecutePlan(plan, wide.linearised, WideChain::kPoints); });
        EXPECT_EQ(wide.counted.load(), predicted);
        if (threads == 1) alone = J;
        EXPECT_TRUE((J.array() == alone.array()).all()) << "seed " << seed << ", " << threads;
      }
    }
  }
}

TEST(PlanExecutionTest, CanBeCancelledOnSeveralThreads) {
  const oneapi::tbb::global_control more(oneapi::tbb::global_control::max_allowed_parallelism, 4);
  WideChain wide(1);
  const ChainPlan plan = PlanChain(JacobianChain(wide.factors));
  std::stop_source stop;
  const auto tangents = wide.linearised[0].tangents;
  const auto adjoints = wide.linearised[0].adjoints;
  wide.linearised[0].tangents = [&](const ConstMatrixMap& U_dot, Index p, double* Y_dot) {
    stop.request_stop();
    tangents(U_dot, p, Y_dot);
  };
  wide.linearised[0].adjoints = [&](const ConstMatrixMap& Y_bar, Index q, double* U_bar) {
    stop.request_stop();
    adjoints(Y_bar, q, U_bar);
  };
  oneapi::tbb::task_arena arena(4);
  arena.execute([&] {
    try {
      ExecutePlan(plan, wide.linearised, WideChain::kPoints, stop.get_token());
      FAIL() << "expected an error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCancelled);
    }
  });
}

}  // namespace
}  // namespace sobolev::chain
