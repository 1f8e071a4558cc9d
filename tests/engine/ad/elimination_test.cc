// Elimination is checked against the sum over all paths, the searches against all orders, and the
// counts against published graphs.

#include "engine/ad/elimination.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/ad/computational_graph.h"
#include "engine/ad/edge_elimination.h"
#include "engine/ad/elimination_search.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "tests/engine/ad/graphs.h"

namespace sobolev::ad {
namespace {

// Inputs 0, 1; outputs 4, 5, 6, 7.
ComputationalGraph Lion() { return Graph({{}, {}, {0, 1}, {2}, {3}, {3}, {3}, {2, 3}}, 4); }

// Two pairs of inputs each make a vertex (4, 5), both of these a third (6); the outputs take 4 and
// 6, 6 alone twice, and 5 and 6.
ComputationalGraph Bat() {
  return Graph({{}, {}, {}, {}, {0, 1}, {2, 3}, {4, 5}, {4, 6}, {6}, {6}, {5, 6}}, 4);
}

// A fully connected network of these widths, an activation after each layer but the last.
ComputationalGraph Perceptron(const std::vector<std::int32_t>& widths) {
  std::vector<std::vector<std::int32_t>> predecessors(widths[0]);
  std::vector<std::int32_t> layer(widths[0]);
  std::iota(layer.begin(), layer.end(), 0);
  for (std::size_t l = 1; l < widths.size(); ++l) {
    std::vector<std::int32_t> next;
    for (std::int32_t k = 0; k < widths[l]; ++k) {
      next.push_back(static_cast<std::int32_t>(predecessors.size()));
      predecessors.push_back(layer);
    }
    if (l + 1 < widths.size()) {
      for (std::int32_t& v : next) {
        predecessors.push_back({v});
        v = static_cast<std::int32_t>(predecessors.size()) - 1;
      }
    }
    layer = next;
  }
  return Graph(predecessors, widths.back());
}

// The borehole function 2π (Tu (Hu − Hl)) / (g (1 + (2 (L Tu) / (g rw² Kw) + Tu / Tl))), g = ln(r /
// rw), one operation per vertex. Inputs 0 … 7: rw, r, Tu, Hu, Tl, Hl, L, Kw.
ComputationalGraph Borehole() {
  std::vector<std::vector<std::int32_t>> predecessors(8);
  const auto operation = [&](std::vector<std::int32_t> from) {
    predecessors.push_back(std::move(from));
    return static_cast<std::int32_t>(predecessors.size()) - 1;
  };
  const std::int32_t head = operation({3, 5});
  const std::int32_t product = operation({2, head});
  const std::int32_t numerator = operation({product});
  const std::int32_t ratio = operation({0, 1});
  const std::int32_t g = operation({ratio});
  const std::int32_t flow = operation({2, 6});
  const std::int32_t twice = operation({flow});
  const std::int32_t square = operation({0});
  const std::int32_t loss = operation({g, square});
  const std::int32_t resistance = operation({loss, 7});
  const std::int32_t quotient = operation({twice, resistance});
  const std::int32_t layers = operation({2, 4});
  const std::int32_t sum = operation({quotient, layers});
  const std::int32_t one_plus = operation({sum});
  const std::int32_t denominator = operation({g, one_plus});
  operation({numerator, denominator});
  return Graph(predecessors, 1);
}

// Every pair of vertices in topological order is joined with that probability; intermediates have
// at least one predecessor. Partials are small integers, so that all sums are exact.
ComputationalGraph RandomGraph(std::int32_t inputs, std::int32_t intermediates,
                               std::int32_t outputs, double density, Rng& rng) {
  std::vector<VertexKind> kinds(inputs, kIn);
  kinds.insert(kinds.end(), intermediates, kMid);
  kinds.insert(kinds.end(), outputs, kOut);
  std::vector<GraphEdge> edges;
  const auto partial = [&] { return static_cast<double>(rng.Below(7)) - 3; };
  for (std::int32_t to = inputs; to < std::ssize(kinds); ++to) {
    const std::int32_t last = std::min(to, inputs + intermediates);
    edges.push_back({static_cast<std::int32_t>(rng.Below(last)), to, partial()});
    for (std::int32_t from = 0; from < last; ++from) {
      if (rng.Uniform() < density) edges.push_back({from, to, partial()});
    }
  }
  return {std::move(kinds), std::move(edges)};
}

std::int64_t Count(const ComputationalGraph& graph, EliminationRule rule) {
  return PlanElimination(graph, rule).multiplications;
}

std::int64_t LeastOfAllOrders(const ComputationalGraph& graph) {
  std::vector<std::int32_t> order = graph.intermediates();
  std::int64_t least = CountMultiplications(graph, order);
  while (std::ranges::next_permutation(order).found) {
    least = std::min(least, CountMultiplications(graph, order));
  }
  return least;
}

void ExpectError(const auto& call, const std::string& field) {
  try {
    call();
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), field);
  }
}

TEST(ComputationalGraphTest, AddsUpParallelEdges) {
  const ComputationalGraph graph({kIn, kOut}, {{0, 1, 3}, {0, 1, 4}});
  EXPECT_EQ(graph.edges(), (std::vector<GraphEdge>{{0, 1, 7}}));
  EXPECT_EQ(Jacobian(Accumulate(graph, {})), (Matrix{{7}}));
}

TEST(ComputationalGraphTest, NamesTheEdgeThatCannotBe) {
  const auto make = [](GraphEdge edge) {
    return [=] { ComputationalGraph({kIn, kMid, kIn, kOut, kOut}, {{0, 1, 1}, edge}); };
  };
  ExpectError(make({1, 1, 1}), "edges[1]");  // Not ahead.
  ExpectError(make({1, 2, 1}), "edges[1]");  // Into an input.
  ExpectError(make({3, 4, 1}), "edges[1]");  // Out of an output.
  ExpectError(make({0, 5, 1}), "edges[1]");  // Beyond the graph.
  ExpectError(make({-1, 1, 1}), "edges[1]");
}

TEST(EliminationTest, EveryOrderYieldsTheSumsOverAllPathsAtThePredictedCost) {
  Rng rng(1);
  for (int round = 0; round < 40; ++round) {
    const ComputationalGraph graph = RandomGraph(4, 12, 3, 0.25, rng);
    const Matrix J = PathSums(graph);
    for (const EliminationRule rule : kEliminationRules) {
      const EliminationPlan plan = PlanElimination(graph, rule);
      const Accumulation result = Accumulate(graph, plan.order);
      EXPECT_EQ(Jacobian(result), J);
      EXPECT_EQ(result.multiplications, plan.multiplications);
      EXPECT_EQ(CountMultiplications(graph, plan.order), plan.multiplications);
    }
    for (const EdgeRule rule : kEdgeRules) {
      const EdgePlan plan = PlanEdgeElimination(graph, rule);
      const Accumulation result = AccumulateByEdges(graph, plan.steps);
      EXPECT_EQ(Jacobian(result), J);
      EXPECT_EQ(result.multiplications, plan.multiplications);
    }
  }
}

TEST(EliminationTest, EdgesInComputationOrderCostAsMuchAsVertices) {
  Rng rng(2);
  for (int round = 0; round < 20; ++round) {
    const ComputationalGraph graph = RandomGraph(3, 8, 4, 0.3, rng);
    EXPECT_EQ(PlanEdgeElimination(graph, EdgeRule::kForward).multiplications,
              Count(graph, EliminationRule::kForward));
    EXPECT_EQ(PlanEdgeElimination(graph, EdgeRule::kReverse).multiplications,
              Count(graph, EliminationRule::kReverse));
  }
}

TEST(EliminationTest, TheLionTakesTwelveByVerticesAndElevenByEdges) {
  const ComputationalGraph lion = Lion();
  EXPECT_EQ(CountMultiplications(lion, std::vector<std::int32_t>{2, 3}), 12);
  EXPECT_EQ(CountMultiplications(lion, std::vector<std::int32_t>{3, 2}), 12);
  EXPECT_EQ(OptimalElimination(lion).multiplications, 12);
  const auto plan = OptimalEdgeElimination(lion);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->multiplications, 11);
  const Accumulation result = AccumulateByEdges(lion, plan->steps);
  EXPECT_EQ(result.multiplications, 11);
  EXPECT_EQ(Jacobian(result), PathSums(lion));
}

TEST(EliminationTest, TheBatTakesTwentyFourByVertices) {
  const ComputationalGraph bat = Bat();
  for (const EliminationRule rule : kEliminationRules) EXPECT_EQ(Count(bat, rule), 24);
  EXPECT_EQ(OptimalElimination(bat).multiplications, 24);
}

TEST(EliminationTest, APerceptronIsCheapestInReverse) {
  const ComputationalGraph graph = Perceptron({3, 3, 3, 2});
  EXPECT_EQ(Count(graph, EliminationRule::kForward), 63);
  EXPECT_EQ(Count(graph, EliminationRule::kReverse), 48);
  EXPECT_EQ(Count(graph, EliminationRule::kMarkowitzLow), 51);
  EXPECT_EQ(OptimalElimination(graph).multiplications, 48);
}

// No rule is safe: with one output reverse mode is best, and Markowitz is not.
TEST(EliminationTest, TheBoreholeIsCheapestInReverseAndTheBoundProvesIt) {
  const ComputationalGraph graph = Borehole();
  EXPECT_EQ(Count(graph, EliminationRule::kForward), 49);
  EXPECT_EQ(Count(graph, EliminationRule::kReverse), 25);
  EXPECT_EQ(Count(graph, EliminationRule::kMarkowitzLow), 34);
  EXPECT_EQ(Count(graph, EliminationRule::kMarkowitzHigh), 25);
  EXPECT_EQ(EliminationLowerBound(graph), 25);
  EXPECT_EQ(OptimalElimination(graph).multiplications, 25);
  EXPECT_EQ(PlanElimination(graph).multiplications, 25);
}

TEST(EliminationTest, TheSearchOverSetsFindsTheLeastOfAllOrders) {
  Rng rng(3);
  for (int round = 0; round < 60; ++round) {
    const ComputationalGraph graph = RandomGraph(3, 6, 3, 0.4, rng);
    const EliminationPlan plan = OptimalElimination(graph);
    EXPECT_EQ(plan.multiplications, LeastOfAllOrders(graph));
    EXPECT_EQ(Accumulate(graph, plan.order).multiplications, plan.multiplications);
    EXPECT_LE(EliminationLowerBound(graph), plan.multiplications);
  }
}

TEST(EliminationTest, EdgesNeverNeedMoreThanVertices) {
  Rng rng(4);
  for (int round = 0; round < 60; ++round) {
    const ComputationalGraph graph = RandomGraph(2, 3, 3, 0.4, rng);
    const auto plan = OptimalEdgeElimination(graph);
    ASSERT_TRUE(plan.has_value());
    EXPECT_LE(plan->multiplications, OptimalElimination(graph).multiplications);
    const Accumulation result = AccumulateByEdges(graph, plan->steps);
    EXPECT_EQ(result.multiplications, plan->multiplications);
    EXPECT_EQ(Jacobian(result), PathSums(graph));
  }
}

// The default window on more graphs than a test has time for: 198 graphs of 18 intermediates stayed
// within 0.4 %.
TEST(EliminationTest, TheSearchInWindowsComesWithinTwoPerCentOfTheOptimum) {
  Rng rng(5);
  for (int round = 0; round < 25; ++round) {
    const ComputationalGraph graph = RandomGraph(4, 15, 4, 0.15, rng);
    const std::int64_t optimum = OptimalElimination(graph).multiplications;
    const EliminationPlan start = PlanElimination(graph);
    const EliminationPlan better = ImproveByWindows(graph, start, 8);
    EXPECT_LE(better.multiplications, start.multiplications);
    EXPECT_EQ(CountMultiplications(graph, better.order), better.multiplications);
    const EliminationPlan best = SearchElimination(graph);
    EXPECT_EQ(CountMultiplications(graph, best.order), best.multiplications);
    EXPECT_LE(static_cast<double>(best.multiplications), 1.02 * static_cast<double>(optimum));
  }
}

TEST(EliminationTest, WindowsFindASwapThatEveryRuleMisses) {
  Rng rng(7);
  int improved = 0;
  for (int round = 0; round < 20; ++round) {
    const ComputationalGraph graph = RandomGraph(6, 60, 6, 0.06, rng);
    const EliminationPlan start = PlanElimination(graph);
    const EliminationPlan better = SearchElimination(graph, 8);
    EXPECT_EQ(Jacobian(Accumulate(graph, better.order)), PathSums(graph));
    EXPECT_GE(better.multiplications, EliminationLowerBound(graph));
    improved += better.multiplications < start.multiplications ? 1 : 0;
  }
  EXPECT_GT(improved, 10);
}

TEST(EliminationTest, DeadVerticesLeaveNoTrace) {
  // Vertex 2 reaches no output, vertex 1 depends on no input.
  const ComputationalGraph graph({kIn, kMid, kMid, kOut}, {{0, 2, 5}, {1, 3, 7}, {0, 3, 2}});
  for (const EliminationRule rule : kEliminationRules) {
    const EliminationPlan plan = PlanElimination(graph, rule);
    EXPECT_EQ(plan.multiplications, 0);
    EXPECT_EQ(Jacobian(Accumulate(graph, plan.order)), (Matrix{{2}}));
  }
  const auto edges = OptimalEdgeElimination(graph);
  ASSERT_TRUE(edges.has_value());
  EXPECT_EQ(edges->multiplications, 0);
  EXPECT_EQ(Jacobian(AccumulateByEdges(graph, edges->steps)), (Matrix{{2}}));
  EXPECT_EQ(EliminationLowerBound(graph), 0);
}

TEST(EliminationTest, RefusesOrdersThatAreIncompleteAndGraphsThatAreTooLarge) {
  const ComputationalGraph lion = Lion();
  ExpectError([&] { Accumulate(lion, std::vector<std::int32_t>{2}); }, "order");
  ExpectError([&] { Accumulate(lion, std::vector<std::int32_t>{2, 2}); }, "order");
  ExpectError([&] { CountMultiplications(lion, std::vector<std::int32_t>{2, 4}); }, "order");
  ExpectError([&] { AccumulateByEdges(lion, {}); }, "steps");
  ExpectError(
      [&] {
        AccumulateByEdges(lion, std::vector<EdgeElimination>{{0, 3, true}});
      },
      "steps[0]");
  ExpectError(
      [&] {
        AccumulateByEdges(lion, std::vector<EdgeElimination>{{0, 2, false}});
      },
      "steps[0]");
  Rng rng(6);
  const ComputationalGraph large = RandomGraph(2, 21, 2, 0.2, rng);
  ExpectError([&] { OptimalElimination(large); }, "graph");
  ExpectError([&] { ImproveByWindows(large, PlanElimination(large), 1); }, "window");
  EXPECT_FALSE(OptimalEdgeElimination(large).has_value());
  EXPECT_FALSE(OptimalEdgeElimination(lion, 2).has_value());
}

}  // namespace
}  // namespace sobolev::ad
