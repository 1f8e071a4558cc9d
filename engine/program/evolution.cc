#include "engine/program/evolution.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace sobolev::program {
namespace {

// What the slots of one block should take; a derivative's trace keeps about this many values per
// node of the value's graph. Twice that of replay.cc: of Burgers' equation a gradient by blocks
// half as wide takes a quarter longer, as each step is looked up twice as often.
constexpr Index kBlockBytes = Index{768} << 10;
constexpr double kValuesPerNode = 1.0;

Index ChooseLanes(const Definition& definition, LaneKind kind) {
  const Index width = KernelsOf(BestIsa()).width;
  Index registers = 8;
  std::size_t nodes = 0;
  for (const Stage& stage : definition.stages) nodes = std::max(nodes, stage.graph.size());
  const Index doubles = kind == LaneKind::kInterval ? 2 : 1;
  const auto bytes = [&] {
    return kValuesPerNode * static_cast<double>(nodes) *
           static_cast<double>(registers * width * doubles * Index{sizeof(double)});
  };
  while (registers > 1 && bytes() > static_cast<double>(kBlockBytes)) registers /= 2;
  return registers * width;
}

}  // namespace

Evolution::Evolution(const Definition& definition, LaneKind kind, Index max_state_bytes)
    : kernels_(KernelsOf(BestIsa())),
      lanes_(ChooseLanes(definition, kind)),
      plan_{.definition = definition,
            .stages = {},
            .stride = kind == LaneKind::kInterval ? 2 * lanes_ : lanes_,
            .max_state_bytes = max_state_bytes} {
  plan_.stages.reserve(definition.stages.size());
  for (const Stage& stage : definition.stages) {
    plan_.stages.push_back(std::make_unique<StageRoutines>(stage, kind, lanes_));
  }
}

Evolution::~Evolution() = default;

ReversalCounts Evolution::Count(const Settings& settings, bool with_tangents) const {
  return CountReversal(plan_.definition, settings, plan_.Sizes(with_tangents), with_tangents);
}

std::unique_ptr<StatePool> Evolution::TakePool() {
  const std::lock_guard lock(mutex_);
  if (pools_.empty()) return std::make_unique<StatePool>();
  std::unique_ptr<StatePool> pool = std::move(pools_.back());
  pools_.pop_back();
  return pool;
}

void Evolution::RunBlock(const EvolutionBlock& block, const Settings& settings,
                         const std::stop_token& stop) {
  // A sweep that fails takes its pool with it.
  std::unique_ptr<StatePool> pool = TakePool();
  EvolutionSweep(plan_, settings, *pool, stop).Run(block);
  pool->Trim(static_cast<std::size_t>(kAutomaticBytes));
  const std::lock_guard lock(mutex_);
  pools_.push_back(std::move(pool));
}

void Evolution::Run(const ProductRequest& request, const ProductRequest* upper,
                    const Settings& settings, const std::stop_token& stop) {
  // The arrays of a request, with the member of a block that each becomes.
  using Input =
      std::pair<LaneRows<const double> ProductRequest::*, const double * EvolutionBlock::*>;
  using Output = std::pair<LaneRows<double> ProductRequest::*, double * EvolutionBlock::*>;
  constexpr std::array<Input, 3> kInputs = {{{&ProductRequest::x, &EvolutionBlock::x},
                                             {&ProductRequest::x_dot, &EvolutionBlock::x_dot},
                                             {&ProductRequest::y_bar, &EvolutionBlock::y_bar}}};
  constexpr std::array<Output, 4> kOutputs = {
      {{&ProductRequest::y, &EvolutionBlock::y},
       {&ProductRequest::y_dot, &EvolutionBlock::y_dot},
       {&ProductRequest::x_bar, &EvolutionBlock::x_bar},
       {&ProductRequest::x_bar_dot, &EvolutionBlock::x_bar_dot}}};
  const LaneGrid& grid = request.grid;
  if (request.y_bar.data != nullptr) {
    RequireStatesFit(plan_.definition, settings, plan_.Sizes(request.x_dot.data != nullptr));
  }
  const Index width = std::max(plan_.stages.front()->stage().state_size,
                               static_cast<Index>(plan_.stages.back()->stage().outputs.size()));
  std::vector<std::uint32_t> indices(static_cast<std::size_t>(width));
  std::iota(indices.begin(), indices.end(), 0U);
  const auto row_run = [&](Index count, Index pitch) {
    return RowRun{.indices = indices.data(),
                  .count = count,
                  .lanes = lanes_,
                  .stride = plan_.stride,
                  .pitch = pitch};
  };
  const auto load = [&](const BlockRows<const double>& rows, Index count, double* array) {
    kernels_.load(row_run(count, rows.pitch), rows.rows.data(), array);
  };
  const auto store = [&](const double* array, Index points, Index count,
                         const BlockRows<double>& rows) {
    kernels_.store(row_run(count, rows.pitch), array, indices.data(), points, rows.rows.data());
  };
  ForEachBlock(grid, lanes_, stop, [&] {
    return [&, arrays = std::vector<LaneBuffer>(kInputs.size() + kOutputs.size())](
               Index first, Index points) mutable {
      EvolutionBlock block;
      auto array = arrays.begin();
      for (const auto& [rows, member] : kInputs) {
        const LaneRows<const double>& lower = request.*rows;
        LaneBuffer& buffer = *array++;
        if (lower.data == nullptr) continue;
        if (buffer.data() == nullptr) {
          buffer = LaneBuffer(static_cast<std::size_t>(lower.width * plan_.stride));
        }
        load(RowsOfBlock(lower, grid, first, lanes_), lower.width, buffer.data());
        if (upper != nullptr) {
          load(RowsOfBlock(upper->*rows, grid, first, lanes_), lower.width, buffer.data() + lanes_);
        }
        block.*member = buffer.data();
      }
      const auto outputs = array;
      for (const auto& [rows, member] : kOutputs) {
        LaneBuffer& buffer = *array++;
        if ((request.*rows).data == nullptr) continue;
        if (buffer.data() == nullptr) {
          buffer = LaneBuffer(static_cast<std::size_t>((request.*rows).width * plan_.stride));
        }
        block.*member = buffer.data();
      }
      RunBlock(block, settings, stop);
      array = outputs;
      for (const auto& [rows, member] : kOutputs) {
        LaneBuffer& buffer = *array++;
        const LaneRows<double>& lower = request.*rows;
        if (lower.data == nullptr) continue;
        store(buffer.data(), points, lower.width, RowsOfBlock(lower, grid, first, lanes_));
        if (upper != nullptr) {
          store(buffer.data() + lanes_, points, lower.width,
                RowsOfBlock(upper->*rows, grid, first, lanes_));
        }
      }
    };
  });
}

}  // namespace sobolev::program
