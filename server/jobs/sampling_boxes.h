// The domain of a sampling job in boxes on which its function is simple.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_BOXES_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_BOXES_H_

#include <optional>
#include <stop_token>

#include "engine/chain/program_surrogate.h"
#include "engine/program/program.h"
#include "engine/sampling/domain.h"
#include "engine/sampling/evidence.h"
#include "proto/sobolev/v1/sampling.pb.h"

namespace sobolev::server {

class SamplingBoxMaker {
 public:
  // `function`: null if it is not known as a program. It and the domain outlive this.
  SamplingBoxMaker(const sampling::Domain& domain, const chain::ProgramSurrogate* function)
      : domain_(domain), function_(function) {}

  // As the complete `spec` wants them: proved, if the function is a program whose inputs are
  // continuous and spread evenly on their scales, else by what is known. None if the spec wants
  // none, and while too little is known. Throws Error(kCancelled).
  std::optional<v1::SamplingBoxes> Make(const sampling::Evidence& known,
                                        const v1::SamplingBoxSpec& spec,
                                        const std::stop_token& stop);

 private:
  // The program of the derivatives of the function, if bounds of its own derivatives are bounds of
  // second ones by coordinates of the unit cube.
  const program::Program* Slopes();

  const sampling::Domain& domain_;
  const chain::ProgramSurrogate* const function_;
  bool has_looked_for_slopes_ = false;
  std::optional<program::Program> slopes_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_BOXES_H_
