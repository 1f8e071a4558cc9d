#include "server/rpc/program_service.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/derivatives.h"
#include "server/convert/names.h"
#include "server/convert/programs.h"
#include "server/convert/tensor.h"
#include "server/rpc/curvature_answer.h"
#include "server/rpc/own_records.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

constexpr const char* kService = "sobolev.v1.ProgramService";

// Multiplications that take about as long as handing the work to another thread and back.
constexpr double kInlineCost = 2e5;

program::Directions ToEngine(const RequestedDirections& directions) {
  return {.D = directions.D(), .count = directions.count(), .per_point = directions.per_point()};
}

// Which combination of traces an evaluation needs, for ServedProgram. Products with one tangent or
// adjoint come from the same trace as the value, those with several from traces of their own.
std::uint32_t TraceCombination(const DerivativeMask& mask, const program::Settings& settings,
                               Index p, Index q) {
  std::uint32_t combination = 0;
  for (const bool bit : {mask.value, mask.jacobian, mask.jvp, mask.vjp, mask.hessian, mask.hvp,
                         settings.arithmetic == program::Arithmetic::kStrict, p == 1, q == 1}) {
    combination = combination << 1 | static_cast<std::uint32_t>(bit);
  }
  return combination;
}

// How many directions there are for each point, if the tensor is right.
Index CountDirections(const v1::Tensor& tensor) {
  const int rank = tensor.shape_size();
  return rank < 2 ? 0 : tensor.shape(rank - 2);
}

// Whether no steps are recomputed, or few, so that Program::Cost holds.
bool RecomputesLittle(const program::Settings& settings) {
  return settings.reversal == program::Reversal::kAutomatic ||
         settings.reversal == program::Reversal::kVanilla;
}

// Of an answer for N points, p tangents and q adjoints; beyond all integers for large programs.
double CountElements(const DerivativeMask& mask, Index num_points, Index n, Index m, Index p,
                     Index q) {
  const auto inputs = static_cast<double>(n);
  const auto outputs = static_cast<double>(m);
  double per_point = 0;
  if (mask.value) per_point += outputs;
  if (mask.jacobian) per_point += outputs * inputs;
  if (mask.hessian) per_point += outputs * inputs * inputs;
  if (mask.jvp) per_point += static_cast<double>(p) * outputs;
  if (mask.vjp) per_point += static_cast<double>(q) * inputs;
  if (mask.hvp) per_point += static_cast<double>(p) * static_cast<double>(q) * inputs;
  return static_cast<double>(num_points) * per_point;
}

void RequireOrdered(const TensorView& x_min, const TensorView& x_max, Index n) {
  for (Index i = 0; i < x_min.size(); ++i) {
    if (x_min.data()[i] <= x_max.data()[i]) continue;
    throw InvalidArgument(
        "OUT_OF_RANGE", "x_max[" + std::to_string(i / n) + "][" + std::to_string(i % n) + "]",
        "expected at least x_min = " + Text(x_min.data()[i]) + ", got " + Text(x_max.data()[i]));
  }
}

void SetFlags(const std::vector<std::uint8_t>& flags, google::protobuf::RepeatedField<bool>& to) {
  to.Reserve(static_cast<int>(flags.size()));
  for (const std::uint8_t flag : flags) to.Add(flag != 0);
}

}  // namespace

ProgramService::ProgramService(Store& store, ProgramRegistry& programs, Metrics& metrics,
                               ThreadPool& pool, const ServerConfig& config)
    : store_(store),
      programs_(programs),
      metrics_(metrics),
      pool_(pool),
      config_(config),
      create_metrics_(metrics.Method(RpcType::kUnary, kService, "CreateProgram")),
      check_metrics_(metrics.Method(RpcType::kUnary, kService, "CheckProgram")),
      get_metrics_(metrics.Method(RpcType::kUnary, kService, "GetProgram")),
      list_metrics_(metrics.Method(RpcType::kUnary, kService, "ListPrograms")),
      delete_metrics_(metrics.Method(RpcType::kUnary, kService, "DeleteProgram")),
      evaluate_metrics_(metrics.Method(RpcType::kUnary, kService, "Evaluate")),
      enclose_metrics_(metrics.Method(RpcType::kUnary, kService, "Enclose")),
      curvature_metrics_(metrics.Method(RpcType::kUnary, kService, "AnalyzeCurvature")) {}

grpc::ServerUnaryReactor* ProgramService::CreateProgram(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::CreateProgramRequest, v1::Program>::Start(
      create_metrics_, pool_, context, request, response,
      [this](const v1::CreateProgramRequest& parsed, v1::Program& reply, const std::stop_token&) {
        RequireResourceId(parsed.program_id(), "program_id");
        const std::unique_ptr<const program::Program> compiled = programs_.Compile(parsed.source());
        reply = ToProto(store_.CreateProgram(
            ToRecord(StoredId(parsed.program_id()), parsed.source(), *compiled)));
      });
}

grpc::ServerUnaryReactor* ProgramService::CheckProgram(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::CheckProgramRequest, v1::Program>::Start(
      check_metrics_, pool_, context, request, response,
      [this](const v1::CheckProgramRequest& parsed, v1::Program& reply, const std::stop_token&) {
        const std::unique_ptr<const program::Program> compiled = programs_.Compile(parsed.source());
        reply = ToProto(ToRecord("", parsed.source(), *compiled));
      });
}

grpc::ServerUnaryReactor* ProgramService::GetProgram(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetProgramRequest, v1::Program>::Start(
      get_metrics_, pool_, context, request, response,
      [this](const v1::GetProgramRequest& parsed, v1::Program& reply, const std::stop_token&) {
        reply = ToProto(store_.GetProgram(ParseProgramName(parsed.name(), "name")));
      });
}

grpc::ServerUnaryReactor* ProgramService::ListPrograms(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListProgramsRequest, v1::ListProgramsResponse>::Start(
      list_metrics_, pool_, context, request, response,
      [this](const v1::ListProgramsRequest& parsed, v1::ListProgramsResponse& reply,
             const std::stop_token&) {
        const std::int64_t limit = PageSize(parsed.page_size());
        const std::string after = DecodePageToken("programs", parsed.page_token());
        const std::vector<ProgramRecord> records =
            ListOwn(after, limit + 1, [this](const std::string& from, std::int64_t count) {
              return store_.ListPrograms(from, count);
            });
        for (const ProgramRecord& record : FirstPage(records, limit)) {
          *reply.add_programs() = ToProto(record);
        }
        if (HasNextPage(records, limit)) {
          reply.set_next_page_token(EncodePageToken(
              "programs", LocalId(records[static_cast<std::size_t>(limit) - 1].id)));
        }
      });
}

grpc::ServerUnaryReactor* ProgramService::DeleteProgram(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::DeleteProgramRequest, v1::DeleteProgramResponse>::Start(
      delete_metrics_, pool_, context, request, response,
      [this](const v1::DeleteProgramRequest& parsed, v1::DeleteProgramResponse&,
             const std::stop_token&) {
        const std::string id = ParseProgramName(parsed.name(), "name");
        store_.DeleteProgram(id);
        programs_.Remove(id);
      });
}

grpc::ServerUnaryReactor* ProgramService::Evaluate(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return UnaryCall<v1::EvaluateRequest, v1::EvaluateResponse>::Start(
      evaluate_metrics_, pool_, context, request, response,
      [this](const v1::EvaluateRequest& parsed, v1::EvaluateResponse& reply,
             const std::stop_token& stop) { AnswerEvaluate(parsed, reply, stop); },
      [this](const v1::EvaluateRequest& parsed) { return IsSmall(parsed); });
}

grpc::ServerUnaryReactor* ProgramService::Enclose(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  return UnaryCall<v1::EncloseRequest, v1::EncloseResponse>::Start(
      enclose_metrics_, pool_, context, request, response,
      [this](const v1::EncloseRequest& parsed, v1::EncloseResponse& reply,
             const std::stop_token& stop) { AnswerEnclose(parsed, reply, stop); });
}

grpc::ServerUnaryReactor* ProgramService::AnalyzeCurvature(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return UnaryCall<v1::AnalyzeCurvatureRequest, v1::AnalyzeCurvatureResponse>::Start(
      curvature_metrics_, pool_, context, request, response,
      [this](const v1::AnalyzeCurvatureRequest& parsed, v1::AnalyzeCurvatureResponse& reply,
             const std::stop_token& stop) {
        const ProgramRegistry::Handle served =
            programs_.Get(ParseProgramName(parsed.program(), "program"));
        server::AnalyzeCurvature(served->program(), parsed, config_, reply, stop);
      });
}

// Whether the answer takes no disk access, no recording and little time. Says nothing of validity.
bool ProgramService::IsSmall(const v1::EvaluateRequest& request) const {
  const ProgramRegistry::Handle served =
      programs_.FindCached(ParseProgramName(request.program(), "program"));
  if (served == nullptr) return false;
  const DerivativeMask mask = ToMask(request.quantities());
  const program::Settings settings = ToSettings(request);
  if (!RecomputesLittle(settings)) return false;
  const Index p = mask.needs_tangents() ? CountDirections(request.tangents()) : 0;
  const Index q = mask.needs_adjoints() ? CountDirections(request.adjoints()) : 0;
  if (!served->IsRecorded(TraceCombination(mask, settings, p, q))) return false;
  // Bounds of the numbers of points and directions, from sizes that were already received.
  const program::Program& program = served->program();
  const auto bound = [](const v1::Tensor& tensor, Index width) {
    return static_cast<Index>(tensor.data().size() / sizeof(float)) / width;
  };
  double unused = 0;
  const auto wanted = [&unused](bool asked) { return asked ? &unused : nullptr; };
  const program::Results results{.Y = wanted(mask.value),
                                 .J = wanted(mask.jacobian),
                                 .H = wanted(mask.hessian),
                                 .Y_dot = wanted(mask.jvp),
                                 .X_bar = wanted(mask.vjp),
                                 .X_bar_dot = wanted(mask.hvp)};
  return program.Cost(bound(request.x(), program.n()), results,
                      bound(request.tangents(), program.n()),
                      bound(request.adjoints(), program.m())) <= kInlineCost;
}

void ProgramService::AnswerEvaluate(const v1::EvaluateRequest& request,
                                    v1::EvaluateResponse& response,
                                    const std::stop_token& stop) const {
  const std::string id = ParseProgramName(request.program(), "program");
  RequireDataType(request.data_type(), "data_type");
  const DerivativeMask mask = ToMask(request.quantities());
  if (mask.spread || mask.jacobian_spread || mask.held_out_errors) {
    ThrowUnsupported("QUANTITY_SPREAD, _JACOBIAN_SPREAD and _HELD_OUT_ERRORS",
                     "programs are exact, only models err");
  }
  const program::Settings settings = ToSettings(request);
  const ProgramRegistry::Handle served = programs_.Get(id);
  const program::Program& program = served->program();
  const Index n = program.n();
  const Index m = program.m();

  const TensorView x(request.x(), "x", {-1, n},
                     "one row per point, one column per element of the program's inputs");
  const Index num_points = x.shape()[0];
  RequirePointLimit(num_points, config_.max_predict_rows, "x");
  x.RequireFinite();
  std::optional<RequestedDirections> tangents;
  std::optional<RequestedDirections> adjoints;
  if (mask.needs_tangents()) {
    tangents.emplace(request.tangents(), "tangents", num_points, n, "inputs");
  }
  if (mask.needs_adjoints()) {
    adjoints.emplace(request.adjoints(), "adjoints", num_points, m, "outputs");
  }
  const Index p = tangents ? tangents->count() : 0;
  const Index q = adjoints ? adjoints->count() : 0;
  RequireReplyLimit(CountElements(mask, num_points, n, m, p, q), config_.max_predict_reply_bytes,
                    "x");

  program::Results out;
  if (mask.value) out.Y = PrepareTensor({num_points, m}, *response.mutable_value());
  if (mask.jacobian) out.J = PrepareTensor({num_points, m, n}, *response.mutable_jacobian());
  if (mask.hessian) out.H = PrepareTensor({num_points, m, n, n}, *response.mutable_hessian());
  if (mask.jvp) out.Y_dot = PrepareTensor({num_points, p, m}, *response.mutable_jvp());
  if (mask.vjp) out.X_bar = PrepareTensor({num_points, q, n}, *response.mutable_vjp());
  if (mask.hvp) out.X_bar_dot = PrepareTensor({num_points, q, p, n}, *response.mutable_hvp());
  std::vector<std::uint8_t> valid(static_cast<std::size_t>(num_points));
  const auto start = std::chrono::steady_clock::now();
  program.Evaluate(ConstMatrixMap(x.data(), n, num_points),
                   tangents ? std::optional(ToEngine(*tangents)) : std::nullopt,
                   adjoints ? std::optional(ToEngine(*adjoints)) : std::nullopt, out, valid.data(),
                   settings, stop);
  metrics_.Evaluated(
      num_points, mask.order(),
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  if (num_points > 0) served->SetRecorded(TraceCombination(mask, settings, p, q));

  for (v1::Tensor* tensor :
       {mask.value ? response.mutable_value() : nullptr,
        mask.jacobian ? response.mutable_jacobian() : nullptr,
        mask.hessian ? response.mutable_hessian() : nullptr,
        mask.jvp ? response.mutable_jvp() : nullptr, mask.vjp ? response.mutable_vjp() : nullptr,
        mask.hvp ? response.mutable_hvp() : nullptr}) {
    if (tensor != nullptr) FinishTensor(request.data_type(), *tensor);
  }
  SetFlags(valid, *response.mutable_valid());
  if (program.RunsAdjointSweep(out)) {
    const program::ReversalCounts counts =
        program.CountReversal(settings, mask.hessian || mask.hvp);
    if (counts.peak_states > 0) *response.mutable_reversal() = ToProto(counts);
  }
}

void ProgramService::AnswerEnclose(const v1::EncloseRequest& request, v1::EncloseResponse& response,
                                   const std::stop_token& stop) const {
  const std::string id = ParseProgramName(request.program(), "program");
  const DerivativeMask mask = ToMask(request.quantities());
  if (mask.jvp || mask.vjp || mask.spread || mask.jacobian_spread || mask.held_out_errors ||
      mask.order() > 1) {
    throw InvalidArgument("UNSUPPORTED_QUANTITY", "quantities",
                          "expected QUANTITY_VALUE or QUANTITY_JACOBIAN, the quantities that can "
                          "be enclosed, got others");
  }
  const ProgramRegistry::Handle served = programs_.Get(id);
  const program::Program& program = served->program();
  const Index n = program.n();
  const Index m = program.m();

  const TensorView x_min(request.x_min(), "x_min", {-1, n},
                         "one row per box, one column per element of the program's inputs");
  const Index num_boxes = x_min.shape()[0];
  const TensorView x_max(request.x_max(), "x_max", {num_boxes, n}, "as x_min");
  RequirePointLimit(num_boxes, config_.max_predict_rows, "x_min");
  x_min.RequireFinite();
  x_max.RequireFinite();
  RequireOrdered(x_min, x_max, n);
  RequireReplyLimit(2 * CountElements(mask, num_boxes, n, m, 0, 0), config_.max_predict_reply_bytes,
                    "x_min");

  program::BoxResults out;
  if (mask.value) {
    out.Y_min = PrepareTensor({num_boxes, m}, *response.mutable_value_min());
    out.Y_max = PrepareTensor({num_boxes, m}, *response.mutable_value_max());
  }
  if (mask.jacobian) {
    out.J_min = PrepareTensor({num_boxes, m, n}, *response.mutable_jacobian_min());
    out.J_max = PrepareTensor({num_boxes, m, n}, *response.mutable_jacobian_max());
  }
  std::vector<std::uint8_t> bounded(static_cast<std::size_t>(num_boxes));
  const auto start = std::chrono::steady_clock::now();
  program.Enclose(ConstMatrixMap(x_min.data(), n, num_boxes),
                  ConstMatrixMap(x_max.data(), n, num_boxes), out, bounded.data(), stop);
  metrics_.Evaluated(
      num_boxes, mask.order(),
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  SetFlags(bounded, *response.mutable_bounded());
}

}  // namespace sobolev::server
