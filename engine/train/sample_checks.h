// Tests of samples as they come, before anything is fitted to them.

#ifndef SOBOLEV_ENGINE_TRAIN_SAMPLE_CHECKS_H_
#define SOBOLEV_ENGINE_TRAIN_SAMPLE_CHECKS_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/label_checks.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// Those of CompareWithNeighbours, or of CompareWithFits with so much work if there are none.
std::vector<SuspectLabel> FindSuspects(const LabelledPoints& points, const nn::Scaling& scaling,
                                       double work, const std::stop_token& stop = {});

// FindSuspects on the last `count` samples, in the user's units: on all of these, or on as many as
// take about a second at most, spread evenly over them. Few samples are looked at together with
// those before them, and very few by CompareWithNeighbours alone, so that samples which come one by
// one are not fitted to each time. Samples that cannot be scaled are not judged. Throws
// Error(kCancelled) soon after `stop` fires.
std::vector<SuspectLabel> CheckLabels(const SampleSet& samples, Index count,
                                      const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SAMPLE_CHECKS_H_
