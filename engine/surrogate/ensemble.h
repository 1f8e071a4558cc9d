// Several surrogates of the same function, fitted from different starts: their mean is predicted,
// and their standard deviation is what the ensemble does not know.

#ifndef SOBOLEV_ENGINE_SURROGATE_ENSEMBLE_H_
#define SOBOLEV_ENGINE_SURROGATE_ENSEMBLE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

class EnsembleSurrogate : public Surrogate {
 public:
  static constexpr Index kMaxMembers = 64;

  // Throws Error(kInvalidArgument) unless there are 1 to kMaxMembers members of equal n and m.
  explicit EnsembleSurrogate(std::vector<std::shared_ptr<const Surrogate>> members);

  const std::vector<std::shared_ptr<const Surrogate>>& members() const { return members_; }

  SurrogateKind kind() const override { return SurrogateKind::kEnsemble; }
  Index n() const override { return members_.front()->n(); }
  Index m() const override { return members_.front()->m(); }
  Index NumParameters() const override;
  std::size_t SizeBytes() const override;
  // The spread is that between the means of the members, with K − 1 in the denominator; 0 for one.
  bool HasSpread() const override { return true; }
  double Cost(const PredictionSize& size) const override;
  void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
               const std::optional<Directions>& adjoints, const PredictionBuffers& out,
               const std::stop_token& stop = {}) const override;
  // The number of members, then for each its kind and what it saves; train/surrogate_codec.h reads
  // it.
  void Save(ByteWriter& writer) const override;

 private:
  std::vector<std::shared_ptr<const Surrogate>> members_;
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_ENSEMBLE_H_
