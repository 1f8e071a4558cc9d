// Bounds of surrogates that hold others, and of programs.

#ifndef SOBOLEV_ENGINE_BOUNDS_HOLDER_ENCLOSERS_H_
#define SOBOLEV_ENGINE_BOUNDS_HOLDER_ENCLOSERS_H_

#include <memory>
#include <vector>

#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/chain/pipeline.h"
#include "engine/chain/program_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"

namespace sobolev::bounds {

// What program::Program::Enclose says. A program may jump, so that nothing follows from the sign of
// a derivative.
class ProgramEncloser : public SurrogateEncloser {
 public:
  explicit ProgramEncloser(const chain::ProgramSurrogate& program)
      : SurrogateEncloser(program), program_(program) {}

  bool IsSmooth() const override { return false; }

 protected:
  Enclosure EncloseBox(const Box& box, bool jacobian) const override;

 private:
  const chain::ProgramSurrogate& program_;
};

// The mean of what is proven of the members.
class EnsembleEncloser : public SurrogateEncloser {
 public:
  EnsembleEncloser(const EnsembleSurrogate& ensemble, Effort effort);

  bool IsSmooth() const override;

 protected:
  Enclosure EncloseBox(const Box& box, bool jacobian) const override;

 private:
  std::vector<std::unique_ptr<const Encloser>> members_;
};

// The core on the box of the features, by the chain rule.
class ComposedEncloser : public CentredEncloser {
 public:
  ComposedEncloser(const ComposedSurrogate& composed, Effort effort)
      : CentredEncloser(composed),
        composed_(composed),
        core_(MakeEncloser(composed.core(), effort)) {}

  bool IsSmooth() const override { return core_->IsSmooth(); }

 protected:
  Enclosure EncloseNaturally(const Box& box, bool jacobian) const override;

 private:
  const ComposedSurrogate& composed_;
  std::unique_ptr<const Encloser> core_;
};

// Every stage on the box of its inputs, by the chain rule.
class PipelineEncloser : public CentredEncloser {
 public:
  PipelineEncloser(const chain::Pipeline& pipeline, Effort effort);

  bool IsSmooth() const override;

 protected:
  Enclosure EncloseNaturally(const Box& box, bool jacobian) const override;

 private:
  const chain::Pipeline& pipeline_;
  std::vector<std::unique_ptr<const Encloser>> stages_;  // None for a stage that is not needed.
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_HOLDER_ENCLOSERS_H_
