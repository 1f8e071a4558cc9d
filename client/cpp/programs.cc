#include <algorithm>
#include <utility>

#include <sobolev/client.h>
#include <sobolev/programs.h>

#include "client/cpp/connection.h"
#include "client/cpp/convert.h"
#include "client/cpp/derivatives.h"

namespace sobolev::client {
namespace {

using ProgramStub = v1::ProgramService::Stub;

ProgramVariable FromProto(const v1::ProgramVariable& proto) {
  ProgramVariable variable{.name = proto.name(),
                           .shape = {proto.shape().begin(), proto.shape().end()},
                           .offset = proto.offset(),
                           .bounds = {},
                           .description = proto.description()};
  if (proto.has_bounds()) variable.bounds = {proto.bounds().min(), proto.bounds().max()};
  return variable;
}

Program FromProto(const v1::Program& proto) {
  const v1::ProgramStatistics& statistics = proto.statistics();
  Program program{.name = proto.name(),
                  .source = proto.source(),
                  .input_size = proto.input_size(),
                  .output_size = proto.output_size(),
                  .inputs = {},
                  .outputs = {},
                  .statistics = {.operations = statistics.operations(),
                                 .executed_operations = statistics.executed_operations(),
                                 .jacobian_nonzeros = statistics.jacobian_nonzeros(),
                                 .hessian_nonzeros = {},
                                 .jacobian_mode = statistics.jacobian_mode(),
                                 .tangent_ratio = statistics.tangent_ratio(),
                                 .adjoint_ratio = statistics.adjoint_ratio(),
                                 .jacobian_ratio = statistics.jacobian_ratio(),
                                 .hessian_vector_ratio = statistics.hessian_vector_ratio()},
                  .create_time = client::FromProto(proto.create_time())};
  if (statistics.has_hessian_nonzeros()) {
    program.statistics.hessian_nonzeros = statistics.hessian_nonzeros();
  }
  for (const auto& input : proto.inputs()) program.inputs.push_back(FromProto(input));
  for (const auto& output : proto.outputs()) program.outputs.push_back(FromProto(output));
  return program;
}

v1::Reversal::Strategy ToProto(Reversal reversal) {
  switch (reversal) {
    case Reversal::kAutomatic:
      return v1::Reversal::STRATEGY_AUTOMATIC;
    case Reversal::kVanilla:
      return v1::Reversal::STRATEGY_VANILLA;
    case Reversal::kMemoryPoor:
      return v1::Reversal::STRATEGY_MEMORY_POOR;
    case Reversal::kBinomial:
      return v1::Reversal::STRATEGY_BINOMIAL;
  }
  return v1::Reversal::STRATEGY_UNSPECIFIED;
}

void AppendElementNames(const ProgramVariable& variable, std::vector<std::string>& names) {
  const std::vector<std::int64_t>& shape = variable.shape;
  const std::int64_t rows = shape.empty() ? 1 : shape[0];
  const std::int64_t columns = shape.size() < 2 ? 1 : shape[1];
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      std::string name = variable.name;
      if (!shape.empty()) name += "." + std::to_string(i);
      if (shape.size() > 1) name += "." + std::to_string(j);
      names.push_back(std::move(name));
    }
  }
}

}  // namespace

std::vector<std::string> ElementNames(const std::vector<ProgramVariable>& variables) {
  std::vector<std::string> names;
  for (const ProgramVariable& variable : variables) AppendElementNames(variable, names);
  return names;
}

Program Client::CreateProgram(const std::string& program_id, const std::string& source) const {
  v1::CreateProgramRequest request;
  request.set_program_id(program_id);
  request.set_source(source);
  return FromProto(
      connection_->Call(connection_->programs(), &ProgramStub::CreateProgram, request));
}

Program Client::CheckProgram(const std::string& source) const {
  v1::CheckProgramRequest request;
  request.set_source(source);
  return FromProto(connection_->Call(connection_->programs(), &ProgramStub::CheckProgram, request));
}

Program Client::GetProgram(const std::string& program) const {
  v1::GetProgramRequest request;
  request.set_name(ResourceName("programs", program));
  return FromProto(connection_->Call(connection_->programs(), &ProgramStub::GetProgram, request));
}

std::vector<Program> Client::ListPrograms() const {
  std::vector<Program> programs;
  connection_->CallForAllPages(connection_->programs(), &ProgramStub::ListPrograms,
                               v1::ListProgramsRequest(),
                               [&](const v1::ListProgramsResponse& page) {
                                 for (const v1::Program& program : page.programs())
                                   programs.push_back(FromProto(program));
                               });
  return programs;
}

void Client::DeleteProgram(const std::string& program) const {
  v1::DeleteProgramRequest request;
  request.set_name(ResourceName("programs", program));
  connection_->Call(connection_->programs(), &ProgramStub::DeleteProgram, request);
}

Evaluation Client::Evaluate(const std::string& program, const ConstMatrixRef& X,
                            const Quantities& quantities,
                            const EvaluationSettings& settings) const {
  v1::EvaluateRequest request;
  request.set_program(ResourceName("programs", program));
  *request.mutable_x() = ToTensor(X, {X.cols(), X.rows()});
  SetQuantities(quantities, X.cols(), request);
  request.set_arithmetic(settings.arithmetic == Arithmetic::kStrict
                             ? v1::EvaluateRequest::ARITHMETIC_STRICT
                             : v1::EvaluateRequest::ARITHMETIC_FAST);
  request.mutable_reversal()->set_strategy(ToProto(settings.reversal));
  request.mutable_reversal()->set_checkpoints(settings.checkpoints);
  const v1::EvaluateResponse response =
      connection_->Call(connection_->programs(), &ProgramStub::Evaluate, request);
  Evaluation evaluation{.value = ToMatrix(response.value()),
                        .jacobian = ToMatrix(response.jacobian()),
                        .hessian = ToMatrix(response.hessian()),
                        .jvp = ToMatrix(response.jvp()),
                        .vjp = ToMatrix(response.vjp()),
                        .hvp = ToMatrix(response.hvp()),
                        .valid = {response.valid().begin(), response.valid().end()},
                        .reversal = {}};
  if (response.has_reversal()) {
    evaluation.reversal = {.advanced_steps = response.reversal().advanced_steps(),
                           .peak_states = response.reversal().peak_states(),
                           .state_bytes = response.reversal().state_bytes()};
  }
  return evaluation;
}

Enclosure Client::Enclose(const std::string& program, const ConstMatrixRef& X_min,
                          const ConstMatrixRef& X_max, bool jacobian) const {
  v1::EncloseRequest request;
  request.set_program(ResourceName("programs", program));
  *request.mutable_x_min() = ToTensor(X_min, {X_min.cols(), X_min.rows()});
  *request.mutable_x_max() = ToTensor(X_max, {X_max.cols(), X_max.rows()});
  request.add_quantities(v1::QUANTITY_VALUE);
  if (jacobian) request.add_quantities(v1::QUANTITY_JACOBIAN);
  const v1::EncloseResponse response =
      connection_->Call(connection_->programs(), &ProgramStub::Enclose, request);
  return {.value_min = ToMatrix(response.value_min()),
          .value_max = ToMatrix(response.value_max()),
          .jacobian_min = ToMatrix(response.jacobian_min()),
          .jacobian_max = ToMatrix(response.jacobian_max()),
          .bounded = {response.bounded().begin(), response.bounded().end()}};
}

}  // namespace sobolev::client
