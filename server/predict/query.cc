#include "server/predict/query.h"

#include <algorithm>
#include <initializer_list>

namespace sobolev::server {

Index Query::n() const {
  return block.inputs.empty() ? model->surrogate->n() : static_cast<Index>(block.inputs.size());
}

Index Query::m() const {
  return block.outputs.empty() ? model->surrogate->m() : static_cast<Index>(block.outputs.size());
}

std::int64_t AnswerPart::per_point() const {
  std::int64_t elements = 1;
  for (const std::int64_t extent : shape().subspan(1)) elements *= extent;
  return elements;
}

AnswerParts::AnswerParts(const Query& query) {
  const Index N = query.num_points();
  const Index n = query.n();
  const Index m = query.m();
  const Index p = query.tangents ? query.tangents->count : 0;
  const Index q = query.adjoints ? query.adjoints->count : 0;
  const auto add = [this](bool asked, Quantity quantity, double* PredictionBuffers::*buffer,
                          std::initializer_list<std::int64_t> shape) {
    if (!asked) return;
    AnswerPart& part = parts_[size_++];
    part.quantity = quantity;
    part.buffer = buffer;
    part.rank = shape.size();
    std::copy(shape.begin(), shape.end(), part.extents.begin());
  };
  const DerivativeMask& mask = query.mask;
  add(mask.value, Quantity::kValue, &PredictionBuffers::Y, {N, m});
  add(mask.jacobian, Quantity::kJacobian, &PredictionBuffers::J, {N, m, n});
  add(mask.jvp, Quantity::kJvp, &PredictionBuffers::Y_dot, {N, p, m});
  add(mask.vjp, Quantity::kVjp, &PredictionBuffers::X_bar, {N, q, n});
  add(mask.hessian, Quantity::kHessian, &PredictionBuffers::H, {N, m, n, n});
  add(mask.hvp, Quantity::kHvp, &PredictionBuffers::X_bar_dot, {N, q, p, n});
  add(mask.spread, Quantity::kSpread, &PredictionBuffers::Y_spread, {N, m});
  add(mask.jacobian_spread, Quantity::kJacobianSpread, &PredictionBuffers::J_spread, {N, m, n});
}

double AnswerParts::NumElements() const {
  double sum = 0;
  for (const AnswerPart& part : *this) {
    double elements = 1;
    for (const std::int64_t extent : part.shape()) elements *= static_cast<double>(extent);
    sum += elements;
  }
  return sum;
}

}  // namespace sobolev::server
