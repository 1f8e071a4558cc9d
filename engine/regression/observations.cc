#include "engine/regression/observations.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/regression/covariance.h"
#include "engine/regression/labels.h"

namespace sobolev::regression {

namespace {

constexpr std::uint64_t kSeed = 1;

bool SameFunctionals(const LabelGroup& a, const LabelGroup& b) {
  if (a.Coupled() || b.Coupled() || a.NumLabels() != b.NumLabels()) return false;
  return std::equal(a.labels.begin(), a.labels.end(), b.labels.begin(),
                    [](const Label& x, const Label& y) {
                      return x.point == y.point && x.kind == y.kind && x.axis == y.axis &&
                             x.direction == y.direction && x.precision == y.precision;
                    });
}

bool Usable(const Label& label) { return label.kind != LabelKind::kCurvature; }

// The points that have usable labels, shuffled.
std::vector<Index> ShuffledPoints(const LabelGroup& group) {
  std::vector<Index> points(static_cast<std::size_t>(group.NumPoints()));
  std::iota(points.begin(), points.end(), Index{0});
  Rng rng(kSeed);
  Shuffle(std::span(points), rng);
  std::erase_if(points, [&](Index s) {
    return std::none_of(group.labels.begin() + group.First(s),
                        group.labels.begin() + group.First(s + 1), Usable);
  });
  return points;
}

// Which labels of each point are used, in the order of `points`.
std::vector<std::vector<Index>> ChooseLabels(const LabelGroup& group,
                                             const std::vector<Index>& points, Index max_labels) {
  Index num_values = 0;
  Index num_usable = 0;
  for (const Label& label : group.labels) {
    num_values += label.kind == LabelKind::kValue ? 1 : 0;
    num_usable += Usable(label) ? 1 : 0;
  }
  const Index most = max_labels > 0 ? max_labels : num_usable;
  const bool all_values = num_usable <= most || 2 * num_values <= most;
  Index left = all_values ? most - num_values : most;
  std::vector<std::vector<Index>> chosen(points.size());
  bool open = true;  // Until the first point whose labels do not fit.
  for (std::size_t k = 0; k < points.size(); ++k) {
    const Index s = points[k];
    std::vector<Index> all;
    Index needed = 0;
    for (Index a = group.First(s); a < group.First(s + 1); ++a) {
      if (!Usable(group[a])) continue;
      all.push_back(a);
      needed += all_values && group[a].kind == LabelKind::kValue ? 0 : 1;
    }
    open = open && needed <= left;
    if (open) {
      left -= needed;
      chosen[k] = std::move(all);
    } else if (all_values) {
      std::erase_if(all, [&](Index a) { return group[a].kind != LabelKind::kValue; });
      chosen[k] = std::move(all);
    }
  }
  return chosen;
}

void MakeObservations(const Labels& labels, const Matrix& X, Index max_labels,
                      SharedObservations& shared) {
  const LabelGroup& group = labels.groups[shared.groups.front()];
  std::vector<Index> points = ShuffledPoints(group);
  const std::vector<std::vector<Index>> chosen = ChooseLabels(group, points, max_labels);
  Functionals& functionals = shared.observations.functionals;
  functionals.first.push_back(0);
  std::vector<Index> used;
  std::vector<const double*> directions;
  for (std::size_t k = 0; k < points.size(); ++k) {
    if (chosen[k].empty()) continue;
    used.push_back(points[k]);
    for (const Index a : chosen[k]) {
      const Label& label = group[a];
      shared.label.push_back(a);
      std::int32_t axis = Functionals::kValue;
      Index column = 0;
      if (label.kind == LabelKind::kPartial) axis = static_cast<std::int32_t>(label.axis);
      if (label.kind == LabelKind::kDirectional) {
        axis = Functionals::kDirection;
        column = static_cast<Index>(directions.size());
        directions.push_back(label.direction);
      }
      functionals.axis.push_back(axis);
      functionals.column.push_back(column);
    }
    functionals.first.push_back(static_cast<Index>(shared.label.size()));
  }
  functionals.X.resize(X.rows(), static_cast<Index>(used.size()));
  for (std::size_t k = 0; k < used.size(); ++k) {
    functionals.X.col(static_cast<Index>(k)) = X.col(used[k]);
  }
  functionals.D.resize(X.rows(), static_cast<Index>(directions.size()));
  for (std::size_t k = 0; k < directions.size(); ++k) {
    functionals.D.col(static_cast<Index>(k)) = Eigen::Map<const Vector>(directions[k], X.rows());
  }

  const auto num_labels = static_cast<Index>(shared.label.size());
  const auto num_groups = static_cast<Index>(shared.groups.size());
  functionals.weight.resize(num_labels);
  shared.observations.T.resize(num_labels, num_groups);
  if (group.Coupled()) functionals.W.resize(group.Width(), num_labels);
  for (Index a = 0; a < num_labels; ++a) {
    const Index number = shared.label[static_cast<std::size_t>(a)];
    functionals.weight(a) = group[number].precision;
    for (Index o = 0; o < num_groups; ++o) {
      const LabelGroup& other = labels.groups[shared.groups[static_cast<std::size_t>(o)]];
      shared.observations.T(a, o) = other[number].target;
    }
    if (!group.Coupled()) continue;
    for (Index o = 0; o < group.Width(); ++o) {
      functionals.W(o, a) = group.OutputWeight(group[number], o);
    }
    const double length = functionals.W.col(a).norm();
    functionals.W.col(a) /= length;
    shared.observations.T(a, 0) /= length;
  }
}

}  // namespace

std::vector<SharedObservations> ShareObservations(const Labels& labels, const Matrix& X,
                                                  Index max_labels) {
  std::vector<SharedObservations> result;
  for (std::size_t number = 0; number < labels.groups.size(); ++number) {
    const LabelGroup& group = labels.groups[number];
    const auto same =
        std::find_if(result.begin(), result.end(), [&](const SharedObservations& shared) {
          return SameFunctionals(labels.groups[shared.groups.front()], group);
        });
    if (same == result.end()) {
      result.emplace_back();
      result.back().groups.push_back(number);
    } else {
      same->groups.push_back(number);
    }
  }
  for (SharedObservations& shared : result) {
    Index num_labels = 0;
    for (const std::size_t number : shared.groups) {
      const LabelGroup& group = labels.groups[number];
      shared.outputs.insert(shared.outputs.end(), group.outputs.begin(), group.outputs.end());
      num_labels += group.NumLabels();
    }
    MakeObservations(labels, X, max_labels, shared);
    shared.num_ignored = num_labels - static_cast<Index>(shared.label.size()) *
                                          static_cast<Index>(shared.groups.size());
  }
  return result;
}

}  // namespace sobolev::regression
