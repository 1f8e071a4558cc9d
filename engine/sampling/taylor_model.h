// Local Taylor models: moving least squares through the values and derivatives of the nearest
// samples (Lancaster and Salkauskas 1981, with derivatives as in Hermite interpolation).
//
// Around a point q the function is a polynomial in (x − q)/h of order 1, 2 or 3, fitted to the
// samples near q with weights that fall with their distance. Its value and gradient at q are the
// prediction. A polynomial of the order is reproduced, whatever the samples are.

#ifndef SOBOLEV_ENGINE_SAMPLING_TAYLOR_MODEL_H_
#define SOBOLEV_ENGINE_SAMPLING_TAYLOR_MODEL_H_

#include <array>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

// The monomials of up to some degree in n variables; every one but the first is the product of a
// variable and a monomial before it.
struct TaylorBasis {
  struct Term {
    Index parent = 0;
    Index axis = 0;
    int degree = 0;
  };
  std::vector<Term> terms;

  Index Size() const { return static_cast<Index>(terms.size()); }
};

struct TaylorPrediction {
  Matrix Y;         // m×Q
  Matrix J;         // n×(m·Q)
  Vector distance;  // Q: to the nearest sample that was used.
  Vector radius;    // Q: to the farthest.
};

// Polynomials around samples.
struct TaylorExpansions {
  int order = 0;
  // (m·(1 + n + … + n^order))×S: for each output the value, the gradient (n), the second
  // derivatives (n×n) and the third (n×n×n), as far as the order goes.
  Matrix derivatives;
};

// Which samples a prediction at a sample may use.
enum class HeldOut {
  kItself,      // All but the sample itself.
  kFromItself,  // Those before it.
};

// References the evidence, which outlives it. Thread-safe; large batches run on the threads of the
// current oneTBB arena with the same bits whatever their number.
class TaylorModel {
 public:
  static constexpr int kMaxOrder = 3;

  // Throws as RequireEvidence, and Error(kFailedPrecondition) unless every output has a known
  // value.
  explicit TaylorModel(const Evidence& evidence);

  // The largest order up to `wanted` that so many samples determine and that is not too much work:
  // 0 is the weighted mean of tangent planes, in hundreds of inputs.
  int Order(int wanted) const { return OrderFor(wanted, evidence_.NumSamples()); }

  // At the columns of Q (n×Q), of order Order(order). Throws Error(kCancelled) soon after `stop`
  // fires.
  TaylorPrediction Predict(const Matrix& Q, int order, const std::stop_token& stop = {}) const;

  // At samples, without what `held_out` says. Samples before which there are none are predicted as
  // NaN.
  TaylorPrediction PredictHeldOut(const std::vector<Index>& samples, int order, HeldOut held_out,
                                  const std::stop_token& stop = {}) const;

  // Around samples, of order Order(order). Known values and derivatives of a sample are kept as
  // they are, and the rest is fitted to the neighbours.
  TaylorExpansions Expand(const std::vector<Index>& samples, int order,
                          const std::stop_token& stop = {}) const;

 private:
  class LocalFit;
  // The samples that a prediction may use: those before `end` but for `skipped`.
  struct Usable {
    Index end = 0;
    Index skipped = -1;

    Index Count() const { return end - (skipped >= 0 && skipped < end ? 1 : 0); }
  };

  int OrderFor(int wanted, Index num_samples) const;
  // How many samples determine a model of the order well, or all.
  Index NumNeighbours(int order, Index num_samples) const;
  // usable: for each column of Q, or a single one for all.
  TaylorPrediction PredictEach(const Matrix& Q, int order, const std::vector<Usable>& usable,
                               const std::stop_token& stop) const;

  const Evidence& evidence_;
  Matrix coordinates_;            // N×n, to find neighbours.
  double labels_per_sample_ = 0;  // Known ones of the output that has fewest.
  Vector means_;                  // m, of the known values.
  std::array<TaylorBasis, kMaxOrder + 1> bases_;
};

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_TAYLOR_MODEL_H_
