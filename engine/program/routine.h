// A trace with named regions of inputs and outputs, and the way between lanes and rows.
//
// The graph's inputs are cut into regions (state, tangent, adjoint, …) that come from different
// places, and so are its outputs. A region is loaded from rows, one per lane, as callers hold their
// batches, or from a lane array [index][lane], as states lie between the steps of an evolution.

#ifndef SOBOLEV_ENGINE_PROGRAM_ROUTINE_H_
#define SOBOLEV_ENGINE_PROGRAM_ROUTINE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/program/replay.h"
#include "engine/program/sweep.h"

namespace sobolev::program {

class Routine {
 public:
  // input_widths: how many consecutive graph inputs each input region has. output_regions: the
  // nodes of each output region; kNoNode is zero at every point. lanes: as for Replayer.
  Routine(const Graph& graph, std::span<const Index> input_widths,
          std::span<const std::vector<NodeId>> output_regions, LaneKind kind,
          NodeId eager_from = kNoNode, Index lanes = 0);

  const Replayer& replayer() const { return replayer_; }
  Index lanes() const { return replayer_.lanes(); }
  // Doubles per element of a lane array: one per lane, or two bounds per lane.
  Index stride() const { return replayer_.stride(); }

  // Loads the region of each lane from its row.
  void LoadRows(Replayer::Workspace& workspace, int region,
                const BlockRows<const double>& rows) const;
  // The same for the lower and upper bounds of intervals.
  void LoadBoxes(Replayer::Workspace& workspace, int region, const BlockRows<const double>& lower,
                 const BlockRows<const double>& upper) const;
  // array: [index][lane], or [index][lower, upper][lane].
  void LoadLanes(Replayer::Workspace& workspace, int region, const double* array) const;

  // Writes the region of the first `points` lanes to their rows.
  void StoreRows(Replayer::Workspace& workspace, int region, Index points,
                 const BlockRows<double>& rows) const;
  void StoreBoxes(Replayer::Workspace& workspace, int region, Index points,
                  const BlockRows<double>& lower, const BlockRows<double>& upper) const;
  void StoreLanes(Replayer::Workspace& workspace, int region, double* array) const;

 private:
  struct InputRegion {
    std::vector<std::uint32_t> indices;  // Of the region, in use. Consecutive slots from `slot` on.
    Slot slot = 0;
  };
  struct OutputRegion {
    std::vector<std::uint32_t> indices;  // That are computed.
    std::vector<Slot> slots;
    std::vector<std::uint32_t> zeros;  // The rest.
  };

  void LoadPart(Replayer::Workspace& workspace, const InputRegion& region, Index offset,
                const BlockRows<const double>& rows) const;
  void StorePart(Replayer::Workspace& workspace, const OutputRegion& region, Index offset,
                 Index points, const BlockRows<double>& rows) const;

  Replayer replayer_;
  std::vector<InputRegion> inputs_;
  std::vector<OutputRegion> outputs_;
};

// Runs the routine on all lanes of a grid. for_each_input(visit) calls visit(region, rows) for each
// region of inputs; outputs are by region, and those without data are not stored.
template <class ForEachInput>
void RunOnGrid(const Routine& routine, const LaneGrid& grid, const ForEachInput& for_each_input,
               std::span<const LaneRows<double>> outputs, const std::stop_token& stop) {
  ForEachBlock(grid, routine.lanes(), stop, [&] {
    auto workspace = std::make_unique<Replayer::Workspace>(routine.replayer());
    return [&, workspace = std::move(workspace)](Index first, Index points) {
      const Index used = routine.replayer().LanesUsed(points);
      for_each_input([&](int region, const LaneRows<const double>& rows) {
        routine.LoadRows(*workspace, region, RowsOfBlock(rows, grid, first, used));
      });
      workspace->Run(points);
      for (std::size_t region = 0; region < outputs.size(); ++region) {
        if (outputs[region].data == nullptr) continue;
        routine.StoreRows(*workspace, static_cast<int>(region), points,
                          RowsOfBlock(outputs[region], grid, first, used));
      }
    };
  });
}

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_ROUTINE_H_
