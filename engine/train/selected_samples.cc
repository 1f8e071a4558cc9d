#include "engine/train/selected_samples.h"

#include <cstddef>
#include <numeric>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/number_text.h"
#include "engine/base/stop.h"
#include "engine/train/samples.h"

namespace sobolev::train {

namespace {

bool AreAll(const std::vector<Index>& inputs, Index n) {
  std::vector<Index> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), Index{0});
  return inputs == all;
}

// The rows of the block that lie in the box.
std::vector<Index> RowsOf(const SampleBlock& block, Index n, const SampleSelection& selection) {
  std::vector<Index> rows;
  for (Index row = 0; row < block.rows; ++row) {
    bool inside = true;
    for (Index k = 0; k < selection.min.size(); ++k) {
      const double x = block.x[row * n + selection.inputs[static_cast<std::size_t>(k)]];
      inside = inside && selection.min[k] <= x && x <= selection.max[k];
    }
    if (inside) rows.push_back(row);
  }
  return rows;
}

// Numbers in the copy of a sample, about.
double SizeOf(const SampleBlock& block, Index n, Index m) {
  auto size = static_cast<double>(n + m + 1);
  if (block.y_variance != nullptr) size += static_cast<double>(m);
  if (block.jacobian != nullptr) size += static_cast<double>(n * m);
  if (block.jacobian_variance != nullptr) size += static_cast<double>(n * m);
  size += static_cast<double>((block.num_tangents + block.num_adjoints) * (n + m));
  return size + static_cast<double>(block.num_hvps * (2 * n + m));
}

void RequireMemory(double numbers, std::size_t memory_limit) {
  const double bytes = numbers * sizeof(double);
  if (bytes <= static_cast<double>(memory_limit)) return;
  throw Error(ErrorCode::kResourceExhausted, "JOB_MEMORY", "dataset",
              "expected samples whose copy, of a part of the box or the inputs, takes at most " +
                  std::to_string(memory_limit) + " bytes, got one of about " + NumberText(bytes) +
                  "; use fewer samples, all inputs and the whole domain, or raise the server's "
                  "limit");
}

}  // namespace

SelectedSamples::SelectedSamples(const SampleSet& samples, const SampleSelection& selection,
                                 std::size_t memory_limit, const std::stop_token& stop)
    : n_(samples.n), inputs_(selection.inputs) {
  const bool all_inputs = AreAll(inputs_, n_);
  const auto n = static_cast<Index>(inputs_.size());
  std::vector<std::vector<Index>> rows;
  bool all_rows = true;
  double numbers = 0;
  for (const SampleBlock& block : samples.blocks) {
    ThrowIfStopped(stop);
    rows.push_back(RowsOf(block, n_, selection));
    const auto count = static_cast<Index>(rows.back().size());
    all_rows = all_rows && count == block.rows;
    numbers += static_cast<double>(count) * SizeOf(block, n, samples.m);
  }
  if (all_inputs && all_rows) {
    view_ = samples;
    return;
  }
  RequireMemory(numbers, memory_limit);
  view_ = {.n = n, .m = samples.m, .blocks = {}};
  for (std::size_t k = 0; k < rows.size(); ++k) {
    ThrowIfStopped(stop);
    if (!rows[k].empty()) CopyBlock(samples.blocks[k], rows[k], all_inputs);
  }
}

void SelectedSamples::CopyBlock(const SampleBlock& block, const std::vector<Index>& rows,
                                bool all_inputs) {
  const Index m = view_.m;
  SampleBlock& copy = view_.blocks.emplace_back();
  copy.rows = static_cast<Index>(rows.size());
  copy.x = CopyByInputs(block.x, 1, rows);
  copy.y = Copy(block.y, 1, m, rows);
  copy.y_variance = Copy(block.y_variance, 1, m, rows);
  copy.weight = Copy(block.weight, 1, 1, rows);
  copy.jacobian = CopyByInputs(block.jacobian, m, rows);
  copy.jacobian_variance = CopyByInputs(block.jacobian_variance, m, rows);
  copy.num_adjoints = block.num_adjoints;
  copy.adjoints = Copy(block.adjoints, block.num_adjoints, m, rows);
  copy.vjp = CopyByInputs(block.vjp, block.num_adjoints, rows);
  if (!all_inputs) return;
  copy.num_tangents = block.num_tangents;
  copy.tangents = CopyByInputs(block.tangents, block.num_tangents, rows);
  copy.jvp = Copy(block.jvp, block.num_tangents, m, rows);
  copy.num_hvps = block.num_hvps;
  copy.hvp_adjoints = Copy(block.hvp_adjoints, block.num_hvps, m, rows);
  copy.hvp_tangents = CopyByInputs(block.hvp_tangents, block.num_hvps, rows);
  copy.hvp = CopyByInputs(block.hvp, block.num_hvps, rows);
}

const double* SelectedSamples::Copy(const double* columns, Index count, Index size,
                                    const std::vector<Index>& rows) {
  if (columns == nullptr) return nullptr;
  std::vector<double> copy;
  copy.reserve(rows.size() * static_cast<std::size_t>(count * size));
  for (const Index row : rows) {
    const double* const first = columns + row * count * size;
    copy.insert(copy.end(), first, first + count * size);
  }
  return copies_.emplace_back(std::move(copy)).data();
}

const double* SelectedSamples::CopyByInputs(const double* columns, Index count,
                                            const std::vector<Index>& rows) {
  if (columns == nullptr) return nullptr;
  std::vector<double> copy;
  copy.reserve(rows.size() * inputs_.size() * static_cast<std::size_t>(count));
  for (const Index row : rows) {
    for (Index column = row * count; column < (row + 1) * count; ++column) {
      for (const Index j : inputs_) copy.push_back(columns[column * n_ + j]);
    }
  }
  return copies_.emplace_back(std::move(copy)).data();
}

}  // namespace sobolev::train
