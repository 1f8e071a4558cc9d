// How a batch is dealt to lanes: every lane is one point with one tangent and one adjoint
// direction.
//
// With p tangents and q adjoints a batch of N points has N·q·p lanes, lane (s·q + l)·p + k. Lanes
// are cut into blocks, blocks are dealt to threads.

#ifndef SOBOLEV_ENGINE_PROGRAM_SWEEP_H_
#define SOBOLEV_ENGINE_PROGRAM_SWEEP_H_

#include <algorithm>
#include <array>
#include <stop_token>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"

namespace sobolev::program {

struct LaneGrid {
  Index num_points = 0;
  Index q = 1;
  Index p = 1;

  Index size() const { return num_points * q * p; }
};

// Rows of an array, by lane: row s·per_point + l·per_adjoint + k·per_tangent of `width` numbers.
template <class T>
struct LaneRows {
  T* data = nullptr;
  Index width = 0;
  Index per_point = 0;
  Index per_adjoint = 0;
  Index per_tangent = 0;
};

// One row per lane of the grid.
template <class T>
LaneRows<T> RowPerLane(T* data, Index width, const LaneGrid& grid) {
  return {data, width, grid.q * grid.p, grid.p, 1};
}

// One row per point.
template <class T>
LaneRows<T> RowPerPoint(T* data, Index width) {
  return {data, width, 1, 0, 0};
}

inline constexpr Index kMaxLanes = 64;

// The rows of the lanes of one block.
template <class T>
struct BlockRows {
  std::array<T*, kMaxLanes> rows;  // Only the first one if they have a pitch.
  Index count = 0;
  Index pitch = 0;  // Doubles from each row to the next if the same for all and positive, else 0.
};

// The rows of lanes first, first + 1, …; lanes beyond the grid repeat its last one.
//
// In the time of a small function all that is done per lane shows: no divisions.
template <class T>
BlockRows<T> RowsOfBlock(const LaneRows<T>& rows, const LaneGrid& grid, Index first, Index lanes) {
  BlockRows<T> block;
  block.count = lanes;
  auto& pointers = block.rows;
  const Index used = std::min(lanes, grid.size() - first);
  const Index pitch = rows.per_point * rows.width;
  if (used == lanes && grid.p * grid.q == 1 && pitch > 0) {
    block.pitch = pitch;
    pointers[0] = rows.data + first * pitch;
    return block;
  }
  Index k = first % grid.p;
  Index l = first / grid.p % grid.q;
  Index s = first / (grid.p * grid.q);
  for (Index lane = 0; lane < used; ++lane) {
    pointers[lane] =
        rows.data + (s * rows.per_point + l * rows.per_adjoint + k * rows.per_tangent) * rows.width;
    if (++k < grid.p) continue;
    k = 0;
    if (++l < grid.q) continue;
    l = 0;
    ++s;
  }
  std::fill(pointers.begin() + used, pointers.begin() + lanes, pointers[used - 1]);
  return block;
}

// Calls body(first lane, lanes in use) for every block of `lanes` lanes, in oneTBB's current arena.
// `make_body` is called once per task and returns the body, which may hold a workspace. Throws
// Error(kCancelled) when `stop` fires.
template <class MakeBody>
void ForEachBlock(const LaneGrid& grid, Index lanes, const std::stop_token& stop,
                  const MakeBody& make_body) {
  const Index num_blocks = (grid.size() + lanes - 1) / lanes;
  const auto run = [&](Index begin, Index end) {
    auto body = make_body();
    for (Index block = begin; block < end; ++block) {
      ThrowIfStopped(stop);
      body(block * lanes, std::min(lanes, grid.size() - block * lanes));
    }
  };
  // Nobody could share the tasks.
  if (num_blocks == 1 || tbb::this_task_arena::max_concurrency() == 1) {
    if (num_blocks > 0) run(0, num_blocks);
    return;
  }
  tbb::parallel_for(tbb::blocked_range<Index>(0, num_blocks),
                    [&](const auto& range) { run(range.begin(), range.end()); });
}

// Products with derivatives, one per lane of the grid. Null means not given or not wanted.
struct ProductRequest {
  LaneGrid grid;
  LaneRows<const double> x;      // n
  LaneRows<const double> x_dot;  // n
  LaneRows<const double> y_bar;  // m
  LaneRows<double> y;            // m
  LaneRows<double> y_dot;        // m, needs x_dot
  LaneRows<double> x_bar;        // n, needs y_bar
  LaneRows<double> x_bar_dot;    // n, needs both
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_SWEEP_H_
