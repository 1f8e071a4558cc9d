// Random functions through every executor, against the scalar types: every kind of lane, every
// instruction set that this processor has, every number of lanes, every mode and every derivative.

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/isa.h"
#include "engine/base/rng.h"
#include "engine/program/derivation.h"
#include "engine/program/machine_code.h"
#include "engine/program/replay.h"
#include "tests/engine/program/random_stages.h"
#include "tests/engine/program/reference.h"
#include "tests/engine/program/scalar_truth.h"

namespace sobolev::program {
namespace {

std::vector<double> RandomVector(std::size_t size, double radius, Rng& rng) {
  std::vector<double> vector(size);
  for (double& entry : vector) entry = radius * (2 * rng.Uniform() - 1);
  return vector;
}

PlainStage RandomStraight(Index max_nodes, Rng& rng) {
  const auto n = static_cast<Index>(1 + rng.Below(6));
  const auto m = static_cast<Index>(1 + rng.Below(4));
  const auto size = static_cast<Index>(5 + rng.Below(static_cast<std::uint64_t>(max_nodes - 4)));
  return RandomStage(n, m, n + size, false, rng).Take();
}

// A graph with y, J by rows, J by columns and H among its outputs, in that order; kNoNode is zero.
struct DerivedGraph {
  explicit DerivedGraph(const Stage& stage) : graph(stage.graph), outputs(stage.outputs) {
    const std::size_t m = stage.outputs.size();
    const auto n = static_cast<std::size_t>(stage.state_size);
    const auto append = [&](const std::vector<SymbolicEntry>& entries, std::size_t size,
                            std::size_t width) {
      const std::size_t first = outputs.size();
      outputs.resize(first + size, kNoNode);
      for (const SymbolicEntry& entry : entries) {
        outputs[first + static_cast<std::size_t>(entry.place.row) * width +
                static_cast<std::size_t>(entry.place.column)] = entry.node;
      }
    };
    const auto rows = AppendJacobian(graph, stage, Mode::kReverse, kNoNode).value();
    const auto columns = AppendJacobian(graph, stage, Mode::kForward, kNoNode).value();
    append(rows, m * n, n);
    append(columns, m * n, n);
    append(AppendHessian(graph, stage, rows, kNoNode).value(), m * n * n, n);
  }

  Graph graph;
  std::vector<NodeId> outputs;
};

// One block of a replayer whose lanes take `points` in turn.
class Block {
 public:
  Block(const Replayer& replayer, const std::vector<std::vector<double>>& lower,
        const std::vector<std::vector<double>>& upper)
      : replayer_(replayer), workspace_(replayer) {
    const Trace& trace = replayer.trace();
    const bool is_interval = replayer.kind() == LaneKind::kInterval;
    for (std::size_t k = 0; k < trace.input_indices.size(); ++k) {
      double* const slot = workspace_.slots() + static_cast<Index>(k) * replayer.stride();
      for (Index lane = 0; lane < replayer.lanes(); ++lane) {
        const std::size_t point = static_cast<std::size_t>(lane) % lower.size();
        slot[lane] = lower[point][trace.input_indices[k]];
        if (is_interval) slot[replayer.lanes() + lane] = upper[point][trace.input_indices[k]];
      }
    }
    workspace_.Run();
  }

  double Output(std::size_t output, Index lane) {
    const Slot slot = replayer_.trace().output_slots[output];
    return slot == kZeroOutput ? 0 : workspace_.slots()[Index{slot} * replayer_.stride() + lane];
  }
  double UpperOutput(std::size_t output, Index lane) {
    return Output(output, replayer_.lanes() + lane);
  }

 private:
  const Replayer& replayer_;
  Replayer::Workspace workspace_;
};

// The same bits, but for the sign of a zero, which IEEE 754 leaves open for the larger of 0 and −0.
bool IsSame(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

class ReplayerTest {
 public:
  // A function of a seed, at three points, all within a small box.
  ReplayerTest(std::uint64_t seed, Index max_nodes, Judge& judge)
      : rng_(seed),
        judge_(judge),
        plain_(RandomStraight(max_nodes, rng_)),
        derived_(Build(plain_)) {
    const auto n = static_cast<std::size_t>(plain_.state_size);
    const Stage stage = Build(plain_);
    const PlainStage folded{
        .nodes = NodesOf(stage.graph), .outputs = stage.outputs, .state_size = stage.state_size};
    for (int point = 0; point < 3; ++point) {
      x_.push_back(RandomVector(n, 2, rng_));
      const double radius = rng_.Below(2) == 0 ? 0 : 0.05 * rng_.Uniform();
      lower_.push_back(x_.back());
      upper_.push_back(x_.back());
      for (double& entry : lower_.back()) entry -= radius;
      for (double& entry : upper_.back()) entry += radius;

      truth_.push_back(TruthOf(plain_, x_.back()));
      // Constants that are folded when the graph is built are exact numbers from then on.
      held_.push_back(TruthOf(folded, x_.back()));
      promised_.emplace_back();
      const std::vector<PlainValue> plain_nodes = InterpretPlainly(plain_.nodes, x_.back());
      for (const NodeId id : plain_.outputs) promised_.back().push_back(plain_nodes[id]);
      const std::vector<double> nodes = ReferenceNodes(derived_.graph, x_.back());
      reference_.emplace_back();
      for (const NodeId id : derived_.outputs) {
        reference_.back().push_back(id == kNoNode ? 0 : nodes[id]);
      }
    }
  }

  void Run() {
    const InstructionList fused = Lower(derived_.graph, derived_.outputs, {.contract = true});
    const InstructionList plain = Lower(derived_.graph, derived_.outputs, {.contract = false});
    for (const Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512}) {
      if (isa > BestIsa()) continue;
      std::vector<double> first;  // Of the fewest lanes: all others have the same bits.
      for (const Index registers : {1, 2, 4, 8}) {
        const Index lanes = registers * KernelsOf(isa).width;
        SCOPED_TRACE(std::string(Name(isa)) + ", lanes " + std::to_string(lanes));
        for (const Executor executor : {Executor::kInterpreter, Executor::kAutomatic}) {
          const Replayer replayer(fused, LaneKind::kFast, isa, lanes, executor);
          if (replayer.code() == nullptr && executor == Executor::kAutomatic) continue;
          if (replayer.code() != nullptr) ++num_machine_codes_;
          ExpectFast(replayer, first);
        }
        ExpectStrict(Replayer(plain, LaneKind::kStrict, isa, lanes));
        if (registers == 1 || registers == 8) {
          ExpectEnclosing(Replayer(plain, LaneKind::kInterval, isa, lanes));
        }
      }
    }
  }

  int num_machine_codes() const { return num_machine_codes_; }
  // How many values of the function were compared with a plain scalar program's.
  int num_promised() const { return num_promised_; }

 private:
  // Of the outputs of DerivedGraph.
  static std::vector<Box> TruthOf(const PlainStage& stage, const std::vector<double>& x) {
    const std::size_t n = x.size();
    const std::size_t m = stage.outputs.size();
    const PointDerivatives<Box> truth =
        DeriveAt<Box>({&stage, 1}, std::vector<Box>(x.begin(), x.end()), std::vector<double>(n),
                      std::vector<double>(m));
    std::vector<Box> all = truth.y;
    all.insert(all.end(), truth.J.begin(), truth.J.end());
    all.insert(all.end(), truth.J_columns.begin(), truth.J_columns.end());
    for (std::size_t i = 0; i < m * n; ++i) {  // Of the Hessians the lower triangles.
      for (std::size_t k = 0; k < n; ++k) {
        all.push_back(k <= i % n ? truth.H[i * n + k] : Box(0));
      }
    }
    return all;
  }

  std::size_t PointOf(Index lane) const { return static_cast<std::size_t>(lane) % x_.size(); }

  void ExpectFast(const Replayer& replayer, std::vector<double>& first) {
    Block block(replayer, x_, x_);
    const std::size_t num_outputs = derived_.outputs.size();
    if (first.empty()) {
      // At least two lanes; the third point is judged where there are more.
      const Index judged = std::min<Index>(replayer.lanes(), std::ssize(x_));
      for (Index lane = 0; lane < judged; ++lane) {
        for (std::size_t k = 0; k < num_outputs; ++k) {
          first.push_back(block.Output(k, lane));
          judge_.Expect(first.back(), truth_[PointOf(lane)][k], "fast output " + std::to_string(k));
        }
      }
    }
    for (Index lane = 0; lane < replayer.lanes(); ++lane) {
      const std::size_t offset = PointOf(lane) * num_outputs;
      if (offset >= first.size()) continue;
      for (std::size_t k = 0; k < num_outputs; ++k) {
        const double got = block.Output(k, lane);
        EXPECT_TRUE(IsSame(got, first[offset + k]))
            << "fast output " << k << ", lane " << lane << ": got " << got << ", and "
            << first[offset + k] << " with fewer lanes";
      }
    }
  }

  // Derivatives are compared with the derived graph, for they exist nowhere else; values also with
  // the function before anything was folded or simplified.
  void ExpectStrict(const Replayer& replayer) {
    Block block(replayer, x_, x_);
    for (Index lane = 0; lane < replayer.lanes(); ++lane) {
      const std::vector<PlainValue>& promised = promised_[PointOf(lane)];
      for (std::size_t k = 0; k < promised.size(); ++k) {
        if (!promised[k].is_promised) continue;
        ++num_promised_;
        const double got = block.Output(k, lane);
        EXPECT_TRUE(IsSame(got, promised[k].value))
            << "strict output " << k << ", lane " << lane << ": got " << got << ", but as written "
            << promised[k].value;
      }
      for (std::size_t k = 0; k < derived_.outputs.size(); ++k) {
        const double got = block.Output(k, lane);
        const double expected = reference_[PointOf(lane)][k];
        EXPECT_TRUE(IsSame(got, expected)) << "strict output " << k << ", lane " << lane << ": got "
                                           << got << ", expected " << expected;
      }
    }
  }

  void ExpectEnclosing(const Replayer& replayer) {
    Block block(replayer, lower_, upper_);
    for (Index lane = 0; lane < replayer.lanes(); ++lane) {
      for (std::size_t k = 0; k < derived_.outputs.size(); ++k) {
        judge_.ExpectHeld(block.Output(k, lane), block.UpperOutput(k, lane),
                          held_[PointOf(lane)][k], "bounds of output " + std::to_string(k));
      }
    }
  }

  Rng rng_;
  Judge& judge_;
  int num_machine_codes_ = 0;
  PlainStage plain_;
  DerivedGraph derived_;
  std::vector<std::vector<double>> x_;
  std::vector<std::vector<double>> lower_;
  std::vector<std::vector<double>> upper_;
  // Of the outputs of derived_, by point.
  std::vector<std::vector<Box>> truth_;
  std::vector<std::vector<Box>> held_;
  std::vector<std::vector<double>> reference_;  // Node by node in plain arithmetic.
  // Of the function alone, as it was written.
  std::vector<std::vector<PlainValue>> promised_;
  int num_promised_ = 0;
};

void RunSeeds(std::uint64_t first, int count, Index max_nodes) {
  Judge judge;
  int num_promised = 0;
  for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ReplayerTest test(seed, max_nodes, judge);
    test.Run();
    num_promised += test.num_promised();
    if (MachineCode::IsAvailable()) {
      EXPECT_GT(test.num_machine_codes(), 0);
    }
    if (testing::Test::HasFailure()) return;  // One failing function is enough to read.
  }
  judge.ExpectSharp(0.05);
  EXPECT_GT(num_promised, 100 * count);  // Several points, lanes and instruction sets of each.
}

TEST(DifferentialTest, ManySmallFunctionsThroughEveryReplayer) { RunSeeds(1'000'000, 4000, 24); }

TEST(DifferentialTest, SomeLargerFunctionsThroughEveryReplayer) { RunSeeds(2'000'000, 300, 120); }

TEST(DifferentialTest, AFewLargeFunctionsThroughEveryReplayer) { RunSeeds(3'000'000, 30, 400); }

}  // namespace
}  // namespace sobolev::program
