#include "engine/ad/coloring.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "engine/ad/color_sets.h"
#include "engine/ad/pair_table.h"
#include "engine/ad/sparsity.h"
#include "engine/base/error.h"

namespace sobolev::ad {

namespace {

// Rows longer than this are overlooked by the dynamic orders.
constexpr std::int64_t kLongRow = 128;

// Columns by an integer key that changes by small steps, in intrusive lists per key.
class BucketQueue {
 public:
  BucketQueue(std::vector<std::int64_t> keys)  // NOLINT(google-explicit-constructor): local
      : keys_(std::move(keys)), next_(keys_.size(), kEnd), previous_(keys_.size(), kEnd) {
    heads_.assign(keys_.size() + 1, kEnd);
    for (std::size_t item = keys_.size(); item > 0; --item) {
      Link(static_cast<std::int32_t>(item) - 1);
    }
  }

  std::int32_t PopSmallest() {
    while (heads_[lowest_] == kEnd) ++lowest_;
    return Pop(heads_[lowest_]);
  }

  std::int32_t PopLargest() {
    while (heads_[highest_] == kEnd) --highest_;
    return Pop(heads_[highest_]);
  }

  // Nothing happens to an item that was popped.
  void Add(std::int32_t item, std::int64_t change) {
    if (keys_[item] < 0) return;
    Unlink(item);
    keys_[item] += change;
    Link(item);
  }

 private:
  static constexpr std::int32_t kEnd = -1;

  // No column has more distinct neighbours than there are columns, so keys beyond that are alike.
  std::size_t Bucket(std::int32_t item) const {
    return std::min(static_cast<std::size_t>(keys_[item]), keys_.size());
  }

  std::int32_t Pop(std::int32_t item) {
    Unlink(item);
    keys_[item] = -1;
    return item;
  }

  void Link(std::int32_t item) {
    const std::size_t bucket = Bucket(item);
    previous_[item] = kEnd;
    next_[item] = heads_[bucket];
    if (next_[item] != kEnd) previous_[next_[item]] = item;
    heads_[bucket] = item;
    lowest_ = std::min(lowest_, bucket);
    highest_ = std::max(highest_, bucket);
  }

  void Unlink(std::int32_t item) {
    if (previous_[item] == kEnd) {
      heads_[Bucket(item)] = next_[item];
    } else {
      next_[previous_[item]] = next_[item];
    }
    if (next_[item] != kEnd) previous_[next_[item]] = previous_[item];
  }

  std::vector<std::int64_t> keys_;  // −1 once popped.
  std::vector<std::int32_t> next_, previous_, heads_;
  std::size_t lowest_ = 0;
  std::size_t highest_ = 0;
};

// For each column the sum over its rows of the other columns there; rows longer than `longest` are
// not counted.
std::vector<std::int64_t> Degrees(const SparsityPattern& pattern, std::int64_t longest) {
  std::vector<std::int64_t> degrees(static_cast<std::size_t>(pattern.columns()), 0);
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    if (pattern.RowSize(i) > longest) continue;
    for (const std::int32_t j : pattern.Row(i)) degrees[j] += pattern.RowSize(i) - 1;
  }
  return degrees;
}

// Calls visit(k) for each column k in the short rows of column j, once per row, j included.
template <class Visit>
void ForEachNeighbor(const SparsityPattern& pattern, const SparsityPattern& transposed,
                     std::int32_t j, const Visit& visit) {
  for (const std::int32_t i : transposed.Row(j)) {
    if (pattern.RowSize(i) > kLongRow) continue;
    std::ranges::for_each(pattern.Row(i), visit);
  }
}

std::vector<std::int32_t> SmallestLast(const SparsityPattern& pattern) {
  const SparsityPattern transposed = pattern.Transposed();
  BucketQueue queue(Degrees(pattern, kLongRow));
  std::vector<std::int32_t> order(static_cast<std::size_t>(pattern.columns()));
  for (std::size_t place = order.size(); place > 0; --place) {
    const std::int32_t j = queue.PopSmallest();
    order[place - 1] = j;
    ForEachNeighbor(pattern, transposed, j, [&](std::int32_t k) { queue.Add(k, -1); });
  }
  return order;
}

std::vector<std::int32_t> IncidenceDegree(const SparsityPattern& pattern) {
  const SparsityPattern transposed = pattern.Transposed();
  BucketQueue queue(std::vector<std::int64_t>(static_cast<std::size_t>(pattern.columns()), 0));
  std::vector<std::int32_t> order;
  for (std::int32_t place = 0; place < pattern.columns(); ++place) {
    const std::int32_t j = queue.PopLargest();
    order.push_back(j);
    ForEachNeighbor(pattern, transposed, j, [&](std::int32_t k) { queue.Add(k, 1); });
  }
  return order;
}

// The best of the colourings by all orders, ending early at the lower bound.
template <class Color>
Coloring BestColoring(std::int64_t lower_bound, const Color& color) {
  Coloring best = color(kColoringOrders.front());
  for (const ColoringOrder order : std::span(kColoringOrders).subspan(1)) {
    if (best.num_colors <= lower_bound) break;
    Coloring other = color(order);
    if (other.num_colors < best.num_colors) best = std::move(other);
  }
  return best;
}

// Colours one vertex after the other and keeps what the star condition asks of the rest.
class StarPainter {
 public:
  explicit StarPainter(const SparsityPattern& pattern)
      : pattern_(pattern), near_(pattern.columns()), beyond_(pattern.columns()) {
    result_.colors.assign(static_cast<std::size_t>(pattern.columns()), Coloring::kNone);
  }

  void Paint(std::int32_t v) {
    const std::int32_t color = FirstAllowed(v);
    result_.colors[v] = color;
    result_.num_colors = std::max(result_.num_colors, color + 1);
    for (const std::int32_t w : pattern_.Row(v)) {
      if (w == v) continue;
      near_.Add(w, color);
      CountLeaf(w, v);
    }
    for (const std::int32_t u : pattern_.Row(v)) {
      if (u != v && IsColored(u) && IsHub(v, result_.colors[u])) beyond_.Add(u, color);
    }
  }

  Coloring TakeResult() { return std::move(result_); }

 private:
  bool IsColored(std::int32_t v) const { return result_.colors[v] != Coloring::kNone; }

  // Whether two neighbours of v have the colour.
  bool IsHub(std::int32_t v, std::int32_t color) const { return leaves_.Get(v, color).count >= 2; }

  // v may not have the colour of a neighbour w; nor, if w is a leaf of a star, that of its hub, or
  // v−w−hub−leaf had two colours; nor, if two neighbours have one colour, that of a neighbour x of
  // either, or other−v−w−x had two colours.
  std::int32_t FirstAllowed(std::int32_t v) {
    forbidden_.Clear();
    forbidden_.Include(near_, v);
    for (const std::int32_t w : pattern_.Row(v)) {
      if (w == v || !IsColored(w)) continue;
      forbidden_.Include(beyond_, w);
      if (IsHub(v, result_.colors[w])) forbidden_.Include(near_, w);
    }
    return forbidden_.FirstAllowed();
  }

  // The coloured v is one more neighbour of w. From the second of a colour on, w is the hub of a
  // star, and its leaves have the hub's colour beyond them.
  void CountLeaf(std::int32_t w, std::int32_t v) {
    Leaves& leaves = leaves_.At(w, result_.colors[v]);
    ++leaves.count;
    if (leaves.count == 1) leaves.first = v;
    if (leaves.count < 2 || !IsColored(w)) return;
    if (leaves.count == 2) beyond_.Add(leaves.first, result_.colors[w]);
    beyond_.Add(v, result_.colors[w]);
  }

  struct Leaves {
    std::int32_t count = 0;
    std::int32_t first = 0;
  };

  const SparsityPattern& pattern_;
  Coloring result_;
  ColorSets near_;            // Of v: the colours of its neighbours.
  ColorSets beyond_;          // Of a coloured leaf v: the colours of its hubs.
  PairTable<Leaves> leaves_;  // Of (v, colour): the neighbours of v with that colour.
  ForbiddenColors forbidden_;
};

}  // namespace

std::vector<std::int32_t> OrderColumns(const SparsityPattern& pattern, ColoringOrder order) {
  if (order == ColoringOrder::kSmallestLast) return SmallestLast(pattern);
  if (order == ColoringOrder::kIncidenceDegree) return IncidenceDegree(pattern);
  std::vector<std::int32_t> columns(static_cast<std::size_t>(pattern.columns()));
  std::iota(columns.begin(), columns.end(), 0);
  if (order == ColoringOrder::kLargestFirst) {
    const std::vector<std::int64_t> degrees = Degrees(pattern, pattern.columns());
    std::ranges::stable_sort(columns, std::ranges::greater(),
                             [&](std::int32_t j) { return degrees[j]; });
  }
  return columns;
}

Coloring ColorColumns(const SparsityPattern& pattern, ColoringOrder order) {
  const std::vector<std::uint8_t> all(static_cast<std::size_t>(pattern.num_entries()), 1);
  return ColorColumnsFor(pattern, all, order);
}

Coloring ColorColumns(const SparsityPattern& pattern) {
  return BestColoring(pattern.MaxRowSize(),
                      [&](ColoringOrder order) { return ColorColumns(pattern, order); });
}

Coloring ColorColumnsFor(const SparsityPattern& pattern, std::span<const std::uint8_t> designated,
                         ColoringOrder order) {
  RequireSize("designated", std::ssize(designated), pattern.num_entries());
  const SparsityPattern transposed = pattern.Transposed();
  // The flags column by column, as `transposed` numbers the entries.
  std::vector<std::uint8_t> is_designated(designated.size());
  std::vector<std::int64_t> next(static_cast<std::size_t>(pattern.columns()));
  for (std::int32_t j = 0; j < pattern.columns(); ++j) next[j] = transposed.RowStart(j);
  std::size_t entry = 0;
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) is_designated[next[j]++] = designated[entry++];
  }

  Coloring result;
  result.order = order;
  result.colors.assign(static_cast<std::size_t>(pattern.columns()), Coloring::kNone);
  ColorSets present(pattern.rows());  // Colours of all coloured columns in the row.
  ColorSets guarded(pattern.rows());  // Colours of those whose entry in the row is designated.
  ForbiddenColors forbidden;
  for (const std::int32_t j : OrderColumns(pattern, order)) {
    const std::span<const std::int32_t> rows = transposed.Row(j);
    const auto flags = std::span(is_designated)
                           .subspan(static_cast<std::size_t>(transposed.RowStart(j)), rows.size());
    if (std::ranges::count(flags, 0) == std::ssize(flags)) continue;
    forbidden.Clear();
    for (std::size_t k = 0; k < rows.size(); ++k) {
      forbidden.Include(flags[k] != 0 ? present : guarded, rows[k]);
    }
    const std::int32_t color = forbidden.FirstAllowed();
    for (std::size_t k = 0; k < rows.size(); ++k) {
      present.Add(rows[k], color);
      if (flags[k] != 0) guarded.Add(rows[k], color);
    }
    result.colors[j] = color;
    result.num_colors = std::max(result.num_colors, color + 1);
  }
  return result;
}

Coloring ColorStar(const SparsityPattern& pattern, ColoringOrder order) {
  if (pattern != pattern.Transposed()) {
    throw InvalidArgument("NOT_SYMMETRIC", "pattern",
                          "expected the symmetric pattern of a Hessian, got one that differs from "
                          "its transpose");
  }
  StarPainter painter(pattern);
  for (const std::int32_t v : OrderColumns(pattern, order)) painter.Paint(v);
  Coloring result = painter.TakeResult();
  result.order = order;
  return result;
}

Coloring ColorStar(const SparsityPattern& pattern) {
  return BestColoring(StarLowerBound(pattern),
                      [&](ColoringOrder order) { return ColorStar(pattern, order); });
}

std::int32_t StarLowerBound(const SparsityPattern& pattern) {
  const std::int64_t n = pattern.columns();
  std::int64_t edges = 0;  // Each counted from its smaller end.
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    for (const std::int32_t j : pattern.Row(i)) edges += i < j ? 1 : 0;
  }
  std::int64_t k = n > 0 ? 1 : 0;
  while (k < n && (k - 1) * n - k * (k - 1) / 2 < edges) ++k;
  return static_cast<std::int32_t>(k);
}

}  // namespace sobolev::ad
