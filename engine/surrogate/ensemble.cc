#include "engine/surrogate/ensemble.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

namespace {

// Mean and sum of squared deviations of arrays that come one after the other (Welford 1962). The
// mean grows where the caller wants it.
class Moments {
 public:
  // `mean` and `spread` may be null.
  Moments(double* mean, double* spread, Index size)
      : size_(mean == nullptr && spread == nullptr ? 0 : size),
        own_mean_(mean == nullptr ? size_ : 0),
        squares_(Vector::Zero(spread == nullptr ? 0 : size_)),
        member_(size_),
        mean_(mean == nullptr ? own_mean_.data() : mean),
        spread_(spread) {
    std::fill_n(mean_, size_, 0.0);
  }

  // Where a member writes; null if nobody wants it.
  double* member() { return size_ == 0 ? nullptr : member_.data(); }

  // Takes what member number k = 1, 2, … wrote.
  void Add(Index k) {
    for (Index i = 0; i < size_; ++i) {
      const double before = member_[i] - mean_[i];
      mean_[i] += before / static_cast<double>(k);
      if (spread_ != nullptr) squares_[i] += before * (member_[i] - mean_[i]);
    }
  }

  void Finish(Index count) {
    if (spread_ == nullptr) return;
    const auto freedom = static_cast<double>(std::max<Index>(1, count - 1));
    for (Index i = 0; i < size_; ++i) spread_[i] = std::sqrt(squares_[i] / freedom);
  }

 private:
  Index size_;
  Vector own_mean_;
  Vector squares_;
  Vector member_;
  double* mean_;
  double* spread_;
};

}  // namespace

EnsembleSurrogate::EnsembleSurrogate(std::vector<std::shared_ptr<const Surrogate>> members)
    : members_(std::move(members)) {
  const auto count = static_cast<Index>(members_.size());
  if (count < 1 || count > kMaxMembers) {
    throw InvalidArgument(
        "OUT_OF_RANGE", "members",
        "expected 1 to " + std::to_string(kMaxMembers) + " members, got " + std::to_string(count));
  }
  for (const auto& member : members_) {
    RequireSize("members.n", member->n(), members_.front()->n());
    RequireSize("members.m", member->m(), members_.front()->m());
  }
}

Index EnsembleSurrogate::NumParameters() const {
  Index sum = 0;
  for (const auto& member : members_) sum += member->NumParameters();
  return sum;
}

std::size_t EnsembleSurrogate::SizeBytes() const {
  std::size_t sum = sizeof(EnsembleSurrogate);
  for (const auto& member : members_) sum += member->SizeBytes();
  return sum;
}

double EnsembleSurrogate::Cost(const PredictionSize& size) const {
  PredictionSize of_member = size;
  of_member.jacobian = size.jacobian || size.spread;
  of_member.spread = false;
  double sum = 0;
  for (const auto& member : members_) sum += member->Cost(of_member);
  return sum;
}

void EnsembleSurrogate::Predict(const ConstMatrixMap& X, const std::optional<Directions>& tangents,
                                const std::optional<Directions>& adjoints,
                                const PredictionBuffers& out, const std::stop_token& stop) const {
  const Index num_points = X.cols();
  RequireDirections(out, tangents, adjoints, n(), m(), num_points);
  const Index p = tangents ? tangents->count : 0;
  const Index q = adjoints ? adjoints->count : 0;
  Moments values(out.Y, out.Y_spread, m() * num_points);
  Moments jacobians(out.J, out.J_spread, n() * m() * num_points);
  Moments hessians(out.H, nullptr, n() * n() * m() * num_points);
  Moments tangent_products(out.Y_dot, nullptr, m() * p * num_points);
  Moments adjoint_products(out.X_bar, nullptr, n() * q * num_points);
  Moments second_adjoints(out.X_bar_dot, nullptr, n() * p * q * num_points);
  Moments* const all[] = {&values,           &jacobians,        &hessians,
                          &tangent_products, &adjoint_products, &second_adjoints};
  Index k = 0;
  for (const auto& member : members_) {
    member->Predict(X, tangents, adjoints,
                    {.Y = values.member(),
                     .J = jacobians.member(),
                     .H = hessians.member(),
                     .Y_dot = tangent_products.member(),
                     .X_bar = adjoint_products.member(),
                     .X_bar_dot = second_adjoints.member()},
                    stop);
    ++k;
    for (Moments* moments : all) moments->Add(k);
  }
  for (Moments* moments : all) moments->Finish(k);
}

void EnsembleSurrogate::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(members_.size()));
  for (const auto& member : members_) {
    writer.Write(static_cast<std::int64_t>(member->kind()));
    member->Save(writer);
  }
}

}  // namespace sobolev
