// Multiply-adds of what fits of networks spend most of their time on.

#ifndef SOBOLEV_ENGINE_TRAIN_NETWORK_WORK_H_
#define SOBOLEV_ENGINE_TRAIN_NETWORK_WORK_H_

#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

// Of a gradient of the loss of so many points, with Jacobians or values alone.
inline double GradientWork(const nn::Architecture& architecture, Index num_points,
                           bool derivatives) {
  const Index sweeps = derivatives ? 3 + 3 * architecture.m : 3;
  return static_cast<double>(sweeps) * static_cast<double>(architecture.NumParameters()) *
         static_cast<double>(num_points);
}

// Of the Gauss-Newton matrix of all points, and its factorisation.
inline double NewtonWork(const nn::Architecture& architecture, const LabelledPoints& points) {
  const auto p = static_cast<double>(architecture.NumParameters());
  const auto samples = static_cast<double>(points.NumPoints());
  const auto m = static_cast<double>(architecture.m);
  const auto curvatures =
      static_cast<double>(architecture.n) * static_cast<double>(points.curvatures.point.size());
  return (1 + m) * samples * p * p + 0.5 * curvatures * p * p + p * p * p / 3;
}

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_NETWORK_WORK_H_
