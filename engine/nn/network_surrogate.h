// A trained network with its scaling: y = μ_y + σ_y · f((x − μ_x) / σ_x), and its derivatives.

#ifndef SOBOLEV_ENGINE_NN_NETWORK_SURROGATE_H_
#define SOBOLEV_ENGINE_NN_NETWORK_SURROGATE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/jacobian_plan.h"
#include "engine/nn/network.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::nn {

// Standardisation of inputs and outputs. All scales are > 0.
struct Scaling {
  Vector x_mean;   // n
  Vector x_scale;  // n
  Vector y_mean;   // m
  Vector y_scale;  // m
};

class NetworkSurrogate : public Surrogate {
 public:
  // Throws Error(kInvalidArgument) if a size disagrees or a scale is not positive and finite.
  NetworkSurrogate(Architecture architecture, Scaling scaling, Vector theta);
  ~NetworkSurrogate() override;
  NetworkSurrogate(NetworkSurrogate&&) noexcept;
  NetworkSurrogate& operator=(NetworkSurrogate&&) noexcept;

  // Throws Error(kDataLoss) unless it reads what Save wrote.
  static std::unique_ptr<NetworkSurrogate> Load(ByteReader& reader);

  const Architecture& architecture() const;
  const Scaling& scaling() const;
  const Vector& theta() const;

  const JacobianPlan& jacobian_plan() const;
  // Multiply-adds of a product with W_l, l = 1 … D, or W_lᵀ: all weights, or those that are not 0
  // if these are few enough to be multiplied alone.
  Index NumEdges(Index l) const;

  SurrogateKind kind() const override { return SurrogateKind::kNetwork; }
  Index n() const override { return architecture().n; }
  Index m() const override { return architecture().m; }
  Index NumParameters() const override { return theta().size(); }
  std::size_t SizeBytes() const override;
  double Cost(const PredictionSize& size) const override;
  // The Jacobian is made by the cheapest plan. Does not allocate after the first call of a thread.
  void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
               const std::optional<Directions>& adjoints, const PredictionBuffers& out,
               const std::stop_token& stop = {}) const override;
  void Save(ByteWriter& writer) const override;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_NETWORK_SURROGATE_H_
