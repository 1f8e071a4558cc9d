#include "engine/chain/program_surrogate.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/program.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::chain {

namespace {

// An operation of a trace takes a node of the graph, its place in the hash table, an instruction
// and a row of every thread's workspace.
constexpr double kBytesPerOperation = 128;

std::optional<program::Directions> ToProgram(const std::optional<Directions>& directions) {
  if (!directions) return std::nullopt;
  return program::Directions{
      .D = directions->D, .count = directions->count, .per_point = directions->per_point};
}

}  // namespace

program::SourceLimits AcceptedSourceLimits() {
  program::SourceLimits limits;
  limits.max_source_bytes = std::size_t{1} << 30;
  limits.max_operations = std::size_t{1} << 30;
  limits.max_evaluations = std::size_t{1} << 34;
  return limits;
}

std::size_t EstimateProgramBytes(const program::Summary& summary, std::size_t source_bytes) {
  // A Jacobian that is not symbolic has no trace of its own, but those of tangents and adjoints.
  const bool is_symbolic = summary.jacobian_mode == "forward" || summary.jacobian_mode == "reverse";
  const double traces = 1 + summary.tangent_ratio + summary.adjoint_ratio +
                        (is_symbolic ? summary.jacobian_ratio : 0) + summary.hessian_vector_ratio;
  return source_bytes + static_cast<std::size_t>(kBytesPerOperation * traces *
                                                 static_cast<double>(summary.operations));
}

ProgramSurrogate::ProgramSurrogate(std::string source, const program::SourceLimits& limits)
    : source_(std::move(source)),
      program_(source_, limits),
      size_bytes_(sizeof(ProgramSurrogate) +
                  EstimateProgramBytes(program_.Summarize(), source_.size())) {}

double ProgramSurrogate::Cost(const PredictionSize& size) const {
  double asked = 0;  // Its address says that something is wanted.
  const bool tangents = size.num_tangents > 0;
  const bool adjoints = size.num_adjoints > 0;
  const program::Results wanted{.Y = &asked,
                                .J = size.jacobian ? &asked : nullptr,
                                .H = size.hessian ? &asked : nullptr,
                                .Y_dot = tangents ? &asked : nullptr,
                                .X_bar = adjoints ? &asked : nullptr,
                                .X_bar_dot = size.second_adjoint ? &asked : nullptr};
  return program_.Cost(size.num_points, wanted, size.num_tangents, size.num_adjoints);
}

void ProgramSurrogate::Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                               const std::optional<Directions>& adjoints,
                               const PredictionBuffers& out, const std::stop_token& stop) const {
  RequireSize("x", X.rows(), n());
  RequireDirections(out, tangents, adjoints, n(), m(), X.cols());
  if (out.Y_spread != nullptr || out.J_spread != nullptr) {
    throw InvalidArgument("NO_SPREAD", "spread", "a program has no uncertainty to judge");
  }
  program_.Evaluate(X, ToProgram(tangents), ToProgram(adjoints),
                    {.Y = out.Y,
                     .J = out.J,
                     .H = out.H,
                     .Y_dot = out.Y_dot,
                     .X_bar = out.X_bar,
                     .X_bar_dot = out.X_bar_dot},
                    nullptr, {}, stop);
}

void ProgramSurrogate::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(source_.size()));
  writer.WriteAll(std::span<const char>(source_));
}

std::shared_ptr<const ProgramSurrogate> ProgramSurrogate::Load(ByteReader& reader) {
  const program::SourceLimits limits = AcceptedSourceLimits();
  const Index size = reader.ReadInt(1, static_cast<Index>(limits.max_source_bytes));
  const std::vector<char> source = reader.ReadAll<char>(static_cast<std::size_t>(size));
  return std::make_shared<const ProgramSurrogate>(std::string(source.begin(), source.end()),
                                                  limits);
}

}  // namespace sobolev::chain
