#include "engine/chain/pipeline.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/tbb/task_arena.h>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/pipeline_block.h"
#include "engine/surrogate/prediction_blocks.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::chain {

namespace {

// Points of a block, unless their directions need more than so many doubles.
constexpr Index kBlockPoints = 256;
// Of a batch that would leave threads without a block; fewer fill the lanes of stages badly.
constexpr Index kLeastBlockPoints = 32;
// Points for which the ways to a Jacobian are compared.
constexpr Index kTypicalPoints = 64;

std::string StageField(std::size_t k) { return "stages[" + std::to_string(k) + "]"; }

void RequireRange(const std::string& field, const char* what, Index number, Index least,
                  Index most) {
  if (number >= least && number <= most) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected " + std::to_string(least) + " to " + std::to_string(most) + " " +
                            what + ", got " + std::to_string(number));
}

void RequirePositions(const std::string& field, const std::vector<Index>& positions, Index size) {
  for (const Index position : positions) {
    if (position >= 0 && position < size) continue;
    throw InvalidArgument("OUT_OF_RANGE", field,
                          "expected positions of inputs and earlier outputs, 0 to " +
                              std::to_string(size - 1) + ", got " + std::to_string(position));
  }
}

Index DepthOf(const Surrogate& function) {
  return function.kind() == SurrogateKind::kPipeline
             ? static_cast<const Pipeline&>(function).depth()
             : 0;
}

// Points have the same bits in blocks of any size, so that threads may divide a batch among them:
// that is done sooner than what one plan lets several of them do for a point.
Index BlockPoints(Index num_points, double cost) {
  if (cost < kParallelCost) return kBlockPoints;
  const auto threads = static_cast<Index>(oneapi::tbb::this_task_arena::max_concurrency());
  return std::clamp((num_points + threads - 1) / threads, kLeastBlockPoints, kBlockPoints);
}

void WritePositions(ByteWriter& writer, const std::vector<Index>& positions) {
  for (const Index position : positions) writer.Write(static_cast<std::int64_t>(position));
}

}  // namespace

std::uint64_t EdgesOf(const Surrogate& function) {
  const double more = function.Cost({.num_points = kTypicalPoints, .num_tangents = 2}) -
                      function.Cost({.num_points = kTypicalPoints, .num_tangents = 1});
  const double edges = std::round(more / static_cast<double>(kTypicalPoints));
  return static_cast<std::uint64_t>(
      std::clamp(edges, 0.0, static_cast<double>(JacobianChain::kMaxSize)));
}

Pipeline::Pipeline(Index n, std::vector<Stage> stages, std::vector<Index> outputs)
    : n_(n), outputs_(std::move(outputs)) {
  RequireRange("stages", "stages", static_cast<Index>(stages.size()), 1, kMaxStages);
  RequireRange("inputs", "inputs", n, 1, kMaxPool);
  const auto num_outputs = static_cast<Index>(outputs_.size());
  RequireRange("outputs", "outputs", num_outputs, 1, kMaxPool);
  PlaceStages(std::move(stages));
  RequirePositions("outputs", outputs_, pool_size_);
  FindNeededStages();
  jacobian_by_tangents_ =
      SweepCost(kTypicalPoints, n_, 0, false) <= SweepCost(kTypicalPoints, 0, num_outputs, false);
  if (const std::optional<JacobianChain> chain = AsChain()) {
    const HomogeneousCosts homogeneous = AccumulationCosts(*chain);
    ChainPlan plan = PlanChain(*chain);
    if (plan.cost < std::min(homogeneous.tangent, homogeneous.adjoint)) jacobian_plan_ = plan;
  }
}

std::optional<JacobianChain> Pipeline::AsChain() const {
  std::vector<ChainFactor> factors;
  const auto follows = [](const std::vector<Index>& positions, Index first, Index count) {
    if (static_cast<Index>(positions.size()) != count) return false;
    for (Index j = 0; j < count; ++j) {
      if (positions[static_cast<std::size_t>(j)] != first + j) return false;
    }
    return true;
  };
  Index first = 0;
  Index count = n_;
  for (const PlacedStage& stage : stages_) {
    if (!follows(stage.inputs, first, count) || count == 0) return std::nullopt;
    const Surrogate& function = *stage.function;
    first = stage.first_output;
    count = function.m();
    factors.push_back({static_cast<std::uint64_t>(function.n()), static_cast<std::uint64_t>(count),
                       EdgesOf(function)});
  }
  if (!follows(outputs_, first, count)) return std::nullopt;
  return JacobianChain(std::move(factors));
}

void Pipeline::PlaceStages(std::vector<Stage> stages) {
  pool_size_ = n_;
  Index widest = 0;
  stages_.reserve(stages.size());
  for (std::size_t k = 0; k < stages.size(); ++k) {
    PlacedStage stage{std::move(stages[k]), pool_size_};
    const Surrogate& function = *stage.function;
    const std::string field = StageField(k) + ".inputs";
    RequireSize(field.c_str(), static_cast<Index>(stage.inputs.size()), function.n());
    RequirePositions(field, stage.inputs, pool_size_);
    pool_size_ += function.m();
    RequireRange(StageField(k), "values in inputs and all stages up to here", pool_size_, 1,
                 kMaxPool);
    widest = std::max(widest, function.n() + function.m());
    depth_ = std::max(depth_, 1 + DepthOf(function));
    RequireRange(StageField(k), "pipelines within each other", depth_, 1, kMaxDepth);
    stages_.push_back(std::move(stage));
  }
  width_ = pool_size_ + 2 * widest;
}

void Pipeline::FindNeededStages() {
  std::vector<bool> needed(static_cast<std::size_t>(pool_size_));
  std::vector<bool> taken(static_cast<std::size_t>(pool_size_));
  for (const Index position : outputs_) needed[static_cast<std::size_t>(position)] = true;
  const auto any = [](const std::vector<bool>& flags, const PlacedStage& stage) {
    const auto begin = flags.begin() + stage.first_output;
    return std::any_of(begin, begin + stage.function->m(), [](bool flag) { return flag; });
  };
  for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) {
    stage->feeds = any(taken, *stage);
    stage->needed = stage->feeds || any(needed, *stage);
    if (!stage->needed) continue;
    for (const Index position : stage->inputs) taken[static_cast<std::size_t>(position)] = true;
  }
}

Index Pipeline::NumParameters() const {
  Index sum = 0;
  for (const PlacedStage& stage : stages_) sum += stage.function->NumParameters();
  return sum;
}

std::size_t Pipeline::SizeBytes() const {
  std::size_t sum = sizeof(Pipeline) + outputs_.size() * sizeof(Index);
  for (const PlacedStage& stage : stages_) {
    sum += sizeof(PlacedStage) + stage.inputs.size() * sizeof(Index) + stage.function->SizeBytes();
  }
  return sum;
}

double Pipeline::SweepCost(Index num_points, Index p, Index q, bool second_order) const {
  double sum = 0;
  for (const PlacedStage& stage : stages_) {
    if (!stage.needed) continue;
    const Surrogate& function = *stage.function;
    sum += function.Cost({.num_points = num_points, .num_tangents = p});
    if (q == 0) continue;
    sum += function.Cost({.num_points = num_points,
                          .num_tangents = second_order ? p : 0,
                          .num_adjoints = q,
                          .second_adjoint = second_order});
    if (second_order && stage.feeds) {
      sum += function.Cost({.num_points = num_points, .num_adjoints = p * q});
    }
  }
  return sum;
}

double Pipeline::Cost(const PredictionSize& size) const {
  const double asked =
      SweepCost(size.num_points, size.num_tangents, size.num_adjoints, size.second_adjoint);
  if (size.hessian) return asked + SweepCost(size.num_points, n(), m(), true);
  if (!size.jacobian) return asked;
  if (jacobian_plan_) {
    return asked + SweepCost(size.num_points, 0, 0, false) +
           jacobian_plan_->cost.ToDouble() * static_cast<double>(size.num_points);
  }
  return asked + (jacobian_by_tangents_ ? SweepCost(size.num_points, n(), 0, false)
                                        : SweepCost(size.num_points, 0, m(), false));
}

void Pipeline::Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                       const std::optional<Directions>& adjoints, const PredictionBuffers& out,
                       const std::stop_token& stop) const {
  const Index num_points = X.cols();
  RequireSize("x", X.rows(), n());
  RequireDirections(out, tangents, adjoints, n(), m(), num_points);
  if (out.Y_spread != nullptr || out.J_spread != nullptr) {
    throw InvalidArgument("NO_SPREAD", "spread", "a pipeline cannot judge its uncertainty");
  }
  const PipelineRequest request{.pipeline = *this,
                                .X = X,
                                .sweeps = MakeSweeps(*this, tangents, adjoints, out, width_),
                                .Y = out.Y,
                                .J_by_plan = PlansJacobian(*this, out) ? out.J : nullptr,
                                .stop = stop};
  Index of_point = width_;
  for (const Sweep& sweep : request.sweeps) {
    of_point = std::max(of_point, width_ * (1 + sweep.ColumnsPerPoint()));
  }
  if (request.J_by_plan != nullptr) of_point = std::max(of_point, width_ * (1 + n() + m()));
  const double cost = Cost(SizeOf(num_points, tangents, adjoints, out));
  const Index block_points =
      std::clamp<Index>(kSweepDoubles / of_point, 1, BlockPoints(num_points, cost));
  const Index num_blocks = (num_points + block_points - 1) / block_points;
  const auto predict_block = [&](Index block) {
    const Index first = block * block_points;
    PipelineBlock(request, first, std::min(block_points, num_points - first)).Predict();
  };
  ForEachBlock(cost, num_blocks, predict_block);
}

void Pipeline::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(n_));
  writer.Write(static_cast<std::int64_t>(stages_.size()));
  for (const PlacedStage& stage : stages_) {
    writer.Write(static_cast<std::int64_t>(stage.function->kind()));
    stage.function->Save(writer);
    WritePositions(writer, stage.inputs);
  }
  writer.Write(static_cast<std::int64_t>(outputs_.size()));
  WritePositions(writer, outputs_);
}

}  // namespace sobolev::chain
