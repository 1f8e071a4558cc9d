#include "server/convert/programs.h"

#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"

namespace sobolev::server {
namespace {

v1::ProgramVariable ToProto(const program::Variable& variable) {
  v1::ProgramVariable proto;
  proto.set_name(variable.name);
  proto.mutable_shape()->Assign(variable.shape.begin(), variable.shape.end());
  proto.set_offset(variable.offset);
  if (variable.bounds) {
    proto.mutable_bounds()->set_min(variable.bounds->min);
    proto.mutable_bounds()->set_max(variable.bounds->max);
  }
  proto.set_description(variable.description);
  return proto;
}

v1::ProgramStatistics ToProto(const program::Summary& summary) {
  v1::ProgramStatistics proto;
  proto.set_operations(summary.operations);
  proto.set_executed_operations(summary.executed_operations);
  proto.set_jacobian_nonzeros(summary.jacobian_nonzeros);
  if (summary.hessian_nonzeros >= 0) proto.set_hessian_nonzeros(summary.hessian_nonzeros);
  proto.set_jacobian_mode(summary.jacobian_mode);
  proto.set_tangent_ratio(summary.tangent_ratio);
  proto.set_adjoint_ratio(summary.adjoint_ratio);
  proto.set_jacobian_ratio(summary.jacobian_ratio);
  proto.set_hessian_vector_ratio(summary.hessian_vector_ratio);
  return proto;
}

program::Arithmetic ToArithmetic(v1::EvaluateRequest::Arithmetic arithmetic) {
  switch (arithmetic) {
    case v1::EvaluateRequest::ARITHMETIC_UNSPECIFIED:
    case v1::EvaluateRequest::ARITHMETIC_FAST:
      return program::Arithmetic::kFast;
    case v1::EvaluateRequest::ARITHMETIC_STRICT:
      return program::Arithmetic::kStrict;
    default:
      break;
  }
  throw InvalidArgument("UNKNOWN_ENUM_VALUE", "arithmetic",
                        "expected ARITHMETIC_FAST or ARITHMETIC_STRICT, got number " +
                            std::to_string(static_cast<int>(arithmetic)));
}

program::Reversal ToReversal(v1::Reversal::Strategy strategy) {
  switch (strategy) {
    case v1::Reversal::STRATEGY_UNSPECIFIED:
    case v1::Reversal::STRATEGY_AUTOMATIC:
      return program::Reversal::kAutomatic;
    case v1::Reversal::STRATEGY_VANILLA:
      return program::Reversal::kVanilla;
    case v1::Reversal::STRATEGY_MEMORY_POOR:
      return program::Reversal::kMemoryPoor;
    case v1::Reversal::STRATEGY_BINOMIAL:
      return program::Reversal::kBinomial;
    default:
      break;
  }
  throw InvalidArgument(
      "UNKNOWN_ENUM_VALUE", "reversal.strategy",
      "expected STRATEGY_AUTOMATIC, _VANILLA, _MEMORY_POOR or _BINOMIAL, got number " +
          std::to_string(static_cast<int>(strategy)));
}

}  // namespace

ProgramRecord ToRecord(const std::string& id, const std::string& source,
                       const program::Program& program) {
  v1::Program variables;
  for (const program::Variable& input : program.inputs()) {
    *variables.add_inputs() = ToProto(input);
  }
  for (const program::Variable& output : program.outputs()) {
    *variables.add_outputs() = ToProto(output);
  }
  v1::Program overview;
  overview.set_input_size(program.n());
  overview.set_output_size(program.m());
  *overview.mutable_statistics() = ToProto(program.Summarize());
  return {.id = id,
          .source = source,
          .variables = SerializeDeterministic(variables),
          .overview = SerializeDeterministic(overview)};
}

v1::Program ToProto(const ProgramRecord& record) {
  v1::Program proto;
  proto.MergeFromString(record.overview);
  proto.MergeFromString(record.variables);
  proto.set_source(record.source);
  if (!record.id.empty()) proto.set_name(ProgramName(record.id));
  if (record.create_micros != 0) *proto.mutable_create_time() = ToTimestamp(record.create_micros);
  return proto;
}

program::Settings ToSettings(const v1::EvaluateRequest& request) {
  const program::Settings settings{.arithmetic = ToArithmetic(request.arithmetic()),
                                   .reversal = ToReversal(request.reversal().strategy()),
                                   .checkpoints = request.reversal().checkpoints()};
  const bool counts = settings.reversal == program::Reversal::kBinomial;
  if (counts ? settings.checkpoints < 1 : settings.checkpoints != 0) {
    throw InvalidArgument("OUT_OF_RANGE", "reversal.checkpoints",
                          std::string("expected ") + (counts ? "at least 1 with" : "0 without") +
                              " STRATEGY_BINOMIAL, got " + std::to_string(settings.checkpoints));
  }
  return settings;
}

v1::ReversalCounts ToProto(const program::ReversalCounts& counts) {
  v1::ReversalCounts proto;
  proto.set_advanced_steps(counts.advanced_steps);
  proto.set_peak_states(counts.peak_states);
  proto.set_state_bytes(counts.state_bytes);
  return proto;
}

}  // namespace sobolev::server
