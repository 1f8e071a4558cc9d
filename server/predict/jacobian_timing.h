// What Jacobians of a model take on this machine.

#ifndef SOBOLEV_SERVER_PREDICT_JACOBIAN_TIMING_H_
#define SOBOLEV_SERVER_PREDICT_JACOBIAN_TIMING_H_

#include <optional>
#include <stop_token>
#include <vector>

#include "server/models/model_registry.h"

namespace sobolev::server {

struct JacobianTiming {
  const char* mode;                        // "predict", "tangents", "adjoints"
  double multiply_adds = 0;                // For a point, values included.
  double predicted_seconds = 0;            // At the speed that values have.
  std::optional<double> measured_seconds;  // Unless that would take too long.
};

// What a multiply-add takes in each kind of step of a plan.
struct MultiplyAddSeconds {
  double tangent = 0;
  double adjoint = 0;
  double product = 0;
};

// Measured on a batch of points drawn in the model's domain, by the calling thread. A mode that
// takes more than some milliseconds for a single point, or more than some MB, is not measured.
// Throws Error(kCancelled).
std::vector<JacobianTiming> TimeJacobians(const ServedModel& model, const std::stop_token& stop);

// Of sweeps as those timings have it, and of the products of plans by the calling thread. None if
// the sweeps were not measured.
std::optional<MultiplyAddSeconds> TimeMultiplyAdds(const std::vector<JacobianTiming>& timings);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_PREDICT_JACOBIAN_TIMING_H_
