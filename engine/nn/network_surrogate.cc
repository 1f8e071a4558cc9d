#include "engine/nn/network_surrogate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/number_text.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/curvature_chunk.h"
#include "engine/nn/evaluator.h"
#include "engine/nn/hessian_sweep.h"
#include "engine/nn/network.h"
#include "engine/nn/packing.h"
#include "engine/surrogate/prediction_blocks.h"

namespace sobolev::nn {

namespace {

// A saved network begins with its activation; before it comes minus the sum of these, unless that
// is 0.
constexpr Index kSavedSkip = 1;
constexpr Index kSavedResidual = 2;

// Elements of J from which on it is written past the caches; 24 MiB. On a processor with 32 MB for
// all cores that is faster from 32 MB on, even if J is read again at once, and slower up to 16 MB.
constexpr Index kMinStreamed = Index{3} << 20;

// Memory of this thread, for any surrogate that it evaluates.
double* Workspace(Index size) {
  thread_local AlignedBuffer<double> buffer;
  if (buffer.size() < size) buffer = AlignedBuffer<double>(size);
  return buffer.data();
}

void RequireFinite(const char* field, const Vector& vector) {
  if (vector.allFinite()) return;
  throw InvalidArgument("NON_FINITE", field, "expected finite numbers only, got NaN or Inf");
}

void RequirePositive(const char* field, const Vector& scale) {
  RequireFinite(field, scale);
  if (scale.size() == 0 || scale.minCoeff() > 0) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected numbers > 0, got " + NumberText(scale.minCoeff()));
}

}  // namespace

struct NetworkSurrogate::Impl {
  Impl(Architecture architecture_in, Scaling scaling_in, Vector theta_in)
      : architecture(std::move(architecture_in)),
        scaling(std::move(scaling_in)),
        theta(std::move(theta_in)),
        network(architecture, scaling, theta, KernelsFor<double>(BestIsa())),
        edges(EdgesOf(network)),
        jacobian(PlanJacobian(architecture, edges)),
        sweep_cost(static_cast<double>(std::reduce(edges.begin(), edges.end()))) {}

  static std::vector<Index> EdgesOf(const PackedNetwork& network) {
    std::vector<Index> edges;
    edges.reserve(network.layers.size());
    for (const PackedLayer& layer : network.layers) edges.push_back(layer.weights.MultiplyAdds());
    return edges;
  }

  Architecture architecture;
  Scaling scaling;
  Vector theta;
  PackedNetwork network;
  std::vector<Index> edges;  // NumEdges(l) at [l − 1].
  JacobianPlan jacobian;
  double sweep_cost;  // Multiply-adds per point and sweep.
};

NetworkSurrogate::NetworkSurrogate(Architecture architecture, Scaling scaling, Vector theta) {
  Validate(architecture);
  RequireSize("scaling.x_mean", scaling.x_mean.size(), architecture.n);
  RequireSize("scaling.x_scale", scaling.x_scale.size(), architecture.n);
  RequireSize("scaling.y_mean", scaling.y_mean.size(), architecture.m);
  RequireSize("scaling.y_scale", scaling.y_scale.size(), architecture.m);
  RequireSize("theta", theta.size(), architecture.NumParameters());
  RequireFinite("scaling.x_mean", scaling.x_mean);
  RequireFinite("scaling.y_mean", scaling.y_mean);
  RequirePositive("scaling.x_scale", scaling.x_scale);
  RequirePositive("scaling.y_scale", scaling.y_scale);
  impl_ =
      std::make_unique<const Impl>(std::move(architecture), std::move(scaling), std::move(theta));
}

NetworkSurrogate::~NetworkSurrogate() = default;
NetworkSurrogate::NetworkSurrogate(NetworkSurrogate&&) noexcept = default;
NetworkSurrogate& NetworkSurrogate::operator=(NetworkSurrogate&&) noexcept = default;

const Architecture& NetworkSurrogate::architecture() const { return impl_->architecture; }
const Scaling& NetworkSurrogate::scaling() const { return impl_->scaling; }
const Vector& NetworkSurrogate::theta() const { return impl_->theta; }
const JacobianPlan& NetworkSurrogate::jacobian_plan() const { return impl_->jacobian; }

Index NetworkSurrogate::NumEdges(Index l) const {
  return impl_->edges[static_cast<std::size_t>(l - 1)];
}

std::size_t NetworkSurrogate::SizeBytes() const {
  Index elements = impl_->theta.size();
  std::size_t packed = 0;
  for (const PackedLayer& layer : impl_->network.layers) {
    elements += layer.columns.size() + layer.lines.size() + layer.bias.size();
    packed += layer.weights.SizeBytes() + layer.transposed.SizeBytes() +
              layer.skip_transposed.SizeBytes();
  }
  elements += 3 * impl_->architecture.n + 2 * impl_->architecture.m;
  return sizeof(NetworkSurrogate) + sizeof(Impl) + packed +
         static_cast<std::size_t>(elements) * sizeof(double);
}

double NetworkSurrogate::Cost(const PredictionSize& size) const {
  const double sweeps =
      impl_->sweep_cost * static_cast<double>(1 + size.num_tangents + size.num_adjoints);
  const double jacobian = size.jacobian ? impl_->jacobian.cost : 0;
  const double hessian = size.hessian ? PlanHessians(impl_->network).cost : 0;
  const double second_adjoints =
      size.second_adjoint
          ? PlanSecondAdjoints(impl_->network, size.num_tangents, size.num_adjoints).cost
          : 0;
  return static_cast<double>(size.num_points) * (sweeps + jacobian + hessian + second_adjoints);
}

void NetworkSurrogate::Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                               const std::optional<Directions>& adjoints,
                               const PredictionBuffers& out, const std::stop_token& stop) const {
  const PackedNetwork& network = impl_->network;
  const Index num_points = X.cols();
  RequireSize("x", X.rows(), network.n);
  RequireDirections(out, tangents, adjoints, network.n, network.m, num_points);
  const JacobianPlan jacobian = out.J != nullptr ? impl_->jacobian : JacobianPlan{};
  const Evaluation evaluation{.X = X.data(),
                              .tangents = tangents,
                              .adjoints = adjoints,
                              .out = out,
                              .jacobian = jacobian,
                              .streams_J = network.n * network.m * num_points >= kMinStreamed,
                              .stop = stop};

  const std::optional<CurvaturePlan> hessians =
      out.H != nullptr ? std::optional(PlanHessians(network)) : std::nullopt;
  const std::optional<CurvaturePlan> second_adjoints =
      out.X_bar_dot != nullptr
          ? std::optional(PlanSecondAdjoints(network, tangents->count, adjoints->count))
          : std::nullopt;
  const Index lanes = network.kernels.lanes;
  const auto evaluate_block = [&](Index block) {
    const Index first = block * lanes;
    const Index count = std::min(lanes, num_points - first);
    for (const std::optional<CurvaturePlan>& plan : {hessians, second_adjoints}) {
      if (!plan) continue;
      EvaluateCurvature(network, evaluation, *plan, first, count,
                        Workspace(CurvatureWorkspace(network, *plan)));
    }
    if (out.Y == nullptr && !evaluation.HasDerivatives()) return;
    if (count > network.max_points_one_by_one) {
      EvaluateChunk(network, evaluation, first, count,
                    Workspace(ChunkWorkspace(network, jacobian)));
      return;
    }
    double* const workspace = Workspace(PointWorkspace(network, jacobian));
    for (Index i = 0; i < count; ++i) EvaluatePoint(network, evaluation, first + i, workspace);
  };
  const Index num_blocks = (num_points + lanes - 1) / lanes;
  ForEachBlock(Cost(SizeOf(num_points, tangents, adjoints, out)), num_blocks, evaluate_block);
}

void NetworkSurrogate::Save(ByteWriter& writer) const {
  const Architecture& architecture = impl_->architecture;
  const Index form =
      (architecture.skip ? kSavedSkip : 0) + (architecture.residual ? kSavedResidual : 0);
  if (form > 0) writer.Write(static_cast<std::int64_t>(-form));
  writer.Write(static_cast<std::int64_t>(architecture.activation));
  writer.Write(static_cast<std::int64_t>(architecture.n));
  writer.Write(static_cast<std::int64_t>(architecture.m));
  writer.Write(static_cast<std::int64_t>(architecture.hidden.size()));
  for (const Index width : architecture.hidden) writer.Write(static_cast<std::int64_t>(width));
  writer.WriteVector(impl_->scaling.x_mean);
  writer.WriteVector(impl_->scaling.x_scale);
  writer.WriteVector(impl_->scaling.y_mean);
  writer.WriteVector(impl_->scaling.y_scale);
  writer.WriteVector(impl_->theta);
}

std::unique_ptr<NetworkSurrogate> NetworkSurrogate::Load(ByteReader& reader) {
  Architecture architecture;
  constexpr auto kLast = static_cast<Index>(Activation::kSin);
  Index first = reader.ReadInt(-(kSavedSkip + kSavedResidual), kLast);
  if (first < 0) {
    architecture.skip = (-first & kSavedSkip) != 0;
    architecture.residual = (-first & kSavedResidual) != 0;
    first = reader.ReadInt(0, kLast);
  }
  architecture.activation = static_cast<Activation>(first);
  architecture.n = reader.ReadInt(1, kMaxInputs);
  architecture.m = reader.ReadInt(1, kMaxOutputs);
  architecture.hidden.resize(static_cast<std::size_t>(reader.ReadInt(0, kMaxHiddenLayers)));
  for (Index& width : architecture.hidden) width = reader.ReadInt(1, kMaxWidth);
  Scaling scaling;
  scaling.x_mean = reader.ReadVector(architecture.n);
  scaling.x_scale = reader.ReadVector(architecture.n);
  scaling.y_mean = reader.ReadVector(architecture.m);
  scaling.y_scale = reader.ReadVector(architecture.m);
  Vector theta = reader.ReadVector(architecture.NumParameters());
  return std::make_unique<NetworkSurrogate>(std::move(architecture), std::move(scaling),
                                            std::move(theta));
}

}  // namespace sobolev::nn
