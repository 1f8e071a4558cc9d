#include "engine/sampling/design.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/sampling/domain.h"
#include "engine/sampling/factorial.h"
#include "engine/sampling/halton.h"
#include "engine/sampling/hash.h"
#include "engine/sampling/latin_hypercube.h"
#include "engine/sampling/sobol.h"

namespace sobolev::sampling {

namespace {

constexpr Index kMaxElements = Index{1} << 30;  // Of a design.
constexpr Index kMaxCombinations = 10'000'000;
// Streams of one seed.
constexpr std::uint64_t kRandomStream = 1;
constexpr std::uint64_t kRepairStream = 2;

// The candidates first … first + count − 1 of a sequence in the unit cube, d×count.
using Sequence = std::function<Matrix(Index first, Index count)>;

// Random access to independent points.
Sequence RandomSequence(Index dimensions, std::uint64_t seed, std::uint64_t stream) {
  std::vector<std::uint64_t> keys(static_cast<std::size_t>(dimensions));
  Rng rng(seed, stream);
  for (std::uint64_t& key : keys) key = rng.Next();
  return [keys = std::move(keys)](Index first, Index count) {
    Matrix U(static_cast<Index>(keys.size()), count);
    for (Index s = 0; s < count; ++s) {
      for (std::size_t j = 0; j < keys.size(); ++j) {
        U(static_cast<Index>(j), s) =
            UnitPoint(Hash(keys[j], static_cast<std::uint64_t>(first + s)));
      }
    }
    return U;
  };
}

Sequence SequenceOf(DesignKind kind, Index dimensions, std::uint64_t seed) {
  if (kind == DesignKind::kSobol) {
    return [sobol = SobolSequence(dimensions, seed)](Index first, Index count) {
      return sobol.Points(first, count);
    };
  }
  if (kind == DesignKind::kHalton) {
    return [halton = HaltonSequence(dimensions, seed)](Index first, Index count) {
      return halton.Points(first, count);
    };
  }
  return RandomSequence(dimensions, seed, kRandomStream);
}

// Points and how often they are there; of no use, and empty, where every point is another.
class PointSet {
 public:
  PointSet(bool is_needed, const Matrix& existing) : is_needed_(is_needed) {
    for (Index s = 0; s < existing.cols(); ++s) Insert(existing.col(s));
  }

  bool Contains(const Vector& x) const { return Count(x) > 0; }
  Index Count(const Vector& x) const {
    if (!is_needed_) return 0;
    const auto found = counts_.find(Key(x));
    return found == counts_.end() ? 0 : found->second;
  }
  void Insert(const Vector& x) {
    if (is_needed_) ++counts_[Key(x)];
  }
  void Remove(const Vector& x) {
    if (!is_needed_) return;
    const auto found = counts_.find(Key(x));
    if (--found->second == 0) counts_.erase(found);
  }
  // Of different points.
  Index size() const { return static_cast<Index>(counts_.size()); }

 private:
  using Coordinates = std::vector<double>;
  static Coordinates Key(const Vector& x) { return {x.begin(), x.end()}; }

  bool is_needed_;
  std::map<Coordinates, Index> counts_;
};

// What the steps of making a design share.
struct Work {
  const Domain& domain;
  const DesignOptions& options;
  const Continuation& continuation;
  const std::stop_token& stop;
  PointSet points;  // Existing ones and those of the design so far.
};

void RequireRoom(const Domain& domain, Index count) {
  if (count >= 0 && count <= kMaxElements / domain.n()) return;
  throw InvalidArgument("INVALID_COUNT", "count",
                        "expected 0 to " + std::to_string(kMaxElements / domain.n()) +
                            " points of " + std::to_string(domain.n()) + " inputs, got " +
                            std::to_string(count));
}

Error NoMorePoints(const Work& work, Index found, Index wanted, bool are_repeated) {
  std::string state = "found ";
  state += std::to_string(found) + " of " + std::to_string(wanted) + " points, and the " +
           std::to_string(work.options.max_rejections) + " candidates that followed ";
  if (are_repeated) {
    return FailedPrecondition("NO_MORE_POINTS", "count",
                              state +
                                  "were infeasible or repeated a point; ask for fewer, or widen "
                                  "the ranges of integer and categorical inputs");
  }
  return FailedPrecondition("INFEASIBLE", "constraints",
                            state +
                                "were infeasible; loosen the constraints, or choose ranges that "
                                "hold more feasible points");
}

// Appends the next `wanted` good candidates to `design`, from design.next on.
void AppendFrom(const Sequence& sequence, Index wanted, Work& work, DesignPoints& design) {
  constexpr Index kMinBatch = 64;
  constexpr Index kMaxBatch = 4096;
  const Index begin = design.X.cols();
  const Index end = begin + wanted;
  design.X.conservativeResize(work.domain.n(), end);
  design.U.conservativeResize(work.domain.num_free(), end);
  // Points that exist may be those of this sequence.
  const Index max_rejections = work.options.max_rejections + work.continuation.existing.cols();
  Index found = begin;
  Index rejected = 0;  // In a row.
  bool are_repeated = false;
  while (found < end) {
    const Index batch = std::clamp(end - found, kMinBatch, kMaxBatch);
    const Matrix U = work.domain.Snap(sequence(design.next, batch));
    const Matrix X = work.domain.ToUser(U);
    const std::vector<std::uint8_t> feasible = work.domain.Feasible(X, work.stop);
    for (Index s = 0; s < batch && found < end; ++s) {
      ++design.next;
      const bool is_repeated = work.points.Contains(X.col(s));
      if (feasible[static_cast<std::size_t>(s)] == 0 || is_repeated) {
        are_repeated |= is_repeated;
        ++design.num_rejected;
        if (++rejected <= max_rejections) continue;
        throw NoMorePoints(work, found - begin, wanted, are_repeated);
      }
      rejected = 0;
      work.points.Insert(X.col(s));
      design.X.col(found) = X.col(s);
      design.U.col(found) = U.col(s);
      ++found;
    }
  }
}

// Exchanges slices between points of a Latin hypercube until all are feasible and different, or
// the effort is spent. Returns which are good; those are in work.points.
std::vector<bool> ExchangeSlices(Matrix& U, Matrix& X, Work& work) {
  const Index count = U.cols();
  Rng rng(work.options.seed, kRepairStream);
  std::vector<std::uint8_t> feasible = work.domain.Feasible(X, work.stop);
  for (Index s = 0; s < count; ++s) work.points.Insert(X.col(s));
  const auto is_good = [&](Index s) {
    return feasible[static_cast<std::size_t>(s)] != 0 && work.points.Count(X.col(s)) <= 1;
  };
  std::vector<Index> bad;
  const auto find_bad = [&] {
    bad.clear();
    for (Index s = 0; s < count; ++s) {
      if (!is_good(s)) bad.push_back(s);
    }
  };
  const auto pick = [&](Index bound) {
    return static_cast<Index>(rng.Below(static_cast<std::uint64_t>(bound)));
  };
  find_bad();
  for (Index tries = 0; tries < work.options.max_rejections && !bad.empty() && count > 1; ++tries) {
    const auto at = static_cast<std::size_t>(pick(static_cast<Index>(bad.size())));
    const Index a = bad[at];
    if (is_good(a)) {  // Thanks to another exchange.
      bad[at] = bad.back();
      bad.pop_back();
      continue;
    }
    Index b = pick(count - 1);
    if (b >= a) ++b;
    const Index j = pick(U.rows());
    const bool was_good = is_good(b);
    Matrix pair(U.rows(), 2);
    pair << U.col(a), U.col(b);
    std::swap(pair(j, 0), pair(j, 1));
    const Matrix moved = work.domain.ToUser(pair);
    const std::vector<std::uint8_t> is_feasible = work.domain.Feasible(moved, work.stop);
    const auto is_new = [&](Index column) {
      return is_feasible[static_cast<std::size_t>(column)] != 0 &&
             !work.points.Contains(moved.col(column)) && moved.col(0) != moved.col(1);
    };
    const bool is_a_good = is_new(0);
    const bool is_b_good = is_new(1);
    if (int{is_a_good} + int{is_b_good} < int{was_good}) continue;
    for (const auto& [s, column] : {std::pair(a, Index{0}), {b, Index{1}}}) {
      work.points.Remove(X.col(s));
      X.col(s) = moved.col(column);
      U.col(s) = pair.col(column);
      work.points.Insert(X.col(s));
      feasible[static_cast<std::size_t>(s)] = is_feasible[static_cast<std::size_t>(column)];
    }
    if (is_a_good) {
      bad[at] = bad.back();
      bad.pop_back();
    }
    if (was_good && !is_b_good) bad.push_back(b);
  }
  // Of equal ones the last stays.
  std::vector<bool> good(static_cast<std::size_t>(count), true);
  for (Index s = 0; s < count; ++s) {
    if (is_good(s)) continue;
    good[static_cast<std::size_t>(s)] = false;
    work.points.Remove(X.col(s));
  }
  return good;
}

DesignPoints HypercubeDesign(Index count, Work& work) {
  const Domain& domain = work.domain;
  const Spread spread = work.options.kind == DesignKind::kMaximinLatinHypercube ? Spread::kMaximin
                        : work.options.kind == DesignKind::kOptimizedLatinHypercube ? Spread::kPhi
                                                                                    : Spread::kNone;
  const Matrix existing = work.continuation.existing.cols() > 0
                              ? domain.ToUnit(work.continuation.existing, "existing")
                              : Matrix(domain.num_free(), 0);
  Matrix U = LatinHypercube(existing, count, spread, work.options.seed, work.stop);
  Matrix X = domain.ToUser(U);
  const std::vector<bool> good = ExchangeSlices(U, X, work);
  DesignPoints design{.X = std::move(X), .U = domain.Snap(U)};
  Index kept = 0;
  for (Index s = 0; s < count; ++s) {
    if (!good[static_cast<std::size_t>(s)]) continue;
    design.X.col(kept) = design.X.col(s);
    design.U.col(kept) = design.U.col(s);
    ++kept;
  }
  design.X.conservativeResize(Eigen::NoChange, kept);
  design.U.conservativeResize(Eigen::NoChange, kept);
  design.num_rejected = count - kept;
  AppendFrom(RandomSequence(domain.num_free(), work.options.seed, kRepairStream), count - kept,
             work, design);
  design.next = 0;
  return design;
}

// Of a whole design: leaves out what is infeasible or there already.
DesignPoints Filter(const Matrix& U, Matrix X, Work& work) {
  const std::vector<std::uint8_t> feasible = work.domain.Feasible(X, work.stop);
  DesignPoints design{.X = std::move(X), .U = U};
  Index kept = 0;
  for (Index s = 0; s < U.cols(); ++s) {
    if (feasible[static_cast<std::size_t>(s)] == 0 || work.points.Contains(design.X.col(s))) {
      continue;
    }
    work.points.Insert(design.X.col(s));
    design.X.col(kept) = design.X.col(s);
    design.U.col(kept) = design.U.col(s);
    ++kept;
  }
  if (kept == 0) {
    const std::string all = "none of the " + std::to_string(U.cols()) + " points of the design is ";
    throw work.domain.HasConstraints() && work.continuation.existing.cols() == 0
        ? FailedPrecondition("INFEASIBLE", "constraints",
                             all + "feasible; loosen the constraints or take more levels")
        : FailedPrecondition("NO_MORE_POINTS", "count",
                             all + "feasible and not there already; take more levels");
  }
  design.num_rejected = U.cols() - kept;
  design.X.conservativeResize(Eigen::NoChange, kept);
  design.U.conservativeResize(Eigen::NoChange, kept);
  return design;
}

// How many levels every continuous coordinate has if all combinations are `count`.
Index SharedLevels(const Domain& domain, Index count) {
  Index others = 1;
  Index shared = 0;  // Coordinates.
  for (Index c = 0; c < domain.num_free(); ++c) {
    const Index values = domain.NumValues(c);
    if (values == 0) {
      ++shared;
    } else {
      others = NumCombinations({others, values});
    }
  }
  if (shared == 0) return 1;
  if (count == 0) {
    throw InvalidArgument("INVALID_LEVELS", "levels",
                          "expected a number of levels for the continuous inputs, or a count");
  }
  const double root = std::pow(static_cast<double>(count) / static_cast<double>(others),
                               1 / static_cast<double>(shared));
  const auto levels = std::max<Index>(1, std::llround(root));
  std::vector<Index> all(static_cast<std::size_t>(shared), levels);
  all.push_back(others);
  if (NumCombinations(all) == count) return levels;
  std::string expected = others > 1 ? std::to_string(others) + " " : "";
  expected += "k^" + std::to_string(shared);
  throw InvalidArgument("INVALID_COUNT", "count",
                        "expected " + expected + " points for a grid of " + std::to_string(shared) +
                            " continuous inputs, such as " + std::to_string(NumCombinations(all)) +
                            " with k = " + std::to_string(levels) + ", got " +
                            std::to_string(count) + "; or give levels");
}

// The number of levels of each coordinate.
std::vector<Index> LevelsOf(const Domain& domain, const DesignOptions& options, Index count) {
  const std::vector<Index>& given = options.levels;
  const auto d = static_cast<std::size_t>(domain.num_free());
  if (given.size() > 1 && given.size() != d) {
    throw InvalidArgument("SHAPE_MISMATCH", "levels",
                          "expected one for all, or one for each of the " + std::to_string(d) +
                              " inputs that are not fixed, got " + std::to_string(given.size()));
  }
  const bool is_shared = given.size() < d || d == 1;
  const Index shared = given.empty() ? SharedLevels(domain, count) : given[0];
  std::vector<Index> levels(d);
  for (std::size_t c = 0; c < d; ++c) {
    const Index values = domain.NumValues(static_cast<Index>(c));
    levels[c] = !is_shared ? given[c] : values > 0 && (given.empty() || d > 1) ? values : shared;
    if (levels[c] >= 1 && (values == 0 || levels[c] <= values)) continue;
    std::string expected = "expected 1 or more";
    if (values > 0) expected += " and at most the " + std::to_string(values) + " values there are";
    const std::string at = is_shared ? "0" : std::to_string(c);
    throw InvalidArgument("INVALID_LEVELS", "levels[" + at + "]",
                          expected + ", got " + std::to_string(levels[c]));
  }
  const Index total = NumCombinations(levels);
  if (total > kMaxCombinations || total > kMaxElements / domain.n()) {
    throw InvalidArgument("INVALID_LEVELS", "levels",
                          "have more than " + std::to_string(kMaxCombinations) +
                              " combinations or take too much memory; take fewer, a fractional "
                              "factorial or a Latin hypercube");
  }
  if (count != 0 && count != total) {
    throw InvalidArgument("INVALID_COUNT", "count",
                          "expected 0 or the " + std::to_string(total) +
                              " combinations of the levels, got " + std::to_string(count));
  }
  return levels;
}

DesignPoints GridDesign(Index count, Work& work) {
  const Domain& domain = work.domain;
  const std::vector<Index> levels = LevelsOf(domain, work.options, count);
  Matrix U = Combinations(levels, 0, NumCombinations(levels));
  const bool is_centred = work.options.kind == DesignKind::kCentredGrid;
  for (Index c = 0; c < U.rows(); ++c) {
    const auto k = static_cast<double>(levels[static_cast<std::size_t>(c)]);
    const auto place = [&](double level) {
      return is_centred || k == 1 ? (level + 0.5) / k : level / (k - 1);
    };
    const Index values = domain.NumValues(c);
    const double min = domain.inputs()[static_cast<std::size_t>(domain.InputOf(c))].min;
    for (double& u : U.row(c)) {
      u = place(u);
      if (values == 0) continue;
      // Some of the values, evenly; or all, if there are as many levels.
      const double spread = is_centred ? std::floor(u * static_cast<double>(values))
                                       : std::rint(u * static_cast<double>(values - 1));
      u = domain.UnitOf(c, min + spread);
    }
  }
  Matrix X = domain.ToUser(U);
  return Filter(U, std::move(X), work);
}

DesignPoints FractionalDesign(Index count, Work& work) {
  const Domain& domain = work.domain;
  const DesignOptions& options = work.options;
  for (Index c = 0; c < domain.num_free(); ++c) {
    const Index j = domain.InputOf(c);
    const Input& input = domain.inputs()[static_cast<std::size_t>(j)];
    const Index values = domain.NumValues(c);
    if (values == 0 || values == 2 || (values > 2 && input.kind == InputKind::kInteger)) continue;
    throw InvalidArgument("INVALID_LEVELS", "inputs[" + std::to_string(j) + "]",
                          "\"" + input.name + "\" has " + std::to_string(values) +
                              " levels, and a fractional factorial takes two; fix it or take "
                              "another design");
  }
  if (!options.generators.empty() && options.resolution != 0) {
    throw InvalidArgument("INVALID_RESOLUTION", "resolution",
                          "follows from the generators; give one of the two");
  }
  const TwoLevelFraction fraction =
      options.generators.empty() ? FractionOfResolution(domain.num_free(), options.resolution)
                                 : FractionOf(domain.num_free(), options.generators);
  RequireRoom(domain, fraction.num_runs());
  if (count != 0 && count != fraction.num_runs()) {
    throw InvalidArgument("INVALID_COUNT", "count",
                          "expected 0 or the " + std::to_string(fraction.num_runs()) +
                              " runs of the design, got " + std::to_string(count));
  }
  Matrix U = domain.Snap(fraction.Runs(0, fraction.num_runs()));
  Matrix X = domain.ToUser(U);
  return Filter(U, std::move(X), work);
}

DesignPoints UserDesign(Index count, Work& work) {
  const Matrix& X = work.options.points;
  const Matrix U = work.domain.ToUnit(X, "points");
  if (X.cols() == 0 || (count != 0 && count != X.cols())) {
    throw InvalidArgument("INVALID_COUNT", X.cols() == 0 ? "points" : "count",
                          "expected 0 or the number of points, of which there must be some, got " +
                              std::to_string(count) + " and " + std::to_string(X.cols()));
  }
  const std::vector<std::uint8_t> feasible = work.domain.Feasible(X, work.stop);
  const auto first_bad = std::ranges::find(feasible, 0);
  if (first_bad != feasible.end()) {
    throw InvalidArgument("INFEASIBLE",
                          "points[" + std::to_string(first_bad - feasible.begin()) + "]",
                          "violates a constraint; leave it out or loosen the constraint");
  }
  return Filter(U, X, work);
}

}  // namespace

DesignPoints MakeDesign(const Domain& domain, const DesignOptions& options, Index count,
                        const Continuation& continuation, const std::stop_token& stop) {
  RequireRoom(domain, count);
  if (continuation.first < 0) {
    throw InvalidArgument("INVALID_COUNT", "first",
                          "expected 0 or more, got " + std::to_string(continuation.first));
  }
  if (continuation.existing.cols() > 0) domain.ToUnit(continuation.existing, "existing");
  const bool can_repeat = domain.NumPoints() || continuation.existing.cols() > 0 ||
                          options.kind == DesignKind::kUserPoints;
  Work work{domain, options, continuation, stop, PointSet(can_repeat, continuation.existing)};
  switch (options.kind) {
    case DesignKind::kCentredGrid:
    case DesignKind::kFullFactorial:
      return GridDesign(count, work);
    case DesignKind::kFractionalFactorial:
      return FractionalDesign(count, work);
    case DesignKind::kUserPoints:
      return UserDesign(count, work);
    default:
      break;
  }
  if (count == 0) {
    throw InvalidArgument("INVALID_COUNT", "count", "expected 1 or more points, got 0");
  }
  if (const std::optional<Index> all = domain.NumPoints();
      all && count > *all - work.points.size()) {
    throw InvalidArgument("INVALID_COUNT", "count",
                          "there are only " + std::to_string(*all) + " points, of which " +
                              std::to_string(work.points.size()) + " exist; got " +
                              std::to_string(count));
  }
  DesignPoints design{.next = continuation.first};
  switch (options.kind) {
    case DesignKind::kLatinHypercube:
    case DesignKind::kMaximinLatinHypercube:
    case DesignKind::kOptimizedLatinHypercube:
      return HypercubeDesign(count, work);
    default:
      AppendFrom(SequenceOf(options.kind, domain.num_free(), options.seed), count, work, design);
      return design;
  }
}

}  // namespace sobolev::sampling
