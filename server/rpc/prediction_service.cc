#include "server/rpc/prediction_service.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/names.h"
#include "server/convert/tensor.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

// Multiply-adds that take about as long as handing the work to another thread and back.
constexpr double kInlineCost = 2e5;
constexpr std::int64_t kMaxDirections = 4096;

// Which quantities were asked for.
struct Mask {
  bool value = false;
  bool jacobian = false;
  bool jvp = false;
  bool vjp = false;
};

Mask ToMask(const v1::PredictRequest& request) {
  Mask mask{.value = request.quantities().empty()};
  for (int i = 0; i < request.quantities_size(); ++i) {
    switch (request.quantities(i)) {
      case v1::PredictRequest::QUANTITY_VALUE:
        mask.value = true;
        continue;
      case v1::PredictRequest::QUANTITY_JACOBIAN:
        mask.jacobian = true;
        continue;
      case v1::PredictRequest::QUANTITY_JVP:
        mask.jvp = true;
        continue;
      case v1::PredictRequest::QUANTITY_VJP:
        mask.vjp = true;
        continue;
      default:
        break;
    }
    throw InvalidArgument("UNKNOWN_ENUM_VALUE", "quantities[" + std::to_string(i) + "]",
                          "expected QUANTITY_VALUE, _JACOBIAN, _JVP or _VJP, got number " +
                              std::to_string(static_cast<int>(request.quantities(i))));
  }
  return mask;
}

// Tangents or adjoints as they came, checked.
class RequestedDirections {
 public:
  // [k, dimension] shared by all points, or [N, k, dimension].
  RequestedDirections(const v1::Tensor& tensor, const std::string& field, std::int64_t num_points,
                      std::int64_t dimension, const std::string& dimension_name)
      : per_point_(tensor.shape_size() == 3),
        view_(tensor, field,
              per_point_ ? std::vector<std::int64_t>{num_points, -1, dimension}
                         : std::vector<std::int64_t>{-1, dimension},
              per_point_ ? "points of x, directions, " + dimension_name
                         : "directions shared by all points, " + dimension_name),
        dimension_(dimension) {
    count_ = view_.shape()[per_point_ ? 1 : 0];
    if (count_ < 1 || count_ > kMaxDirections) {
      throw InvalidArgument("OUT_OF_RANGE", field,
                            "expected 1 to " + std::to_string(kMaxDirections) +
                                " directions, got " + std::to_string(count_));
    }
    view_.RequireFinite();
  }

  std::int64_t count() const { return count_; }
  nn::Directions ToEngine() const {
    return {.D = ConstMatrixMap(view_.data(), dimension_, view_.size() / dimension_),
            .count = count_,
            .per_point = per_point_};
  }

 private:
  bool per_point_;
  TensorView view_;
  std::int64_t dimension_;
  std::int64_t count_ = 0;
};

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
  const nn::Architecture& architecture = model->surrogate.architecture();
  const Index num_points = bound(request.x(), architecture.n);
  const Index p = bound(request.tangents(), architecture.n);
  const Index q = bound(request.adjoints(), architecture.m);
  return model->surrogate.Cost(num_points, true, p, q) <= kInlineCost;
}

void PredictionService::Answer(const v1::PredictRequest& request, v1::PredictResponse& response,
                               const std::stop_token& stop) const {
  const ModelRef ref = ParseModelName(request.model(), "model");
  RequireDataType(request.data_type(), "data_type");
  const Mask mask = ToMask(request);
  const ModelRegistry::Handle model = models_.Get(ref.id, ref.version);
  const nn::Surrogate& surrogate = model->surrogate;
  const Index n = surrogate.architecture().n;
  const Index m = surrogate.architecture().m;

  const TensorView x(request.x(), "x", {-1, n},
                     "one row per point, one column per input of the model");
  const Index num_points = x.shape()[0];
  if (num_points > config_.max_predict_rows) {
    throw InvalidArgument("TOO_MANY_ROWS", "x",
                          "expected at most " + std::to_string(config_.max_predict_rows) +
                              " points, got " + std::to_string(num_points) +
                              "; split the batch or raise max_predict_rows");
  }
  x.RequireFinite();
  std::optional<RequestedDirections> tangents;
  std::optional<RequestedDirections> adjoints;
  if (mask.jvp) tangents.emplace(request.tangents(), "tangents", num_points, n, "inputs");
  if (mask.vjp) adjoints.emplace(request.adjoints(), "adjoints", num_points, m, "outputs");
  const Index p = tangents ? tangents->count() : 0;
  const Index q = adjoints ? adjoints->count() : 0;
  const Index reply_elements =
      num_points * ((mask.value ? m : 0) + (mask.jacobian ? m * n : 0) + p * m + q * n);
  const auto max_elements = config_.max_predict_reply_bytes / static_cast<Index>(sizeof(double));
  if (reply_elements > max_elements) {
    throw Error(ErrorCode::kResourceExhausted, "REPLY_TOO_LARGE", "x",
                "the reply would hold " + std::to_string(reply_elements) +
                    " numbers, the limit is " + std::to_string(max_elements) +
                    "; send fewer points at a time or ask for products instead of the Jacobian");
  }

  response.set_model_version(ModelVersionName(model->model_id, model->version));
  nn::PredictionBuffers out;
  if (mask.value) out.Y = PrepareTensor({num_points, m}, *response.mutable_value());
  if (mask.jacobian) out.J = PrepareTensor({num_points, m, n}, *response.mutable_jacobian());
  if (mask.jvp) out.Y_dot = PrepareTensor({num_points, p, m}, *response.mutable_jvp());
  if (mask.vjp) out.X_bar = PrepareTensor({num_points, q, n}, *response.mutable_vjp());
  const ConstMatrixMap X(x.data(), n, num_points);
  const auto start = std::chrono::steady_clock::now();
  surrogate.Predict(X, tangents ? std::optional(tangents->ToEngine()) : std::nullopt,
                    adjoints ? std::optional(adjoints->ToEngine()) : std::nullopt, out, stop);
  metrics_.Predicted(
      num_points, mask.jacobian || mask.jvp || mask.vjp ? 1 : 0,
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());

  RequireFinitePrediction(out.Y, num_points, m);
  RequireFinitePrediction(out.J, num_points, m * n);
  RequireFinitePrediction(out.Y_dot, num_points, p * m);
  RequireFinitePrediction(out.X_bar, num_points, q * n);
  if (mask.value) FinishTensor(request.data_type(), *response.mutable_value());
  if (mask.jacobian) FinishTensor(request.data_type(), *response.mutable_jacobian());
  if (mask.jvp) FinishTensor(request.data_type(), *response.mutable_jvp());
  if (mask.vjp) FinishTensor(request.data_type(), *response.mutable_vjp());
  FillInDomain(*model, X, *response.mutable_in_domain());
}

}  // namespace sobolev::server
