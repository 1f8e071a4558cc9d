#include "server/rpc/curvature_answer.h"

#include <algorithm>
#include <limits>
#include <string>

#include "engine/ad/curvature.h"
#include "engine/base/error.h"
#include "server/convert/derivatives.h"
#include "server/convert/tensor.h"
#include "server/programs/program_curvature.h"

namespace sobolev::server {
namespace {

constexpr Index kDefaultTraceSamples = 32;
constexpr Index kMaxTraceSamples = 100'000;
constexpr Index kDefaultLanczosIterations = 500;
// The Lanczos process keeps a vector of n numbers for each iteration: 256 MiB.
constexpr Index kMaxLanczosNumbers = Index{1} << 25;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void RequireRange(const std::string& field, bool is_inside, const std::string& expected,
                  const std::string& got) {
  if (!is_inside) {
    throw InvalidArgument("OUT_OF_RANGE", field, "expected " + expected + ", got " + got);
  }
}

ad::NewtonOptions ToOptions(const v1::AnalyzeCurvatureRequest::Newton& newton) {
  ad::NewtonOptions options;
  if (newton.has_trust_radius()) options.trust_radius = newton.trust_radius();
  if (newton.has_tolerance()) options.tolerance = newton.tolerance();
  RequireRange("newton.trust_radius", options.trust_radius > 0, "a number > 0",
               Text(options.trust_radius));
  RequireRange("newton.tolerance", options.tolerance >= 0, "a number >= 0",
               Text(options.tolerance));
  return options;
}

ad::LanczosOptions ToOptions(const v1::AnalyzeCurvatureRequest::Eigenvalues& eigenvalues, Index n) {
  ad::LanczosOptions options;
  const Index most = std::min(n, std::max<Index>(kMaxLanczosNumbers / std::max<Index>(n, 1), 1));
  options.max_iterations = std::min(most, kDefaultLanczosIterations);
  if (eigenvalues.has_tolerance()) options.tolerance = eigenvalues.tolerance();
  if (eigenvalues.has_max_iterations()) options.max_iterations = eigenvalues.max_iterations();
  RequireRange("eigenvalues.tolerance", options.tolerance >= 0, "a number >= 0",
               Text(options.tolerance));
  const std::string limit = most == n ? "n = " + std::to_string(n)
                                      : std::to_string(most) + ", which take " +
                                            std::to_string(kMaxLanczosNumbers) +
                                            " numbers of memory with n = " + std::to_string(n);
  RequireRange("eigenvalues.max_iterations",
               options.max_iterations >= 1 && options.max_iterations <= most, "1 to " + limit,
               std::to_string(options.max_iterations));
  return options;
}

// ȳ as it came, or 1.
Vector ToAdjoint(const v1::AnalyzeCurvatureRequest& request, Index m) {
  if (!request.has_adjoint()) {
    RequireRange("adjoint", m == 1, "weights of the " + std::to_string(m) + " outputs", "none");
    return Vector::Ones(1);
  }
  const TensorView adjoint(request.adjoint(), "adjoint", {m}, "one weight per output");
  adjoint.RequireFinite();
  return Eigen::Map<const Vector>(adjoint.data(), m);
}

// What is asked for, and where it goes; one function for each point.
class Analysis {
 public:
  Analysis(const v1::AnalyzeCurvatureRequest& request, Index n, Index num_points,
           v1::AnalyzeCurvatureResponse& response)
      : n_(n), gradient_(PrepareTensor({num_points, n}, *response.mutable_gradient())) {
    if (request.has_newton()) {
      newton_options_ = ToOptions(request.newton());
      step_ = PrepareTensor({num_points, n}, *response.mutable_newton_step());
      decrease_ = PrepareTensor({num_points}, *response.mutable_predicted_decrease());
    }
    if (request.has_trace()) {
      if (request.trace().has_sample_count()) trace_samples_ = request.trace().sample_count();
      if (request.trace().has_seed()) trace_seed_ = request.trace().seed();
      RequireRange("trace.sample_count", trace_samples_ >= 2 && trace_samples_ <= kMaxTraceSamples,
                   "2 to " + std::to_string(kMaxTraceSamples), std::to_string(trace_samples_));
      trace_ = PrepareTensor({num_points}, *response.mutable_trace());
      trace_error_ = PrepareTensor({num_points}, *response.mutable_trace_error());
    }
    if (request.has_eigenvalues()) {
      lanczos_options_ = ToOptions(request.eigenvalues(), n);
      smallest_ = PrepareTensor({num_points}, *response.mutable_smallest_eigenvalue());
      largest_ = PrepareTensor({num_points}, *response.mutable_largest_eigenvalue());
      residual_ = PrepareTensor({num_points}, *response.mutable_eigenvalue_residual());
    }
  }

  // Writes the answer for point s; false, and NaN everywhere, if a derivative is not finite.
  bool Answer(const ProgramCurvature& curvature, Index s) const {
    try {
      if (curvature.is_valid()) {
        Compute(curvature, s);
        return true;
      }
    } catch (const Error& error) {
      if (error.reason() != "NOT_FINITE") throw;
    }
    for (double* const row : {gradient_, step_}) {
      if (row != nullptr) std::fill_n(row + s * n_, n_, kNaN);
    }
    for (double* const number : {decrease_, trace_, trace_error_, smallest_, largest_, residual_}) {
      if (number != nullptr) number[s] = kNaN;
    }
    return false;
  }

 private:
  void Compute(const ProgramCurvature& curvature, Index s) const {
    const ad::SymmetricOperator hessian = [&](const Vector& v) {
      return curvature.HessianVector(v);
    };
    std::copy_n(curvature.gradient().data(), n_, gradient_ + s * n_);
    if (step_ != nullptr) {
      const ad::NewtonStep newton =
          ad::TruncatedNewton(hessian, curvature.gradient(), newton_options_);
      std::copy_n(newton.step.data(), n_, step_ + s * n_);
      decrease_[s] = newton.predicted_decrease;
    }
    if (trace_ != nullptr) {
      const ad::TraceEstimate estimate =
          ad::HutchinsonTrace(hessian, n_, trace_samples_, trace_seed_);
      trace_[s] = estimate.trace;
      trace_error_[s] = estimate.standard_error;
    }
    if (smallest_ != nullptr) {
      const ad::ExtremeEigenvalues extremes = ad::LanczosExtremes(hessian, n_, lanczos_options_);
      smallest_[s] = extremes.smallest.value;
      largest_[s] = extremes.largest.value;
      residual_[s] = std::max(extremes.smallest.residual, extremes.largest.residual);
    }
  }

  const Index n_;
  ad::NewtonOptions newton_options_;
  Index trace_samples_ = kDefaultTraceSamples;
  std::uint64_t trace_seed_ = 1;
  ad::LanczosOptions lanczos_options_;
  // Null: not asked for.
  double* gradient_ = nullptr;
  double* step_ = nullptr;
  double* decrease_ = nullptr;
  double* trace_ = nullptr;
  double* trace_error_ = nullptr;
  double* smallest_ = nullptr;
  double* largest_ = nullptr;
  double* residual_ = nullptr;
};

}  // namespace

void AnalyzeCurvature(const program::Program& program, const v1::AnalyzeCurvatureRequest& request,
                      const ServerConfig& config, v1::AnalyzeCurvatureResponse& response,
                      const std::stop_token& stop) {
  const Index n = program.n();
  const TensorView x(request.x(), "x", {-1, n},
                     "one row per point, one column per element of the program's inputs");
  const Index num_points = x.shape()[0];
  RequirePointLimit(num_points, config.max_predict_rows, "x");
  x.RequireFinite();
  RequireReplyLimit(2.0 * static_cast<double>(n) * static_cast<double>(num_points),
                    config.max_predict_reply_bytes, "x");
  const Vector y_bar = ToAdjoint(request, program.m());
  const Analysis analysis(request, n, num_points, response);
  response.mutable_valid()->Reserve(static_cast<int>(num_points));
  for (Index s = 0; s < num_points; ++s) {
    const Vector point = Eigen::Map<const Vector>(x.data() + s * n, n);
    response.add_valid(analysis.Answer(ProgramCurvature(program, point, y_bar, stop), s));
  }
}

}  // namespace sobolev::server
