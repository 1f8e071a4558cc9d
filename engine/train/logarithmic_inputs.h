// Which inputs are worth taking the logarithm of without being told.

#ifndef SOBOLEV_ENGINE_TRAIN_LOGARITHMIC_INPUTS_H_
#define SOBOLEV_ENGINE_TRAIN_LOGARITHMIC_INPUTS_H_

#include <stop_token>
#include <vector>

#include "engine/train/samples.h"

namespace sobolev::train {

// For each of the n inputs: whether the model should see log x, where the logarithms of outputs are
// fitted that are set in `outputs` (m, at least one; all their values are positive).
//
// Positive inputs are, that keep off zero by more than the spacing of their smallest values.
// Others, like samples of (0, 1), may come to lie much closer to zero than any sample does, where a
// model in logarithms that is exact at all samples can be off by any factor. They are only if log y
// is nearer to linear in log x than in x, as power laws are, whose slope in logarithms goes on;
// that is judged by linear least squares, input by input, where there are samples enough.
std::vector<bool> LogarithmicInputs(const SampleSet& samples, const std::vector<bool>& outputs,
                                    const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LOGARITHMIC_INPUTS_H_
