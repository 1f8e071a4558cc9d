#include "engine/prune/box.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/number_text.h"
#include "engine/base/rng.h"

namespace sobolev::prune {

namespace {

std::string At(const char* field, Index j) {
  std::string name = field;
  name += '[';
  name += std::to_string(j);
  name += ']';
  return name;
}

// The ends of `count` pieces of [min, max], the first and the last exactly those.
Vector Ends(double min, double max, Index count, bool geometric) {
  Vector ends(count + 1);
  for (Index k = 0; k <= count; ++k) {
    const double share = static_cast<double>(k) / static_cast<double>(count);
    ends[k] = std::clamp(geometric ? min * std::pow(max / min, share) : min + share * (max - min),
                         min, max);
  }
  ends[0] = min;
  ends[count] = max;
  return ends;
}

}  // namespace

void RequireBox(const Box& box, Index n) {
  RequireSize("box.min", box.min.size(), n);
  RequireSize("box.max", box.max.size(), n);
  for (Index j = 0; j < n; ++j) {
    const double min = box.min[j];
    const double max = box.max[j];
    if (!std::isfinite(min) || !std::isfinite(max)) {
      throw InvalidArgument("NOT_FINITE", At(std::isfinite(min) ? "box.max" : "box.min", j),
                            "expected a finite number; give the range of the input");
    }
    if (min > max) {
      throw InvalidArgument("INVERTED_BOX", At("box.min", j),
                            "expected at most box.max, got " + NumberText(min) + " > " +
                                NumberText(max) + "; exchange the two");
    }
  }
}

void RequireInside(const Box& box, const Box& domain) {
  RequireBox(domain, box.min.size());
  RequireBox(box, box.min.size());
  for (Index j = 0; j < box.min.size(); ++j) {
    if (domain.min[j] <= box.min[j] && box.max[j] <= domain.max[j]) continue;
    throw InvalidArgument("OUTSIDE_DOMAIN", At("box", j),
                          "expected a range inside the domain [" + NumberText(domain.min[j]) +
                              ", " + NumberText(domain.max[j]) + "], got [" +
                              NumberText(box.min[j]) + ", " + NumberText(box.max[j]) +
                              "]; shrink the box or train on a larger domain");
  }
}

Index Pieces::SliceOf(Index k, Index j) const {
  for (Index i = 0; i < j; ++i) k /= counts[static_cast<std::size_t>(i)];
  return k % counts[static_cast<std::size_t>(j)];
}

Pieces Split(const Box& box, const Splitting& splitting) {
  const Index n = box.min.size();
  RequireBox(box, n);
  Pieces pieces{.counts = splitting.counts};
  if (pieces.counts.empty()) pieces.counts.assign(static_cast<std::size_t>(n), 1);
  RequireSize("splitting.counts", static_cast<Index>(pieces.counts.size()), n);
  std::vector<bool> geometric = splitting.geometric;
  geometric.resize(geometric.empty() ? static_cast<std::size_t>(n) : geometric.size());
  RequireSize("splitting.geometric", static_cast<Index>(geometric.size()), n);

  Index total = 1;
  std::vector<Vector> ends;
  ends.reserve(static_cast<std::size_t>(n));
  for (Index j = 0; j < n; ++j) {
    const Index count = pieces.counts[static_cast<std::size_t>(j)];
    if (count < 1 || count > kMaxPieces / total) {
      throw InvalidArgument("OUT_OF_RANGE", At("splitting.counts", j),
                            "expected at least 1 piece per input and at most " +
                                std::to_string(kMaxPieces) +
                                " boxes in all; cut fewer inputs or less often");
    }
    total *= count;
    const bool by_ratio = geometric[static_cast<std::size_t>(j)];
    if (by_ratio && !(box.min[j] > 0)) {
      throw InvalidArgument("NOT_POSITIVE", At("splitting.geometric", j),
                            "expected a range of positive numbers, got one from " +
                                NumberText(box.min[j]) + "; cut it uniformly");
    }
    ends.push_back(Ends(box.min[j], box.max[j], count, by_ratio));
  }
  pieces.min.resize(n, total);
  pieces.max.resize(n, total);
  for (Index k = 0; k < total; ++k) {
    for (Index j = 0, rest = k; j < n; ++j) {
      const Index count = pieces.counts[static_cast<std::size_t>(j)];
      pieces.min(j, k) = ends[static_cast<std::size_t>(j)][rest % count];
      pieces.max(j, k) = ends[static_cast<std::size_t>(j)][rest % count + 1];
      rest /= count;
    }
  }
  return pieces;
}

Matrix UniformPoints(const Box& box, Index num_points, std::uint64_t seed) {
  const Index n = box.min.size();
  RequireBox(box, n);
  Rng rng(seed);
  Matrix X(n, num_points);
  for (Index s = 0; s < num_points; ++s) {
    for (Index j = 0; j < n; ++j) {
      const double share = rng.Uniform();
      X(j, s) = std::clamp((1 - share) * box.min[j] + share * box.max[j], box.min[j], box.max[j]);
    }
  }
  return X;
}

}  // namespace sobolev::prune
