// Samples as rows of a twin sweep, in standardised units (scaling.h).
//
// Where any label has a variance, entries of y and J have weights (label_weights.h), those of J
// times λ². Directional labels are scaled to directions of length 1; those of length 0 are left
// out. Their entry weights are those of gram_sweep.h.
//
// With a sketch of q outputs, the Jacobian of a sample gives way to q adjoint labels with unit
// seeds, those of q of the m outputs, each subset S equally likely, and weights times m/q:
//   E[ m/q Σ_{i∈S} Σ_j λ_ij² (J_ij − J*_ij)² ] = Σ_ij λ_ij² (J_ij − J*_ij)²,
// so that the loss and its gradient are unbiased, and exact for q = m. Unit seeds read q rows of a
// Jacobian and not all of it, and allow for missing entries and for any λ. Random signs on all
// outputs, which do not, are noisier (engine/README.md).

#ifndef SOBOLEV_ENGINE_TRAIN_STANDARD_ROWS_H_
#define SOBOLEV_ENGINE_TRAIN_STANDARD_ROWS_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/row_layout.h"
#include "engine/train/label_weights.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

// The rows of samples with these labels: without their Jacobians if the options have a sketch.
nn::RowLayout LayoutOf(const nn::RowLayout& labels, const Options& resolved);

// Thread-safe.
template <class T>
class StandardRows {
 public:
  // References `split` and the memory of the samples.
  // Throws Error(kCancelled) soon after `stop` fires.
  StandardRows(const SampleSet& samples, const Split& split, const Standardisation& standardisation,
               const Options& resolved, const std::stop_token& stop = {});

  const nn::RowLayout& layout() const { return layout_; }
  Index NumSamples() const { return first_.back(); }

  // Writes the row of sample `number`. Each `draw` draws sketches of its own. Throws
  // Error(kFailedPrecondition) naming the sample if a standardised number is not finite in T.
  void Write(Index number, std::uint64_t draw, T* row) const;

 private:
  void WriteJacobian(const Sample& sample, T* row) const;
  void WriteEntryWeights(const Sample& sample, T* row) const;
  void WriteSketch(const Sample& sample, Index number, std::uint64_t draw, T* row) const;
  void WriteTangents(const Sample& sample, T* row) const;
  void WriteAdjoints(const Sample& sample, T* row) const;
  void RequireFinite(Index number, const T* row) const;

  const nn::RowLayout layout_;
  const Index sketch_;
  const std::uint64_t seed_;
  const std::vector<SampleBlock> blocks_;
  std::vector<Index> first_;  // The number of every block's first sample, and of all samples.
  const Split& split_;
  const Standardisation standardisation_;
  LabelWeights label_weights_;  // All 1 unless the layout has entry weights.
  Matrix jacobian_scale_;       // n×m: σ_xj/σ_yi
  Matrix lambda_squared_;       // n×m
};

extern template class StandardRows<float>;
extern template class StandardRows<double>;

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_STANDARD_ROWS_H_
