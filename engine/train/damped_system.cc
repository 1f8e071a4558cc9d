#include "engine/train/damped_system.h"

#include <algorithm>
#include <memory>
#include <stop_token>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

namespace {

class NormalSystem : public DampedSystem {
 public:
  NormalSystem(const nn::Architecture& architecture, const LabelledPoints& points,
               const LossWeights& weights, const DampedSystemOptions& options)
      : DampedSystem(architecture, points, weights, nn::GramSweep::Use::kMatrix, options),
        isa_(options.isa),
        gauss_newton_(sweep_.NumParameters(), sweep_.NumParameters()),
        factor_(sweep_.NumParameters(), sweep_.NumParameters()),
        right_side_(sweep_.NumParameters()) {}

  double Linearize(const Vector& theta, Vector& gradient, Vector& r,
                   const std::stop_token& stop) override {
    theta_ = &theta;
    return sweep_.Assemble(theta, gauss_newton_, gradient, r, stop);
  }

  bool Damp(double lambda, const std::stop_token& stop) override {
    factor_.triangularView<Eigen::Lower>() = gauss_newton_;
    factor_.diagonal().array() += lambda;
    return dense::Cholesky(factor_, stop, isa_);
  }

  void Solve(const Vector& u, const Vector* product, const Vector& shift, Vector& z,
             const std::stop_token& stop) override {
    if (product != nullptr) {
      right_side_ = *product;
    } else {
      sweep_.ApplyTransposed(*theta_, u, right_side_, stop);
    }
    z = -(right_side_ + shift);
    dense::SolveLower(factor_, z);
    dense::SolveLowerTransposed(factor_, z);
  }

 private:
  Isa isa_;
  const Vector* theta_ = nullptr;
  Matrix gauss_newton_;
  Matrix factor_;
  Vector right_side_;
};

// (RᵀR + λI)⁻¹ Rᵀ = Rᵀ (R Rᵀ + λI)⁻¹, and for what is not of the form Rᵀu
// (RᵀR + λI)⁻¹ = (I − Rᵀ (R Rᵀ + λI)⁻¹ R) / λ.
class ResidualSystem : public DampedSystem {
 public:
  ResidualSystem(const nn::Architecture& architecture, const LabelledPoints& points,
                 const LossWeights& weights, const DampedSystemOptions& options)
      : DampedSystem(architecture, points, weights, nn::GramSweep::Use::kRows, options),
        isa_(options.isa),
        rows_(sweep_.ResidualSize(), sweep_.NumParameters()),
        gram_(sweep_.ResidualSize(), sweep_.ResidualSize()),
        factor_(sweep_.ResidualSize(), sweep_.ResidualSize()),
        of_u_(sweep_.ResidualSize()),
        of_shift_(sweep_.ResidualSize()) {}

  double Linearize(const Vector& theta, Vector& gradient, Vector& r,
                   const std::stop_token& stop) override {
    const double loss = sweep_.Rows(theta, rows_, gradient, r, stop);
    gram_.setZero();
    dense::AddGram(1, rows_, gram_, isa_);
    return loss;
  }

  bool Damp(double lambda, const std::stop_token& stop) override {
    lambda_ = lambda;
    factor_.triangularView<Eigen::Lower>() = gram_;
    factor_.diagonal().array() += lambda;
    return lambda > 0 && dense::Cholesky(factor_, stop, isa_);
  }

  void Solve(const Vector& u, const Vector* /*product*/, const Vector& shift, Vector& z,
             const std::stop_token& /*stop*/) override {
    of_shift_.noalias() = rows_ * shift;
    of_u_ = u - of_shift_ / lambda_;
    dense::SolveLower(factor_, of_u_);
    dense::SolveLowerTransposed(factor_, of_u_);
    z = shift / -lambda_;
    for (Index p = 0; p < z.size(); ++p) z[p] -= rows_.col(p).dot(of_u_);
  }

 private:
  Isa isa_;
  double lambda_ = 0;
  Matrix rows_;
  Matrix gram_;
  Matrix factor_;
  Vector of_u_;
  Vector of_shift_;
};

// Hestenes and Stiefel (1952). Stopped early, the result is still the best of its Krylov space, so
// the predicted decrease of Levenberg-Marquardt holds for it.
class IterativeSystem : public DampedSystem {
 public:
  IterativeSystem(const nn::Architecture& architecture, const LabelledPoints& points,
                  const LossWeights& weights, const DampedSystemOptions& options)
      : DampedSystem(architecture, points, weights, nn::GramSweep::Use::kProducts, options),
        max_iterations_(options.max_conjugate_gradients) {
    const Index p = sweep_.NumParameters();
    for (Vector* vector : {&residual_, &direction_, &image_}) *vector = Vector::Zero(p);
    products_ = Vector::Zero(sweep_.ResidualSize());
  }

  bool SolvesCheaply() const override { return false; }

  double Linearize(const Vector& theta, Vector& gradient, Vector& r,
                   const std::stop_token& stop) override {
    theta_ = &theta;
    sweep_.Gradient(theta, gradient, stop);
    return sweep_.Residuals(theta, r, stop);
  }

  bool Damp(double lambda, const std::stop_token& /*stop*/) override {
    lambda_ = lambda;
    return lambda > 0;
  }

  void Solve(const Vector& u, const Vector* product, const Vector& shift, Vector& z,
             const std::stop_token& stop) override {
    if (product != nullptr) {
      image_ = *product;
    } else {
      sweep_.ApplyTransposed(*theta_, u, image_, stop);
    }
    residual_ = -(image_ + shift);
    z.setZero();
    direction_ = residual_;
    double square = residual_.squaredNorm();
    const double enough = square * kTolerance * kTolerance;
    for (Index i = 0; i < max_iterations_ && square > enough; ++i) {
      sweep_.Apply(*theta_, direction_, products_, stop);
      sweep_.ApplyTransposed(*theta_, products_, image_, stop);
      image_ += lambda_ * direction_;
      const double length = square / direction_.dot(image_);
      z += length * direction_;
      residual_ -= length * image_;
      const double next = residual_.squaredNorm();
      direction_ = residual_ + next / square * direction_;
      square = next;
    }
  }

 private:
  static constexpr double kTolerance = 1e-6;  // Of the right-hand side.

  Index max_iterations_;
  double lambda_ = 0;
  const Vector* theta_ = nullptr;
  Vector residual_;
  Vector direction_;
  Vector image_;
  Vector products_;
};

}  // namespace

DampedMethod ChooseDampedMethod(Index num_parameters, Index residual_size,
                                const DampedSystemOptions& options) {
  if (std::min(num_parameters, residual_size) > options.max_dense) return DampedMethod::kIterative;
  return residual_size < num_parameters ? DampedMethod::kResiduals : DampedMethod::kNormal;
}

std::unique_ptr<DampedSystem> MakeDampedSystem(const nn::Architecture& architecture,
                                               const LabelledPoints& points,
                                               const LossWeights& weights,
                                               const DampedSystemOptions& options) {
  const Index residual_size =
      nn::GramSweep(architecture, points, weights,
                    {.use = nn::GramSweep::Use::kProducts, .isa = options.isa})
          .ResidualSize();
  switch (ChooseDampedMethod(architecture.NumParameters(), residual_size, options)) {
    case DampedMethod::kNormal:
      return std::make_unique<NormalSystem>(architecture, points, weights, options);
    case DampedMethod::kResiduals:
      return std::make_unique<ResidualSystem>(architecture, points, weights, options);
    case DampedMethod::kIterative:
      break;
  }
  return std::make_unique<IterativeSystem>(architecture, points, weights, options);
}

}  // namespace sobolev::train
