#include "server/rpc/prediction_service.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "engine/base/error.h"
#include "server/convert/derivatives.h"
#include "server/convert/names.h"
#include "server/convert/tensor.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

// Multiply-adds that take about as long as handing the work to another thread and back.
constexpr double kInlineCost = 2e5;

Directions ToEngine(const RequestedDirections& directions) {
  return {.D = directions.D(), .count = directions.count(), .per_point = directions.per_point()};
}

void RequirePositiveInputs(const ServedModel& model, const ConstMatrixMap& X) {
  for (const auto& [j, name] : model.logarithmic) {
    for (Index s = 0; s < X.cols(); ++s) {
      if (X(j, s) > 0) continue;
      throw InvalidArgument(
          "OUT_OF_RANGE", "x[" + std::to_string(s) + "][" + std::to_string(j) + "]",
          "expected input '" + name + "' > 0, because the model takes its logarithm, got " +
              Text(X(j, s)));
    }
  }
}

// A network overflows only far outside its domain; such numbers are not served.
void RequireFinitePrediction(const double* values, Index num_points, Index per_point) {
  if (values == nullptr || AllFinite(values, num_points * per_point)) return;
  Index point = 0;
  while (AllFinite(values + point * per_point, per_point)) ++point;
  throw InvalidArgument(
      "PREDICTION_OVERFLOW", "x[" + std::to_string(point) + "]",
      "the prediction at this point is beyond the range of float64; ask for points "
      "nearer to the model's domain");
}

void FillInDomain(const ServedModel& model, const ConstMatrixMap& X,
                  google::protobuf::RepeatedField<bool>& in_domain) {
  in_domain.Reserve(static_cast<int>(X.cols()));
  for (Index s = 0; s < X.cols(); ++s) {
    in_domain.Add((X.col(s).array() >= model.domain_min.array()).all() &&
                  (X.col(s).array() <= model.domain_max.array()).all());
  }
}

}  // namespace

PredictionService::PredictionService(ModelRegistry& models, Metrics& metrics, ThreadPool& pool,
                                     const ServerConfig& config)
    : models_(models),
      metrics_(metrics),
      pool_(pool),
      config_(config),
      predict_metrics_(metrics.Method(RpcType::kUnary, "sobolev.v1.PredictionService", "Predict")) {
}

grpc::ServerUnaryReactor* PredictionService::Predict(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall<v1::PredictRequest, v1::PredictResponse>::Start(
      predict_metrics_, pool_, context, request, response,
      [this](const v1::PredictRequest& parsed, v1::PredictResponse& reply,
             const std::stop_token& stop) { Answer(parsed, reply, stop); },
      [this](const v1::PredictRequest& parsed) { return IsSmall(parsed); });
}

// Whether the answer takes no disk access and little time. Says nothing of validity.
bool PredictionService::IsSmall(const v1::PredictRequest& request) const {
  const ModelRef ref = ParseModelName(request.model(), "model");
  const ModelRegistry::Handle model = models_.FindCached(ref.id, ref.version);
  if (model == nullptr) return false;
  // Bounds of the numbers of points and directions, from sizes that were already received.
  const auto bound = [](const v1::Tensor& tensor, Index width) {
    return static_cast<Index>(tensor.data().size() / sizeof(float)) / width;
  };
  const Surrogate& surrogate = *model->surrogate;
  const PredictionSize size{
      .num_points = bound(request.x(), surrogate.n()),
      .jacobian = true,
      .hessian = std::ranges::count(request.quantities(), v1::QUANTITY_HESSIAN) > 0,
      .spread = surrogate.HasSpread(),
      .num_tangents = bound(request.tangents(), surrogate.n()),
      .num_adjoints = bound(request.adjoints(), surrogate.m())};
  return surrogate.Cost(size) <= kInlineCost;
}

void PredictionService::Answer(const v1::PredictRequest& request, v1::PredictResponse& response,
                               const std::stop_token& stop) const {
  const ModelRef ref = ParseModelName(request.model(), "model");
  RequireDataType(request.data_type(), "data_type");
  const DerivativeMask mask = ToMask(request.quantities());
  if (mask.hvp) {
    ThrowUnsupported("QUANTITY_HVP",
                     "products with Hessians come from programs alone; ask for "
                     "QUANTITY_HESSIAN");
  }
  const ModelRegistry::Handle model = models_.Get(ref.id, ref.version);
  const Surrogate& surrogate = *model->surrogate;
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  if ((mask.spread || mask.jacobian_spread) && !surrogate.HasSpread()) {
    ThrowUnsupported("QUANTITY_SPREAD and QUANTITY_JACOBIAN_SPREAD",
                     "this model does not judge its own uncertainty; Gaussian processes and "
                     "ensembles do");
  }

  const TensorView x(request.x(), "x", {-1, n},
                     "one row per point, one column per input of the model");
  const Index num_points = x.shape()[0];
  RequirePointLimit(num_points, config_.max_predict_rows, "x");
  x.RequireFinite();
  std::optional<RequestedDirections> tangents;
  std::optional<RequestedDirections> adjoints;
  if (mask.jvp) tangents.emplace(request.tangents(), "tangents", num_points, n, "inputs");
  if (mask.vjp) adjoints.emplace(request.adjoints(), "adjoints", num_points, m, "outputs");
  const Index p = tangents ? tangents->count() : 0;
  const Index q = adjoints ? adjoints->count() : 0;
  const Index values = (mask.value ? 1 : 0) + (mask.spread ? 1 : 0);
  const Index jacobians = (mask.jacobian ? 1 : 0) + (mask.jacobian_spread ? 1 : 0);
  const auto per_point = static_cast<double>(values * m + jacobians * m * n + p * m + q * n) +
                         (mask.hessian ? static_cast<double>(m * n) * static_cast<double>(n) : 0);
  RequireReplyLimit(static_cast<double>(num_points) * per_point, config_.max_predict_reply_bytes,
                    "x");

  response.set_model_version(ModelVersionName(model->model_id, model->version));
  PredictionBuffers out;
  if (mask.value) out.Y = PrepareTensor({num_points, m}, *response.mutable_value());
  if (mask.jacobian) out.J = PrepareTensor({num_points, m, n}, *response.mutable_jacobian());
  if (mask.jvp) out.Y_dot = PrepareTensor({num_points, p, m}, *response.mutable_jvp());
  if (mask.vjp) out.X_bar = PrepareTensor({num_points, q, n}, *response.mutable_vjp());
  if (mask.hessian) out.H = PrepareTensor({num_points, m, n, n}, *response.mutable_hessian());
  if (mask.spread) out.Y_spread = PrepareTensor({num_points, m}, *response.mutable_spread());
  if (mask.jacobian_spread) {
    out.J_spread = PrepareTensor({num_points, m, n}, *response.mutable_jacobian_spread());
  }
  const ConstMatrixMap X(x.data(), n, num_points);
  RequirePositiveInputs(*model, X);
  const auto start = std::chrono::steady_clock::now();
  surrogate.Predict(X, tangents ? std::optional(ToEngine(*tangents)) : std::nullopt,
                    adjoints ? std::optional(ToEngine(*adjoints)) : std::nullopt, out, stop);
  metrics_.Predicted(
      num_points, mask.order(),
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());

  RequireFinitePrediction(out.Y, num_points, m);
  RequireFinitePrediction(out.J, num_points, m * n);
  RequireFinitePrediction(out.Y_dot, num_points, p * m);
  RequireFinitePrediction(out.X_bar, num_points, q * n);
  RequireFinitePrediction(out.H, num_points, m * n * n);
  RequireFinitePrediction(out.Y_spread, num_points, m);
  RequireFinitePrediction(out.J_spread, num_points, m * n);
  if (mask.value) FinishTensor(request.data_type(), *response.mutable_value());
  if (mask.jacobian) FinishTensor(request.data_type(), *response.mutable_jacobian());
  if (mask.jvp) FinishTensor(request.data_type(), *response.mutable_jvp());
  if (mask.vjp) FinishTensor(request.data_type(), *response.mutable_vjp());
  if (mask.hessian) FinishTensor(request.data_type(), *response.mutable_hessian());
  if (mask.spread) FinishTensor(request.data_type(), *response.mutable_spread());
  if (mask.jacobian_spread) FinishTensor(request.data_type(), *response.mutable_jacobian_spread());
  FillInDomain(*model, X, *response.mutable_in_domain());
}

}  // namespace sobolev::server
