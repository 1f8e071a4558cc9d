// The arithmetic is exact or a fixed sequence of IEEE operations (no pow, no fused products), since
// one bit decides which exchange is accepted and all that follows.

#include "engine/sampling/latin_hypercube.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"

namespace sobolev::sampling {

namespace {

// For each side the slices that are free, in random order. The first `count` belong to the points.
using Slices = std::vector<std::vector<Index>>;

Slices FreeSlices(const Matrix& existing, Index count, Rng& rng) {
  const Index num_slices = existing.cols() + count;
  Slices slices(static_cast<std::size_t>(existing.rows()));
  for (Index j = 0; j < existing.rows(); ++j) {
    std::vector<bool> is_taken(static_cast<std::size_t>(num_slices));
    for (Index s = 0; s < existing.cols(); ++s) {
      const auto slice = static_cast<Index>(existing(j, s) * static_cast<double>(num_slices));
      is_taken[static_cast<std::size_t>(std::min(slice, num_slices - 1))] = true;
    }
    std::vector<Index>& free = slices[static_cast<std::size_t>(j)];
    free.reserve(static_cast<std::size_t>(num_slices));
    for (Index slice = 0; slice < num_slices; ++slice) {
      if (!is_taken[static_cast<std::size_t>(slice)]) free.push_back(slice);
    }
    Shuffle(std::span(free), rng);
  }
  return slices;
}

// Moves slices between points so that φ_p falls; p = 2^log_p.
class Evolution {
 public:
  Evolution(const Matrix& existing, Index count, int log_p, Slices& slices, Rng& rng)
      : count_(count),
        log_p_(log_p),
        slices_(slices),
        rng_(rng),
        positions_(existing.rows(), count + existing.cols()),
        distances_(count + existing.cols(), count) {
    // Twice the slice, at the middle of it, so that squares of distances are integers.
    const double twice = 2 * static_cast<double>(count + existing.cols());
    for (Index j = 0; j < existing.rows(); ++j) {
      for (Index s = 0; s < count; ++s) positions_(j, s) = Middle(j, s);
      for (Index s = 0; s < existing.cols(); ++s) {
        positions_(j, count + s) = std::floor(existing(j, s) * twice);
      }
    }
    unit_ = std::numeric_limits<double>::infinity();
    for (Index s = 0; s < count; ++s) {
      for (Index other = 0; other < positions_.cols(); ++other) {
        distances_(other, s) = (positions_.col(other) - positions_.col(s)).squaredNorm();
        if (other != s) unit_ = std::min(unit_, distances_(other, s));
      }
    }
  }

  void Run(const std::stop_token& stop) {
    const Index pairs = count_ * (count_ - 1) / 2;
    const Index num_tries = std::clamp<Index>(pairs / 5, 1, kMaxTries);
    const Index num_rounds =
        std::clamp<Index>(2 * pairs * positions_.rows() / num_tries, 1, kMaxRounds);
    Sum();
    double best = Phi(sum_);
    Slices best_slices = slices_;
    double threshold = 0.005 * best;
    bool is_warming = true;
    const Index cost = num_tries * num_rounds * positions_.cols();
    const Index num_cycles = std::clamp<Index>(kMaxCost / cost, kMinCycles, kMaxCycles);
    for (Index cycle = 0; cycle < num_cycles; ++cycle) {
      const double best_before = best;
      Index accepted = 0;
      Index improved = 0;
      for (Index round = 0; round < num_rounds; ++round) {
        ThrowIfStopped(stop);
        if (!Exchange(round % positions_.rows(), num_tries, threshold)) continue;
        ++accepted;
        if (Phi(sum_) >= best) continue;
        best = Phi(sum_);
        best_slices = slices_;
        ++improved;
      }
      threshold *= Factor(best<best_before, 10 * accepted> num_rounds,
                          improved<accepted, 10 * accepted> 8 * num_rounds, is_warming);
      Sum();  // Of fresh terms, without the rounding of all updates.
    }
    slices_ = std::move(best_slices);
  }

 private:
  static constexpr Index kMaxTries = 50;  // As Jin et al. have it, and the factors below.
  static constexpr Index kMaxRounds = 100;
  static constexpr Index kMinCycles = 10;
  static constexpr Index kMaxCycles = 50;
  static constexpr Index kMaxCost = 200'000'000;  // Of a design, in distances; a second or two.

  // An exchange of slices `j` of points a and b; or of a with a slice of no point, beyond count.
  struct Move {
    Index j = 0;
    Index a = 0;
    Index b = 0;
    double sum = 0;  // Of φ_p^p after it.
  };

  // How the threshold changes after a cycle. Cycles that find something better keep a few bad
  // exchanges; others warm up until nearly all pass and cool down until hardly any do.
  static double Factor(bool is_better, bool are_some_accepted, bool are_worse_accepted,
                       bool are_most_accepted, bool& is_warming) {
    if (is_better) {
      if (!are_some_accepted) return 1 / 0.8;
      return are_worse_accepted ? 0.8 : 1;
    }
    if (!are_some_accepted) is_warming = true;
    if (are_most_accepted) is_warming = false;
    return is_warming ? 1 / 0.7 : 0.9;
  }

  double Middle(Index j, Index place) const {
    return static_cast<double>(
        2 * slices_[static_cast<std::size_t>(j)][static_cast<std::size_t>(place)] + 1);
  }

  // d^−p, in units that keep it in range.
  double Term(double squared_distance) const {
    double term = unit_ / squared_distance;
    for (int i = 1; i < log_p_; ++i) term *= term;
    return term;
  }

  double Phi(double sum) const {
    sum = std::max(sum, 0.0);
    for (int i = 0; i < log_p_; ++i) sum = std::sqrt(sum);
    return sum;
  }

  void Sum() {
    sum_ = 0;
    for (Index s = 0; s < count_; ++s) {
      for (Index other = s + 1; other < positions_.cols(); ++other) {
        sum_ += Term(distances_(other, s));
      }
    }
    largest_sum_ = sum_;
  }

  double SumAfter(const Move& move) const {
    const auto row = positions_.row(move.j);
    const double from = row(move.a);
    const double to = Middle(move.j, move.b);
    const bool is_pair = move.b < count_;
    double sum = sum_;
    for (Index k = 0; k < positions_.cols(); ++k) {
      if (k == move.a || (is_pair && k == move.b)) continue;
      const double change = (to - from) * (to + from - 2 * row(k));
      const double distance = distances_(k, move.a);
      sum += Term(distance + change) - Term(distance);
      if (!is_pair) continue;
      const double other = distances_(k, move.b);
      sum += Term(other - change) - Term(other);
    }
    return sum;
  }

  // The best of some exchanges in slice j, if it passes the threshold.
  bool Exchange(Index j, Index num_tries, double threshold) {
    const auto places = static_cast<std::uint64_t>(slices_[static_cast<std::size_t>(j)].size());
    if (places < 2) return false;
    Move best;
    for (Index i = 0; i < num_tries; ++i) {
      Move move{.j = j, .a = static_cast<Index>(rng_.Below(static_cast<std::uint64_t>(count_)))};
      move.b = static_cast<Index>(rng_.Below(places - 1));
      if (move.b >= move.a) ++move.b;
      move.sum = SumAfter(move);
      if (i == 0 || move.sum < best.sum) best = move;
    }
    if (!(Phi(best.sum) - Phi(sum_) <= threshold * rng_.Uniform())) return false;
    Apply(best);
    return true;
  }

  void Apply(const Move& move) {
    std::vector<Index>& places = slices_[static_cast<std::size_t>(move.j)];
    std::swap(places[static_cast<std::size_t>(move.a)], places[static_cast<std::size_t>(move.b)]);
    const bool is_pair = move.b < count_;
    Place(move.j, move.a);
    if (is_pair) Place(move.j, move.b);
    sum_ = move.sum;
    largest_sum_ = std::max(largest_sum_, sum_);
    // What is left of it may be the rounding of terms that are gone.
    if (sum_ < 1e-6 * largest_sum_) Sum();
  }

  // After a change of the slice of a point.
  void Place(Index j, Index s) {
    const double from = positions_(j, s);
    const double to = Middle(j, s);
    positions_(j, s) = to;
    for (Index k = 0; k < positions_.cols(); ++k) {
      if (k == s) continue;
      const double distance = distances_(k, s) + (to - from) * (to + from - 2 * positions_(j, k));
      distances_(k, s) = distance;
      if (k < count_) distances_(s, k) = distance;
    }
  }

  Index count_;
  int log_p_;
  Slices& slices_;
  Rng& rng_;
  Matrix positions_;        // d×(count + E), integers.
  Matrix distances_;        // (count + E)×count: squares.
  double unit_ = 1;         // Of squared distances in Term.
  double sum_ = 0;          // φ_p^p
  double largest_sum_ = 0;  // Since it was last summed up afresh.
};

}  // namespace

Matrix LatinHypercube(const Matrix& existing, Index count, Spread spread, std::uint64_t seed,
                      const std::stop_token& stop) {
  const Index num_slices = existing.cols() + count;
  if (spread != Spread::kNone && count > kMaxSpreadPairs / num_slices) {
    throw InvalidArgument("INVALID_COUNT", "count",
                          "spreading " + std::to_string(count) + " points between " +
                              std::to_string(existing.cols()) + " others compares more than " +
                              std::to_string(kMaxSpreadPairs) +
                              " pairs; take a plain Latin hypercube or a Sobol sequence");
  }
  Rng rng(seed);
  Slices slices = FreeSlices(existing, count, rng);
  if (spread != Spread::kNone && num_slices > 1) {
    Evolution(existing, count, spread == Spread::kPhi ? 4 : 6, slices, rng).Run(stop);
  }
  Matrix U(existing.rows(), count);
  for (Index j = 0; j < U.rows(); ++j) {
    for (Index s = 0; s < count; ++s) {
      const auto slice =
          static_cast<double>(slices[static_cast<std::size_t>(j)][static_cast<std::size_t>(s)]);
      // 32 random bits are exact behind any number of slices.
      const double within =
          spread == Spread::kNone ? static_cast<double>((rng.Next() >> 32) * 2 + 1) * 0x1p-33 : 0.5;
      U(j, s) = (slice + within) / static_cast<double>(num_slices);
    }
  }
  return U;
}

}  // namespace sobolev::sampling
