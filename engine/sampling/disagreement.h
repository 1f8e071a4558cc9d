// Where models of the same evidence contradict each other, they are likely to be wrong.

#ifndef SOBOLEV_ENGINE_SAMPLING_DISAGREEMENT_H_
#define SOBOLEV_ENGINE_SAMPLING_DISAGREEMENT_H_

#include <functional>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/taylor_model.h"

namespace sobolev::sampling {

// A surrogate in the coordinates of the unit cube: writes values (m×Q) and derivatives (n×(m·Q)) at
// the columns of X.
using Model =
    std::function<void(const Matrix& X, Matrix& Y, Matrix& J, const std::stop_token& stop)>;

// What models predict at points, and how far they are apart.
struct Opinion {
  Matrix Y;         // m×Q
  Matrix Y_spread;  // m×Q, at least 0.
  Matrix J_spread;  // m×Q: norms over the inputs.
  Vector radius;    // Q: to the farthest sample that has a say; without an entry if all have.
};

// Local Taylor models find the places for a good fit in up to so many inputs.
inline constexpr Index kMaxTaylorInputs = 4;

// Whether there are so few inputs, and two orders that the samples determine.
bool HasTaylorOpinion(const TaylorModel& model, Index n);

// Of the highest order and the next, orders 1 and 0 in more than kMaxTaylorInputs inputs.
Opinion TaylorOpinion(const TaylorModel& model, const Matrix& X, const std::stop_token& stop);

// Of two or more surrogates: their mean and standard deviation. Where one of them predicts no
// finite number, it is left out.
Opinion EnsembleOpinion(const std::vector<Model>& ensemble, Index m, const Matrix& X,
                        const std::stop_token& stop);

// For each point the error to be expected near it, in multiples of the spread of outputs:
// the root of the weighted mean square over outputs of
//   spread of the value + 0.3 · distance · spread of the gradient.
// distance: Q, to the nearest sample; scales and weights: m, > 0 and >= 0.
Vector ExpectedErrors(const Opinion& opinion, const Vector& distance, const Vector& scales,
                      const Vector& weights);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_DISAGREEMENT_H_
