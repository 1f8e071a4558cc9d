// Samples as the core of a composed surrogate sees them: φ(x), u = g⁻¹(y), and derivative labels by
// the chain rule.

#ifndef SOBOLEV_ENGINE_TRAIN_COMPOSED_SAMPLES_H_
#define SOBOLEV_ENGINE_TRAIN_COMPOSED_SAMPLES_H_

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/surrogate/composed_surrogate.h"
#include "engine/train/composition.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// With one feature for each input, labels stay of their kind. With others, a Jacobian becomes n
// tangents, directions φ′e_j, as does an adjoint of a single output; adjoints of several outputs
// and Hessian-vector products have no such form and are left out. Where y = g(u) is curved,
// derivative labels of outputs without value are left out, because g′ is not known, and so are
// entries of Hessian-vector products that need a derivative without label. Variances are those of
// the transformed labels to first order.
class ComposedSamples {
 public:
  // The samples of these numbers, ascending, which lie inside the box of the composition. Throws
  // Error(kFailedPrecondition) naming "spec.output_maps", output and sample if a value is outside
  // its bounds, Error(kResourceExhausted) naming "spec.feature_degree" if there are too many
  // labels, and Error(kCancelled) soon after `stop` fires.
  ComposedSamples(const SampleSet& samples, std::span<const std::uint32_t> numbers,
                  const Composition& composition, const CompositionOptions& options,
                  const std::stop_token& stop = {});

  ComposedSamples(const ComposedSamples&) = delete;
  ComposedSamples& operator=(const ComposedSamples&) = delete;

  // In the order of the numbers; as long as this lives.
  const SampleSet& view() const { return view_; }

 private:
  struct Numbers {
    std::vector<double> x;
    std::vector<double> y;
    std::vector<double> jacobian;
    std::vector<double> weight;
    std::vector<double> tangents;
    std::vector<double> jvp;
    std::vector<double> adjoints;
    std::vector<double> vjp;
    std::vector<double> hvp_adjoints;
    std::vector<double> hvp_tangents;
    std::vector<double> hvp;
    std::vector<double> y_variance;
    std::vector<double> jacobian_variance;
  };
  class Writer;

  Numbers numbers_;
  SampleSet view_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_COMPOSED_SAMPLES_H_
