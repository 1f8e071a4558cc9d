// A program as a surrogate: exact, without parameters, differentiated by the program's own traces.

#ifndef SOBOLEV_ENGINE_CHAIN_PROGRAM_SURROGATE_H_
#define SOBOLEV_ENGINE_CHAIN_PROGRAM_SURROGATE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/program.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::chain {

// Limits for a source that was accepted before, by limits that may have been larger than those of
// today: of what a server's settings limit, more than any source has; of the rest, the defaults.
program::SourceLimits AcceptedSourceLimits();

// A guess at the memory of a compiled program: all traces, of the value and of its derivatives.
std::size_t EstimateProgramBytes(const program::Summary& summary, std::size_t source_bytes);

class ProgramSurrogate : public Surrogate {
 public:
  // Throws as program::Parse does.
  explicit ProgramSurrogate(std::string source, const program::SourceLimits& limits = {});

  const std::string& source() const { return source_; }
  const program::Program& program() const { return program_; }

  SurrogateKind kind() const override { return SurrogateKind::kProgram; }
  Index n() const override { return program_.n(); }
  Index m() const override { return program_.m(); }
  Index NumParameters() const override { return 0; }
  std::size_t SizeBytes() const override { return size_bytes_; }
  double Cost(const PredictionSize& size) const override;
  // Numbers of points outside the domain of the program are not finite; nothing is thrown for them.
  void Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
               const std::optional<Directions>& adjoints, const PredictionBuffers& out,
               const std::stop_token& stop = {}) const override;
  // The length of the source and the source.
  void Save(ByteWriter& writer) const override;
  // Compiles the source. Throws Error(kDataLoss) or, as the constructor, Error(kInvalidArgument).
  static std::shared_ptr<const ProgramSurrogate> Load(ByteReader& reader);

 private:
  std::string source_;
  program::Program program_;
  std::size_t size_bytes_;
};

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_PROGRAM_SURROGATE_H_
