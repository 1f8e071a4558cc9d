// A network with its optimiser and its standardised samples: the part of a trainer that depends on
// the arithmetic.

#ifndef SOBOLEV_ENGINE_TRAIN_LEARNER_H_
#define SOBOLEV_ENGINE_TRAIN_LEARNER_H_

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

enum class Parameters { kCurrent, kBest };

// Residuals over a set of samples, in standardised units. A tangent label of output i counts as an
// entry of Ĵ_i, an adjoint label as one row with the share ȳ_i² in Ĵ_i.
struct Evaluation {
  nn::TwinLoss loss;       // As the optimiser sees it, over the whole set.
  double curvature = 0;    // γ l_curvature.
  Vector value_square;     // m: Σ_s (ŷ_i − ŷ*_i)²
  Vector jacobian_square;  // m: Σ_s Σ_j (Ĵ_ij − Ĵ*_ij)² over the samples with a Jacobian
  Vector jacobian_label_square;  // m: Σ_s Σ_j Ĵ*_ij²
  Vector num_values;             // m: labels of ŷ_i
  Vector num_entries;            // m: labels of Ĵ_ij over j
};

// Losses over the samples of a step.
struct StepLoss {
  double value = 0;
  double gradient = 0;
  double curvature = 0;  // γ l_curvature, over the labels of the step.

  bool IsFinite() const {
    return std::isfinite(value) && std::isfinite(gradient) && std::isfinite(curvature);
  }
};

// Not thread-safe; uses the threads of the current oneTBB arena. Same bits whatever their number.
class Learner {
 public:
  virtual ~Learner() = default;

  // One step of Adam on the loss over the samples of this step of this epoch, both from 0. Returns
  // the loss before it; the step is not taken when that is not finite. Throws Error(kCancelled),
  // with nothing changed, soon after `stop` fires.
  virtual StepLoss Step(Index epoch, Index step, double learning_rate,
                        const std::stop_token& stop) = 0;
  // Over the held-out samples. Throws Error(kCancelled) soon after `stop` fires.
  virtual Evaluation Evaluate(Parameters which, const std::stop_token& stop) = 0;
  // Whether the current parameters and what the optimiser remembers are.
  virtual bool IsFinite() const = 0;
  // Makes the current parameters the best ones, which at first are the initial ones.
  virtual void KeepAsBest() = 0;
  // Makes the best parameters the current ones, with what the optimiser remembered at that time.
  virtual void BackToBest() = 0;
  // The network's θ, p values; with shape constraints the weights, not their free parameters.
  virtual Vector Theta(Parameters which) const = 0;

  // A hash of the standardised samples.
  virtual std::uint64_t Fingerprint() const = 0;
  virtual void Save(ByteWriter& writer) const = 0;
  // Reads what Save wrote. Changes nothing if it throws Error(kDataLoss).
  virtual void Load(ByteReader& reader) = 0;
};

// With initial parameters by options.seed. `resolved` is what ResolveOptions returned. The samples
// are copied, unless they are streamed: then `split` and their memory must outlive the learner.
// Throws Error(kFailedPrecondition) naming the sample if a standardised number is not
// finite in the chosen precision, and Error(kCancelled) soon after `stop` fires.
std::unique_ptr<Learner> MakeLearner(const SampleSet& samples, const Split& split,
                                     const Standardisation& standardisation,
                                     const Options& resolved, const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_LEARNER_H_
