#include "engine/program/routine.h"

#include <algorithm>

namespace sobolev::program {
namespace {

std::vector<NodeId> Concatenate(std::span<const std::vector<NodeId>> regions) {
  std::vector<NodeId> all;
  for (const auto& region : regions) all.insert(all.end(), region.begin(), region.end());
  return all;
}

}  // namespace

Routine::Routine(const Graph& graph, std::span<const Index> input_widths,
                 std::span<const std::vector<NodeId>> output_regions, LaneKind kind,
                 NodeId eager_from, Index lanes)
    : replayer_(Lower(graph, Concatenate(output_regions),
                      {.contract = kind == LaneKind::kFast, .eager_from = eager_from}),
                kind, BestIsa(), lanes) {
  const Trace& trace = replayer_.trace();
  Slot slot = 0;
  Index first = 0;
  for (const Index width : input_widths) {
    InputRegion region{.indices = {}, .slot = slot};
    for (; slot < trace.input_indices.size() && trace.input_indices[slot] < first + width; ++slot) {
      region.indices.push_back(static_cast<std::uint32_t>(trace.input_indices[slot] - first));
    }
    inputs_.push_back(std::move(region));
    first += width;
  }
  auto output = trace.output_slots.begin();
  for (const auto& nodes : output_regions) {
    OutputRegion region;
    for (std::uint32_t i = 0; i < nodes.size(); ++i, ++output) {
      if (*output == kZeroOutput) {
        region.zeros.push_back(i);
      } else {
        region.indices.push_back(i);
        region.slots.push_back(*output);
      }
    }
    outputs_.push_back(std::move(region));
  }
}

void Routine::LoadPart(Replayer::Workspace& workspace, const InputRegion& region, Index offset,
                       const BlockRows<const double>& rows) const {
  replayer_.kernels().load({.indices = region.indices.data(),
                            .count = static_cast<Index>(region.indices.size()),
                            .lanes = rows.count,
                            .stride = stride(),
                            .pitch = rows.pitch},
                           rows.rows.data(),
                           workspace.slots() + Index{region.slot} * stride() + offset);
}

void Routine::LoadRows(Replayer::Workspace& workspace, int region,
                       const BlockRows<const double>& rows) const {
  LoadPart(workspace, inputs_[region], 0, rows);
}

void Routine::LoadBoxes(Replayer::Workspace& workspace, int region,
                        const BlockRows<const double>& lower,
                        const BlockRows<const double>& upper) const {
  LoadPart(workspace, inputs_[region], 0, lower);
  LoadPart(workspace, inputs_[region], lanes(), upper);
}

void Routine::LoadLanes(Replayer::Workspace& workspace, int region, const double* array) const {
  const InputRegion& input = inputs_[region];
  double* slot = workspace.slots() + Index{input.slot} * stride();
  for (const std::uint32_t index : input.indices) {
    std::copy_n(array + Index{index} * stride(), stride(), slot);
    slot += stride();
  }
}

void Routine::StorePart(Replayer::Workspace& workspace, const OutputRegion& region, Index offset,
                        Index points, const BlockRows<double>& rows) const {
  for (Index lane = 0; lane < points && !region.zeros.empty(); ++lane) {
    double* const row = rows.pitch == 0 ? rows.rows[lane] : rows.rows[0] + lane * rows.pitch;
    for (const std::uint32_t zero : region.zeros) row[zero] = 0;
  }
  replayer_.kernels().store({.indices = region.indices.data(),
                             .count = static_cast<Index>(region.indices.size()),
                             .lanes = rows.count,
                             .stride = stride(),
                             .pitch = rows.pitch},
                            workspace.slots() + offset, region.slots.data(), points,
                            rows.rows.data());
}

void Routine::StoreRows(Replayer::Workspace& workspace, int region, Index points,
                        const BlockRows<double>& rows) const {
  StorePart(workspace, outputs_[region], 0, points, rows);
}

void Routine::StoreBoxes(Replayer::Workspace& workspace, int region, Index points,
                         const BlockRows<double>& lower, const BlockRows<double>& upper) const {
  StorePart(workspace, outputs_[region], 0, points, lower);
  StorePart(workspace, outputs_[region], lanes(), points, upper);
}

void Routine::StoreLanes(Replayer::Workspace& workspace, int region, double* array) const {
  const OutputRegion& output = outputs_[region];
  for (std::size_t k = 0; k < output.indices.size(); ++k) {
    std::copy_n(workspace.slots() + Index{output.slots[k]} * stride(), stride(),
                array + Index{output.indices[k]} * stride());
  }
  for (const std::uint32_t zero : output.zeros) {
    std::fill_n(array + Index{zero} * stride(), stride(), 0.0);
  }
}

}  // namespace sobolev::program
