#include "engine/nn/constrained_sweep.h"

#include <cstddef>
#include <span>
#include <stop_token>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/gram_sweep.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::nn {

namespace {

std::span<const double> SpanOf(const GramSweep::ConstVectorRef& vector) {
  return {vector.data(), static_cast<std::size_t>(vector.size())};
}

std::span<double> SpanOf(Vector& vector) {
  return {vector.data(), static_cast<std::size_t>(vector.size())};
}

}  // namespace

ConstrainedSweep::ConstrainedSweep(const Architecture& architecture,
                                   const ShapeConstraints& constraints,
                                   const LabelledPoints& points, const LossWeights& weights,
                                   const GramSweep::Options& options)
    : map_(architecture, constraints),
      sweep_(architecture, points, weights, options),
      weights_(map_.IsIdentity() ? 0 : architecture.NumParameters()),
      slopes_(weights_.size()),
      direction_(weights_.size()) {}

ConstrainedSweep::ConstVectorRef ConstrainedSweep::WeightsAt(const ConstVectorRef& theta) {
  if (map_.IsIdentity()) return theta;
  map_.Weights(SpanOf(theta), SpanOf(weights_));
  return weights_;
}

void ConstrainedSweep::FindSlopes(const ConstVectorRef& theta) {
  map_.Slopes(SpanOf(theta), SpanOf(slopes_));
}

double ConstrainedSweep::Loss(const ConstVectorRef& theta, const std::stop_token& stop) {
  return sweep_.Loss(WeightsAt(theta), stop);
}

double ConstrainedSweep::Residuals(const ConstVectorRef& theta, VectorRef r,
                                   const std::stop_token& stop) {
  return sweep_.Residuals(WeightsAt(theta), r, stop);
}

double ConstrainedSweep::Assemble(const ConstVectorRef& theta, MatrixRef H, VectorRef gradient,
                                  VectorRef r, const std::stop_token& stop) {
  const double loss = sweep_.Assemble(WeightsAt(theta), H, gradient, r, stop);
  if (map_.IsIdentity()) return loss;
  FindSlopes(theta);
  gradient.array() *= slopes_.array();
  for (Index q = 0; q < H.cols(); ++q) {
    const Index below = H.rows() - q;
    H.col(q).tail(below).array() *= slopes_[q] * slopes_.tail(below).array();
  }
  return loss;
}

double ConstrainedSweep::Gradient(const ConstVectorRef& theta, VectorRef gradient,
                                  const std::stop_token& stop) {
  const double loss = sweep_.Gradient(WeightsAt(theta), gradient, stop);
  if (map_.IsIdentity()) return loss;
  FindSlopes(theta);
  gradient.array() *= slopes_.array();
  return loss;
}

double ConstrainedSweep::Rows(const ConstVectorRef& theta, MatrixRef R, VectorRef gradient,
                              VectorRef r, const std::stop_token& stop) {
  const double loss = sweep_.Rows(WeightsAt(theta), R, gradient, r, stop);
  if (map_.IsIdentity()) return loss;
  FindSlopes(theta);
  gradient.array() *= slopes_.array();
  for (Index q = 0; q < R.cols(); ++q) R.col(q) *= slopes_[q];
  return loss;
}

void ConstrainedSweep::Apply(const ConstVectorRef& theta, const ConstVectorRef& v,
                             VectorRef product, const std::stop_token& stop) {
  if (map_.IsIdentity()) {
    sweep_.Apply(theta, v, product, stop);
    return;
  }
  RequireSize("v", v.size(), NumParameters());
  FindSlopes(theta);
  direction_ = slopes_.cwiseProduct(v);
  sweep_.Apply(WeightsAt(theta), direction_, product, stop);
}

void ConstrainedSweep::ApplyTransposed(const ConstVectorRef& theta, const ConstVectorRef& u,
                                       VectorRef product, const std::stop_token& stop) {
  sweep_.ApplyTransposed(WeightsAt(theta), u, product, stop);
  if (map_.IsIdentity()) return;
  FindSlopes(theta);
  product.array() *= slopes_.array();
}

}  // namespace sobolev::nn
