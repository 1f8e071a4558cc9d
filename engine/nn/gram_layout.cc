#include "engine/nn/gram_layout.h"

#include <algorithm>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/gram_points.h"
#include "engine/nn/kernels.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

GramNetwork::GramNetwork(const Architecture& architecture)
    : n(architecture.n),
      m(architecture.m),
      depth(architecture.Depth()),
      num_parameters(architecture.NumParameters()),
      skip(architecture.skip),
      residual(architecture.residual) {
  const auto take = [](Index& size, Index count) {
    const Index first = size;
    size += RoundUp(count, kAlignedElements<double>);
    return first;
  };
  Index theta = 0;
  for (Index l = 1; l <= depth; ++l) {
    GramLayer layer{};
    layer.rows = architecture.Rows(l);
    layer.cols = architecture.Cols(l);
    layer.inner = layer.cols - architecture.SkipCols(l);
    layer.residual = architecture.IsResidual(l);
    layer.weights = theta;
    layer.bias = theta + layer.rows * layer.cols;
    theta = layer.bias + layer.rows;
    layer.packed = take(packed_size, layer.rows * layer.cols);
    layer.transposed = take(packed_size, layer.rows * layer.inner);
    layer.skip_transposed = take(packed_size, layer.rows * (layer.cols - layer.inner));
    layer.tiles = take(tiles_size, RoundUp(layer.rows, kTile) * RoundUp(layer.cols + 1, kTile));
    layers.push_back(layer);
  }
}

GramLayout::GramLayout(const GramNetwork& network, GramKind group_kind, Index num_lanes,
                       bool assemble)
    : kind(group_kind),
      data(group_kind, network.n, network.m),
      lanes(num_lanes),
      seeds(HasUnitSeeds(kind) ? network.m : 1),
      directions(HasUnitDirections(kind) ? network.n
                 : HasDirection(kind)    ? 1
                                         : 0),
      pairs(kind == GramKind::kFull     ? network.m
            : kind == GramKind::kValues ? 0
                                        : 1) {
  // One alignment unit between arrays keeps equal features of two arrays from lying a multiple of
  // 4096 bytes apart, where the processor mistakes one for the other.
  const auto stride_of = [this](Index features) {
    return RoundUp(features + 1, kTile) * lanes + kAlignedElements<double>;
  };
  const auto take = [&](Index features) {
    const Index first = size;
    size += stride_of(features);
    return first;
  };
  const auto take_arrays = [&](Index count, Index features) {
    const GramArrays arrays{.first = size, .stride = stride_of(features)};
    size += count * arrays.stride;
    return arrays;
  };
  take(data.size);
  y = take(network.m);
  u_bar = take(data.num_residuals);
  sigma = take(data.num_residuals);
  x_bar = kind == GramKind::kTangent ? take_arrays(1, network.m) : take_arrays(seeds, network.n);
  t_0 = take_arrays(pairs, network.n);
  Index widest = std::max(network.n, network.m);
  for (const GramLayer& layer : network.layers) widest = std::max(widest, layer.rows);
  spare = take_arrays(2, widest);
  if (network.residual) {
    const Index count = kind == GramKind::kCurvature ? 2 : std::max<Index>(1, directions);
    a_bar = take_arrays(count, widest);
  }
  const bool has_products = directions > 0 && kind != GramKind::kCurvature;
  for (Index l = 1; l < network.depth; ++l) {
    const Index rows = network.Layer(l).rows;
    // Of the next layer: with x if it is skipped to.
    const Index inputs = network.Layer(l + 1).cols;
    Arrays arrays{};
    arrays.a = take(inputs);
    arrays.p = take(rows);
    arrays.h = take(rows);
    arrays.z_bar = take(rows);
    arrays.dz = take(rows);
    arrays.da = take(inputs);
    const Index sweeps = seeds + (kind == GramKind::kTangent ? 1 : 0);
    arrays.g = take_arrays(sweeps, rows);
    arrays.c = take_arrays(sweeps, rows);
    arrays.t = take_arrays(pairs, inputs);
    // Residuals along a direction need the tangents too.
    if (assemble || HasDirection(kind)) {
      arrays.z_dot = take_arrays(directions, rows);
      arrays.a_dot = take_arrays(directions, inputs);
    }
    if (assemble) {
      if (HasValues(kind)) arrays.dv = take_arrays(seeds, rows);
      if (has_products) {
        arrays.dw = kind == GramKind::kAdjoint ? arrays.g : take_arrays(seeds, rows);
        arrays.d_dot = take_arrays(seeds * directions, rows);
      }
    }
    if (kind == GramKind::kCurvature) {
      for (Index* const array :
           {&arrays.p_dot, &arrays.c_dot, &arrays.g_dot, &arrays.z_bar_dot, &arrays.dz_dot}) {
        *array = take(rows);
      }
      arrays.t_dot = take(inputs);
      arrays.da_dot = take(inputs);
    }
    layers.push_back(arrays);
  }
}

}  // namespace sobolev::nn
