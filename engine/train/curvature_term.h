// The loss of Hessian-vector labels that Adam adds to those of its rows: γ·l_curvature as in
// nn/gram_sweep.h, in double precision, a part of the labels in every step.

#ifndef SOBOLEV_ENGINE_TRAIN_CURVATURE_TERM_H_
#define SOBOLEV_ENGINE_TRAIN_CURVATURE_TERM_H_

#include <memory>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/gram_sweep.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

// Not thread-safe; uses the threads of the current oneTBB arena. Same bits whatever their number.
class CurvatureTerm {
 public:
  // Copies the labels, in an order drawn by the seed. `resolved` has γ > 0. Throws as
  // StandardPoints, and Error(kFailedPrecondition) naming "spec.gamma" if no training sample has a
  // label.
  CurvatureTerm(const SampleSet& samples, const Split& split,
                const Standardisation& standardisation, const Options& resolved,
                const std::stop_token& stop);

  // Adds what a step does: gradient += an estimate of ∂(γ l_curvature)/∂θ, without bias over the
  // steps of some epochs, at the weights θ (p). `step` counts from 0 over all epochs. Returns that
  // of γ l_curvature. Throws Error(kCancelled) soon after `stop` fires.
  double AddGradient(const Vector& theta, Index step, Vector& gradient,
                     const std::stop_token& stop);
  // γ l_curvature of the held-out samples; 0 if they have no label.
  double ValidationLoss(const Vector& theta, const std::stop_token& stop);

  // A hash of the labels.
  std::uint64_t Fingerprint() const { return fingerprint_; }

 private:
  std::unique_ptr<nn::GramSweep> training_;
  std::unique_ptr<nn::GramSweep> validation_;  // Null without labels.
  Index num_parts_ = 1;                        // That the labels are dealt to, one a step.
  Vector part_gradient_;
  std::uint64_t fingerprint_ = 0;
};

// The samples with no other labels than Hessian-vector products.
SampleSet CurvaturesAlone(SampleSet samples);

// Bytes that a term holds for so many labels of samples with n inputs and m outputs.
double CurvatureBytes(Index num_labels, Index num_samples, Index n, Index m);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_CURVATURE_TERM_H_
