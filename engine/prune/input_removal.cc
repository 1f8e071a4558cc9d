#include "engine/prune/input_removal.h"

#include <cstddef>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/number_text.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::prune {

std::vector<Index> SignificantInputs(const Matrix& significance, double threshold) {
  if (!(threshold >= 0)) {
    throw InvalidArgument("OUT_OF_RANGE", "threshold",
                          "expected 0 or more, got " + NumberText(threshold) +
                              "; 0.01 of total Sobol indices is usual");
  }
  const Vector most = significance.rowwise().maxCoeff();
  std::vector<Index> kept;
  for (Index j = 0; j < most.size(); ++j) {
    if (most[j] >= threshold) kept.push_back(j);
  }
  if (kept.empty()) {
    Index first = 0;
    most.maxCoeff(&first);
    kept.push_back(first);
  }
  return kept;
}

nn::NetworkSurrogate FixInputs(const nn::NetworkSurrogate& network, const std::vector<Index>& kept,
                               const Vector& x) {
  RequireSize("x", x.size(), network.n());
  Index before = -1;
  for (const Index j : kept) {
    if (j <= before || j >= network.n()) {
      throw InvalidArgument("OUT_OF_RANGE", "kept",
                            "expected ascending numbers of inputs below " +
                                std::to_string(network.n()) + ", got " + std::to_string(j) +
                                "; name each input once");
    }
    before = j;
  }
  if (kept.empty()) {
    throw InvalidArgument("EMPTY", "kept",
                          "expected at least one input; keep the most significant");
  }
  // Standardised: x̂ = A x̂_kept + c.
  const nn::Scaling& scaling = network.scaling();
  Vector c = (x - scaling.x_mean).cwiseQuotient(scaling.x_scale);
  const auto count = static_cast<Index>(kept.size());
  Matrix A = Matrix::Zero(network.n(), count);
  for (Index k = 0; k < count; ++k) {
    const Index j = kept[static_cast<std::size_t>(k)];
    A(j, k) = 1;
    c[j] = 0;
  }
  nn::Architecture architecture = network.architecture();
  architecture.n = count;
  return nn::NetworkSurrogate(architecture,
                              {.x_mean = scaling.x_mean(kept),
                               .x_scale = scaling.x_scale(kept),
                               .y_mean = scaling.y_mean,
                               .y_scale = scaling.y_scale},
                              nn::FoldAffine(network.architecture(), network.theta(), A, c,
                                             Vector::Zero(network.m()), Vector::Ones(network.m())));
}

}  // namespace sobolev::prune
