#include "engine/surrogate/composed_surrogate.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/composed_block.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/prediction_blocks.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

namespace {

// Points of a block, unless their derivatives need more than so many doubles.
constexpr Index kBlockPoints = 64;
constexpr Index kBlockDoubles = 1 << 20;
// So that damaged sizes do not allocate the machine away.
constexpr Index kMaxSize = 1 << 20;
// About the multiply-adds of a sine, a logarithm or the like.
constexpr double kFunctionCost = 20;

bool AreIdentities(const std::vector<OutputMap>& outputs) {
  return std::ranges::all_of(outputs, &OutputMap::IsIdentity);
}

}  // namespace

void Composition::Validate() const {
  std::ranges::for_each(outputs, &OutputMap::Validate);
  if (wings.Empty()) return;
  const auto m = static_cast<Index>(outputs.size());
  for (const Matrix* slopes : {&wings.below, &wings.above}) {
    RequireSize("wings outputs", slopes->rows(), m);
    RequireSize("wings inputs", slopes->cols(), features.n());
    if (!slopes->allFinite()) {
      throw InvalidArgument("NON_FINITE", "wings", "expected finite slopes, got NaN or Inf");
    }
  }
}

std::size_t Composition::SizeBytes() const {
  return features.SizeBytes() + outputs.size() * sizeof(OutputMap) +
         static_cast<std::size_t>(wings.below.size() + wings.above.size()) * sizeof(double);
}

void Composition::Save(ByteWriter& writer) const {
  features.Save(writer);
  writer.Write(static_cast<std::int64_t>(outputs.size()));
  for (const OutputMap& map : outputs) map.Save(writer);
  writer.Write(static_cast<std::int64_t>(wings.Empty() ? 0 : 1));
  writer.WriteVector(wings.below.reshaped());
  writer.WriteVector(wings.above.reshaped());
}

Composition Composition::Load(ByteReader& reader) {
  Composition composition{.features = FeatureMap::Load(reader), .outputs = {}, .wings = {}};
  const Index m = reader.ReadInt(1, kMaxSize);
  composition.outputs.reserve(static_cast<std::size_t>(m));
  for (Index i = 0; i < m; ++i) composition.outputs.push_back(OutputMap::Load(reader));
  if (reader.ReadInt(0, 1) == 1) {
    const Index n = composition.features.n();
    composition.wings.below = reader.ReadVector(m * n).reshaped(m, n);
    composition.wings.above = reader.ReadVector(m * n).reshaped(m, n);
  }
  composition.Validate();
  return composition;
}

ComposedSurrogate::ComposedSurrogate(Composition composition, std::shared_ptr<const Surrogate> core)
    : composition_(std::move(composition)),
      core_(std::move(core)),
      linear_outputs_(AreIdentities(composition_.outputs)) {
  composition_.Validate();
  RequireSize("core inputs", core_->n(), composition_.features.r());
  RequireSize("core outputs", core_->m(), static_cast<Index>(composition_.outputs.size()));
}

Index ComposedSurrogate::NumParameters() const {
  const Wings& wings = composition_.wings;
  return core_->NumParameters() + wings.below.size() + wings.above.size();
}

std::size_t ComposedSurrogate::SizeBytes() const {
  return sizeof(ComposedSurrogate) + composition_.SizeBytes() + core_->SizeBytes();
}

double ComposedSurrogate::Cost(const PredictionSize& size) const {
  const auto entries = static_cast<double>(composition_.features.gradient_entries().size());
  const auto outputs = static_cast<double>(m());
  const auto inputs = static_cast<double>(n());
  const auto features = static_cast<double>(composition_.features.r());
  PredictionSize of_core = size;
  of_core.jacobian = size.jacobian || size.hessian || size.spread;
  double per_point = kFunctionCost * (entries + outputs) + inputs * outputs;
  if (of_core.jacobian) per_point += entries * outputs;
  per_point += static_cast<double>(size.num_tangents + size.num_adjoints) * entries;
  if (size.hessian) per_point += outputs * entries * (features + inputs);
  double more = 0;
  if (size.second_adjoint) {
    const Index pairs = size.num_tangents * size.num_adjoints;
    per_point += static_cast<double>(pairs) * (2 * entries + inputs * outputs);
    if (!linear_outputs_) {
      more = core_->Cost({.num_points = size.num_points, .num_adjoints = pairs});
    }
  }
  return core_->Cost(of_core) + more + static_cast<double>(size.num_points) * per_point;
}

void ComposedSurrogate::Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                                const std::optional<Directions>& adjoints,
                                const PredictionBuffers& out, const std::stop_token& stop) const {
  const Index num_points = X.cols();
  RequireSize("x", X.rows(), n());
  RequireDirections(out, tangents, adjoints, n(), m(), num_points);
  if ((out.Y_spread != nullptr || out.J_spread != nullptr) && !HasSpread()) {
    throw InvalidArgument("NO_SPREAD", "spread", "this surrogate cannot judge its uncertainty");
  }
  const ComposedRequest request{.composition = composition_,
                                .core = *core_,
                                .linear_outputs = linear_outputs_,
                                .X = X,
                                .tangents = tangents,
                                .adjoints = adjoints,
                                .out = out,
                                .stop = stop};
  const Index r = composition_.features.r();
  const Index of_pairs =
      out.X_bar_dot != nullptr ? 2 * (r + m()) * tangents->count * adjoints->count : 0;
  const Index of_point = r * m() * (out.H != nullptr ? r + n() + 1 : 1) + of_pairs;
  const Index block_points = std::clamp<Index>(kBlockDoubles / of_point, 1, kBlockPoints);
  const Index num_blocks = (num_points + block_points - 1) / block_points;
  const auto predict_block = [&](Index block) {
    const Index first = block * block_points;
    ComposedBlock(request, first, std::min(block_points, num_points - first)).Predict();
  };
  ForEachBlock(Cost(SizeOf(num_points, tangents, adjoints, out)), num_blocks, predict_block);
}

void ComposedSurrogate::Save(ByteWriter& writer) const {
  composition_.Save(writer);
  writer.Write(static_cast<std::int64_t>(core_->kind()));
  core_->Save(writer);
}

}  // namespace sobolev
