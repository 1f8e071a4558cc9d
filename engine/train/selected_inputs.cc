#include "engine/train/selected_inputs.h"

#include <cstddef>
#include <numeric>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/train/samples.h"

namespace sobolev::train {

namespace {

bool AreAll(const std::vector<Index>& inputs, Index n) {
  std::vector<Index> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), Index{0});
  return inputs == all;
}

// Columns that depend on inputs in a sample of the block.
Index ColumnsOf(const SampleBlock& block, Index m) {
  Index columns = 1;
  if (block.jacobian != nullptr) columns += m;
  if (block.jacobian_variance != nullptr) columns += m;
  if (block.vjp != nullptr) columns += block.num_adjoints;
  return columns;
}

void RequireMemory(const SampleSet& samples, std::size_t num_inputs, std::size_t memory_limit) {
  double numbers = 0;
  for (const SampleBlock& block : samples.blocks) {
    numbers += static_cast<double>(block.rows) * static_cast<double>(ColumnsOf(block, samples.m));
  }
  const double bytes = numbers * static_cast<double>(num_inputs * sizeof(double));
  if (bytes <= static_cast<double>(memory_limit)) return;
  throw Error(ErrorCode::kResourceExhausted, "JOB_MEMORY", "dataset",
              "expected samples whose copy without some inputs takes at most " +
                  std::to_string(memory_limit) + " bytes, got one of about " +
                  std::to_string(bytes) +
                  "; use fewer samples, keep all inputs, or raise the server's limit");
}

}  // namespace

SelectedInputs::SelectedInputs(const SampleSet& samples, const std::vector<Index>& inputs,
                               std::size_t memory_limit, const std::stop_token& stop)
    : n_(samples.n), inputs_(inputs) {
  if (AreAll(inputs, samples.n)) {
    view_ = samples;
    return;
  }
  RequireMemory(samples, inputs.size(), memory_limit);
  view_ = {.n = static_cast<Index>(inputs.size()), .m = samples.m, .blocks = {}};
  for (const SampleBlock& block : samples.blocks) {
    ThrowIfStopped(stop);
    SampleBlock& selected = view_.blocks.emplace_back();
    selected.rows = block.rows;
    selected.x = Select(block.x, block.rows);
    selected.y = block.y;
    selected.y_variance = block.y_variance;
    selected.weight = block.weight;
    selected.jacobian = Select(block.jacobian, samples.m * block.rows);
    selected.jacobian_variance = Select(block.jacobian_variance, samples.m * block.rows);
    selected.num_adjoints = block.num_adjoints;
    selected.adjoints = block.adjoints;
    selected.vjp = Select(block.vjp, block.num_adjoints * block.rows);
  }
}

const double* SelectedInputs::Select(const double* columns, Index count) {
  if (columns == nullptr) return nullptr;
  std::vector<double> copy;
  copy.reserve(inputs_.size() * static_cast<std::size_t>(count));
  for (Index column = 0; column < count; ++column) {
    for (const Index j : inputs_) copy.push_back(columns[column * n_ + j]);
  }
  return copies_.emplace_back(std::move(copy)).data();
}

}  // namespace sobolev::train
