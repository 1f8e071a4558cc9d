#include "server/rpc/predict_answer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/derivatives.h"
#include "server/convert/names.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

// Multiply-adds that take about as long as handing the work to another thread and back.
constexpr double kInlineCost = 2e5;

Directions ToEngine(const RequestedDirections& directions) {
  return {.D = directions.D(), .count = directions.count(), .per_point = directions.per_point()};
}

std::vector<Index> ToPositions(const google::protobuf::RepeatedField<std::int32_t>& positions,
                               Index size, const std::string& field) {
  std::vector<bool> seen(static_cast<std::size_t>(size));
  std::vector<Index> selected;
  selected.reserve(static_cast<std::size_t>(positions.size()));
  for (int k = 0; k < positions.size(); ++k) {
    const std::int32_t position = positions[k];
    const bool exists = position >= 0 && position < size;
    if (!exists || seen[static_cast<std::size_t>(position)]) {
      throw InvalidArgument("OUT_OF_RANGE", field + "[" + std::to_string(k) + "]",
                            "expected positions from 0 to " + std::to_string(size - 1) +
                                ", each at most once, got " + std::to_string(position) +
                                (exists ? " twice" : ""));
    }
    seen[static_cast<std::size_t>(position)] = true;
    selected.push_back(position);
  }
  return selected;
}

v1::Tensor& Mutable(v1::PredictResponse& response, Quantity quantity) {
  switch (quantity) {
    case Quantity::kValue:
      return *response.mutable_value();
    case Quantity::kJacobian:
      return *response.mutable_jacobian();
    case Quantity::kJvp:
      return *response.mutable_jvp();
    case Quantity::kVjp:
      return *response.mutable_vjp();
    case Quantity::kHessian:
      return *response.mutable_hessian();
    case Quantity::kHvp:
      return *response.mutable_hvp();
    case Quantity::kSpread:
      return *response.mutable_spread();
    case Quantity::kJacobianSpread:
      break;
  }
  return *response.mutable_jacobian_spread();
}

}  // namespace

bool PredictAnswer::IsSmall(const v1::PredictRequest& request) const {
  const ModelRef ref = ParseModelName(request.model(), "model");
  const ModelRegistry::Handle model = models_.FindCached(ref.id, ref.version);
  if (model == nullptr) return false;
  // Its programs record traces when they are first asked for.
  if (model->surrogate->kind() == SurrogateKind::kPipeline) return false;
  // Bounds of the numbers of points and directions, from sizes that were already received.
  const auto bound = [](const v1::Tensor& tensor, Index width) {
    return static_cast<Index>(tensor.data().size() / sizeof(float)) / width;
  };
  const auto asks = [&request](v1::Quantity quantity) {
    return std::ranges::count(request.quantities(), quantity) > 0;
  };
  const Surrogate& surrogate = *model->surrogate;
  const PredictionSize size{.num_points = bound(request.x(), surrogate.n()),
                            .jacobian = true,
                            .hessian = asks(v1::QUANTITY_HESSIAN),
                            .spread = surrogate.HasSpread(),
                            .num_tangents = bound(request.tangents(), surrogate.n()),
                            .num_adjoints = bound(request.adjoints(), surrogate.m()),
                            .second_adjoint = asks(v1::QUANTITY_HVP)};
  return surrogate.Cost(size) <= kInlineCost;
}

void PredictAnswer::Fill(const v1::PredictRequest& request, v1::PredictResponse& response,
                         const std::stop_token& stop) const {
  PredictTask task(models_, predictor_, request, response);
  predictor_.Answer(task.query(), task.out(), stop);
  task.Finish();
}

PredictTask::PredictTask(ModelRegistry& models, const Predictor& predictor,
                         const v1::PredictRequest& request, v1::PredictResponse& response)
    : request_(request), response_(response) {
  const ModelRef ref = ParseModelName(request.model(), "model");
  RequireDataType(request.data_type(), "data_type");
  const DerivativeMask mask = ToMask(request.quantities());
  const ModelRegistry::Handle model = models.Get(ref.id, ref.version);
  const Index n = model->surrogate->n();
  x_.emplace(request.x(), "x", std::vector<std::int64_t>{-1, n},
             "one row per point, one column per input of the model");
  x_->RequireFinite();
  const Index num_points = x_->shape()[0];
  query_.emplace(
      Query{.model = model, .mask = mask, .X = ConstMatrixMap(x_->data(), n, num_points)});
  query_->block.outputs = ToPositions(request.outputs(), model->surrogate->m(), "outputs");
  query_->block.inputs = ToPositions(request.inputs(), n, "inputs");
  if (mask.needs_tangents()) {
    tangents_.emplace(request.tangents(), "tangents", num_points, query_->n(), "inputs");
    query_->tangents.emplace(ToEngine(*tangents_));
  }
  if (mask.needs_adjoints()) {
    adjoints_.emplace(request.adjoints(), "adjoints", num_points, query_->m(), "outputs");
    query_->adjoints.emplace(ToEngine(*adjoints_));
  }
  predictor.Check(*query_);
  response.set_model_version(ModelVersionName(model->model_id, model->version));
  for (const AnswerPart& part : AnswerParts(*query_)) {
    out_.*part.buffer = PrepareTensor(part.shape(), Mutable(response, part.quantity));
  }
}

void PredictTask::Finish() {
  const ServedModel& model = *query_->model;
  for (const AnswerPart& part : AnswerParts(*query_)) {
    FinishTensor(request_.data_type(), Mutable(response_, part.quantity));
  }
  const Index num_points = query_->num_points();
  response_.mutable_in_domain()->Reserve(static_cast<int>(num_points));
  for (Index s = 0; s < num_points; ++s) response_.add_in_domain(IsInDomain(*query_, s));
  if (query_->mask.held_out_errors && model.description.has_report()) {
    *response_.mutable_held_out_errors() = model.description.report().validation();
  }
}

}  // namespace sobolev::server
