#include "engine/dense/limited_memory.h"

#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::dense {

namespace {

constexpr double kLeastCosine = 1e-10;

}  // namespace

void LimitedMemory::Add(const Vector& s, const Vector& y) {
  if (!(s.dot(y) > kLeastCosine * s.norm() * y.norm())) return;
  pairs_.push_back({s, y});
  if (pairs_.size() > most_pairs_) pairs_.pop_front();
}

Vector LimitedMemory::Apply(Vector g, const Vector* free) const {
  std::vector<double> shares(pairs_.size());
  const auto dot = [free](const Vector& a, const Vector& b) {
    return free == nullptr ? a.dot(b) : a.cwiseProduct(*free).dot(b);
  };
  const auto add = [&](double factor, const Vector& step) {
    if (free == nullptr) {
      g += factor * step;
    } else {
      g += factor * step.cwiseProduct(*free);
    }
  };
  for (std::size_t k = pairs_.size(); k-- > 0;) {
    const double curvature = dot(pairs_[k].s, pairs_[k].y);
    shares[k] = curvature > 0 ? dot(pairs_[k].s, g) / curvature : 0;
    add(-shares[k], pairs_[k].y);
  }
  for (std::size_t k = pairs_.size(); k-- > 0;) {
    const double curvature = dot(pairs_[k].s, pairs_[k].y);
    if (curvature > 0) {
      g *= curvature / dot(pairs_[k].y, pairs_[k].y);
      break;
    }
  }
  for (std::size_t k = 0; k < pairs_.size(); ++k) {
    const double curvature = dot(pairs_[k].s, pairs_[k].y);
    if (curvature <= 0) continue;
    const double share = dot(pairs_[k].y, g) / curvature;
    add(shares[k] - share, pairs_[k].s);
  }
  return g;
}

}  // namespace sobolev::dense
