#include "engine/surrogate/affine_maps.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev {

namespace {

// More than any surrogate may have, so that damaged sizes do not allocate the machine away.
constexpr Index kMaxSize = 1 << 20;

}  // namespace

AffineMaps AffineMaps::Identity(Index n, Index m) {
  return {.x_mean = Vector::Zero(n),
          .x_factor = Vector::Ones(n),
          .A = Matrix(),
          .y_mean = Vector::Zero(m),
          .y_scale = Vector::Ones(m)};
}

AffineMaps AffineMaps::Standard(const Vector& x_mean, const Vector& x_scale, const Vector& y_mean,
                                const Vector& y_scale) {
  return {.x_mean = x_mean,
          .x_factor = x_scale.cwiseInverse(),
          .A = Matrix(),
          .y_mean = y_mean,
          .y_scale = y_scale};
}

std::size_t AffineMaps::SizeBytes() const {
  return static_cast<std::size_t>(2 * n() + A.size() + 2 * m()) * sizeof(double);
}

void AffineMaps::Forward(const double* x, double* x_hat) const {
  if (!Dense()) {
    for (Index j = 0; j < n(); ++j) x_hat[j] = (x[j] - x_mean(j)) * x_factor(j);
    return;
  }
  for (Index i = 0; i < r(); ++i) x_hat[i] = 0;
  for (Index j = 0; j < n(); ++j) {
    const double centred = x[j] - x_mean(j);
    for (Index i = 0; i < r(); ++i) x_hat[i] += A(i, j) * centred;
  }
}

void AffineMaps::ForwardDirection(const double* v, double* v_hat) const {
  if (!Dense()) {
    for (Index j = 0; j < n(); ++j) v_hat[j] = v[j] * x_factor(j);
    return;
  }
  for (Index i = 0; i < r(); ++i) v_hat[i] = 0;
  for (Index j = 0; j < n(); ++j) {
    for (Index i = 0; i < r(); ++i) v_hat[i] += A(i, j) * v[j];
  }
}

void AffineMaps::BackwardGradient(const double* g_hat, double* g) const {
  for (Index j = 0; j < n(); ++j) {
    if (!Dense()) {
      g[j] = x_factor(j) * g_hat[j];
      continue;
    }
    double sum = 0;
    for (Index i = 0; i < r(); ++i) sum += A(i, j) * g_hat[i];
    g[j] = sum;
  }
}

void AffineMaps::InputDirection(Index j, double* direction) const {
  for (Index i = 0; i < r(); ++i) {
    direction[i] = Dense() ? A(i, j) : (i == j ? x_factor(j) : 0);
  }
}

void AffineMaps::Validate() const {
  if (Dense()) {
    RequireSize("maps.A columns", A.cols(), n());
    RequireSize("maps.x_factor", x_factor.size(), 0);
  } else {
    RequireSize("maps.x_factor", x_factor.size(), n());
  }
  RequireSize("maps.y_scale", y_scale.size(), m());
  if (!x_mean.allFinite() || !x_factor.allFinite() || !A.allFinite() || !y_mean.allFinite() ||
      !y_scale.allFinite()) {
    throw InvalidArgument("NON_FINITE", "maps", "expected finite numbers only, got NaN or Inf");
  }
  if (m() > 0 && !(y_scale.minCoeff() > 0)) {
    throw InvalidArgument("OUT_OF_RANGE", "maps.y_scale", "expected numbers > 0");
  }
}

void AffineMaps::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(n()));
  writer.Write(static_cast<std::int64_t>(m()));
  writer.Write(static_cast<std::int64_t>(Dense() ? A.rows() : 0));
  writer.WriteVector(x_mean);
  writer.WriteVector(x_factor);
  writer.WriteAll(std::span(A.data(), static_cast<std::size_t>(A.size())));
  writer.WriteVector(y_mean);
  writer.WriteVector(y_scale);
}

AffineMaps AffineMaps::Load(ByteReader& reader) {
  const Index n = reader.ReadInt(1, kMaxSize);
  const Index m = reader.ReadInt(1, kMaxSize);
  const Index r = reader.ReadInt(0, kMaxSize);
  AffineMaps maps;
  maps.x_mean = reader.ReadVector(n);
  if (r == 0) {
    maps.x_factor = reader.ReadVector(n);
  } else {
    const auto elements = reader.ReadAll<double>(static_cast<std::size_t>(r * n));
    maps.A = ConstMatrixMap(elements.data(), r, n);
  }
  maps.y_mean = reader.ReadVector(m);
  maps.y_scale = reader.ReadVector(m);
  maps.Validate();
  return maps;
}

}  // namespace sobolev
