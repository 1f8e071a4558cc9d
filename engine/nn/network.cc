#include "engine/nn/network.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"

namespace sobolev::nn {

namespace {

void RequireBetween(const char* field, Index actual, Index highest) {
  if (1 <= actual && actual <= highest) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected 1 to " + std::to_string(highest) + ", got " +
                            std::to_string(actual) + "; choose a number in that range");
}

// A standard normal draw given that |draw| <= 2.
double TruncatedNormal(Rng& rng) {
  double draw = rng.Normal();
  while (std::abs(draw) > 2) draw = rng.Normal();
  return draw;
}

// The standard deviation of that draw.
constexpr double kTruncatedDeviation = 0.87962566103423978;

}  // namespace

std::string_view Name(Activation activation) {
  switch (activation) {
    case Activation::kSoftplus:
      return "softplus";
    case Activation::kTanh:
      return "tanh";
    case Activation::kSilu:
      return "silu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kSin:
      return "sin";
  }
  return "";
}

Index Architecture::Rows(Index l) const {
  return l == Depth() ? m : hidden[static_cast<std::size_t>(l - 1)];
}

Index Architecture::Cols(Index l) const { return l == 1 ? n : Rows(l - 1) + SkipCols(l); }

bool Architecture::IsResidual(Index l) const {
  return residual && 1 < l && l < Depth() && Rows(l) == Rows(l - 1);
}

Index Architecture::NumParameters() const {
  Index count = 0;
  for (Index l = 1; l <= Depth(); ++l) count += Rows(l) * (Cols(l) + 1);
  return count;
}

void Validate(const Architecture& architecture) {
  RequireBetween("inputs", architecture.n, kMaxInputs);
  RequireBetween("outputs", architecture.m, kMaxOutputs);
  const auto num_hidden = static_cast<Index>(architecture.hidden.size());
  if (num_hidden > kMaxHiddenLayers) {
    throw InvalidArgument("OUT_OF_RANGE", "spec.network.hidden",
                          "expected at most " + std::to_string(kMaxHiddenLayers) +
                              " hidden layers, got " + std::to_string(num_hidden) +
                              "; remove layers");
  }
  for (Index l = 0; l < num_hidden; ++l) {
    const std::string field = "spec.network.hidden[" + std::to_string(l) + "]";
    RequireBetween(field.c_str(), architecture.hidden[static_cast<std::size_t>(l)], kMaxWidth);
  }
  if (const Index p = architecture.NumParameters(); p > kMaxParameters) {
    throw InvalidArgument("OUT_OF_RANGE", "spec.network.hidden",
                          "expected at most " + std::to_string(kMaxParameters) +
                              " parameters in all, got " + std::to_string(p) +
                              "; use narrower or fewer layers");
  }
}

void CheckResidual(const Architecture& architecture) {
  if (!architecture.residual) return;
  for (Index l = 1; l < architecture.Depth(); ++l) {
    if (architecture.IsResidual(l)) return;
  }
  throw InvalidArgument("NOT_APPLICABLE", "spec.network.residual",
                        "expected two neighbouring hidden layers of the same width, because only "
                        "there a layer can be added to the one before, got none; change "
                        "spec.network.hidden or unset residual");
}

Vector InitialParameters(const Architecture& architecture, std::uint64_t seed) {
  Rng rng(seed);
  Vector theta = Vector::Zero(architecture.NumParameters());
  Index next = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const auto fan_in = static_cast<double>(architecture.Cols(l));
    const double sigma = 1 / (kTruncatedDeviation * std::sqrt(fan_in));
    const Index num_weights = architecture.Rows(l) * architecture.Cols(l);
    for (Index i = 0; i < num_weights; ++i) theta[next + i] = sigma * TruncatedNormal(rng);
    next += num_weights + architecture.Rows(l);
  }
  return theta;
}

Vector FoldAffine(const Architecture& architecture, const Vector& theta, const Matrix& A,
                  const Vector& c, const Vector& d, const Vector& e) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Architecture result = architecture;
  result.n = A.cols();
  Vector folded(result.NumParameters());
  Index from = 0;
  Index to = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index rows = architecture.Rows(l);
    const Index cols = architecture.Cols(l);
    const Index inputs = l == 1 ? cols : architecture.SkipCols(l);
    const Eigen::Map<const RowMajor> W(theta.data() + from, rows, cols);
    Eigen::Map<RowMajor> into(folded.data() + to, rows, result.Cols(l));
    Eigen::Map<Vector> b(folded.data() + to + into.size(), rows);
    into.leftCols(cols - inputs) = W.leftCols(cols - inputs);
    b = theta.segment(from + W.size(), rows);
    if (inputs > 0) {
      into.rightCols(result.n) = W.rightCols(inputs) * A;
      b += W.rightCols(inputs) * c;
    }
    if (l == architecture.Depth()) {
      into = e.asDiagonal() * into;
      b = d + e.cwiseProduct(b);
    }
    from += rows * (cols + 1);
    to += rows * (result.Cols(l) + 1);
  }
  return folded;
}

}  // namespace sobolev::nn
