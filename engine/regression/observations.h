// From labels to the observations of processes: which outputs share a covariance matrix, which
// labels are used, and in which order of points.

#ifndef SOBOLEV_ENGINE_REGRESSION_OBSERVATIONS_H_
#define SOBOLEV_ENGINE_REGRESSION_OBSERVATIONS_H_

#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/regression/labels.h"
#include "engine/regression/likelihood.h"

namespace sobolev::regression {

struct SharedObservations {
  std::vector<std::size_t> groups;  // Coupled outputs: one. Else groups with the same functionals
                                    // and precisions.
  std::vector<Index> outputs;       // Of all groups.
  Observations observations;  // Points in a shuffled order, so that any head is a fair choice.
  std::vector<Index> label;   // Number in every group, per observation.
  Index num_ignored = 0;      // Labels of all groups that are not used.
};

// Groups without labels of first order have no observations. max_labels: 0 for all.
std::vector<SharedObservations> ShareObservations(const Labels& labels, const Matrix& X,
                                                  Index max_labels);

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_OBSERVATIONS_H_
