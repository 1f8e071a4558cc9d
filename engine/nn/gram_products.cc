#include "engine/nn/gram_products.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"
#include "engine/nn/gram_points.h"

namespace sobolev::nn {

namespace {

// An array that is the same for all terms of a sum.
GramArrays Fixed(Index first) { return {.first = first, .stride = 0}; }

// Arrays of a row from number `i` on.
GramArrays From(const GramArrays& arrays, Index i) {
  return {.first = arrays[i], .stride = arrays.stride};
}

class ProductMaker {
 public:
  ProductMaker(const GramNetwork& network, const GramLayout& layout, std::vector<GramBlock>& blocks)
      : network_(network), layout_(layout), blocks_(blocks) {}

  std::vector<GramProduct> Make() {
    for (Index l = 1; l <= network_.depth; ++l) {
      for (Index k = l; k <= network_.depth; ++k) {
        if (k < network_.depth) {
          HiddenInputs(l, k);
          HiddenCross(l, k);
        } else if (HasUnitSeeds(layout_.kind)) {
          l < k ? UnitOutput(l) : UnitSquares();
        } else {
          l < k ? SeededOutput(l) : SeededSquares();
        }
      }
    }
    return std::move(products_);
  }

 private:
  Index Rows(Index l) const { return network_.Layer(l).rows; }
  Index Inputs(Index l) const { return network_.Layer(l).cols + 1; }
  Index Directions() const { return layout_.directions; }
  bool HasDirections() const { return layout_.directions > 0; }
  // √c of output 0 and √w of input 0; the next are a row further.
  GramArrays SeedRoots() const { return {layout_.data.seed_root * layout_.lanes, layout_.lanes}; }
  GramArrays InputRoots() const { return {layout_.data.input_root * layout_.lanes, layout_.lanes}; }
  GramArrays ValueRoots() const {
    return {layout_.data.root_weight * layout_.lanes, layout_.lanes};
  }
  bool UnitInputs(Index l) const { return l == 1 && HasUnitDirections(layout_.kind); }

  static GramFactor Sum(Index left_rows, Index right_rows, std::vector<GramFactor::Sum> sums,
                        bool symmetric = false) {
    return {.form = GramFactor::Form::kSum,
            .symmetric = symmetric,
            .left_rows = left_rows,
            .right_rows = right_rows,
            .used_rows = left_rows,
            .sums = std::move(sums)};
  }
  static GramFactor ByRow(Index left_rows, Index used_rows, Index right_rows,
                          const GramArrays& left, const GramArrays& right) {
    return {.form = GramFactor::Form::kByRow,
            .symmetric = false,
            .left_rows = left_rows,
            .right_rows = right_rows,
            .used_rows = used_rows,
            .sums = {{left, right, 1}}};
  }

  // a_c a′_c′
  GramFactor AA(Index l, Index k) const {
    return Sum(Inputs(l), Inputs(k), {{Fixed(layout_.A(l - 1)), Fixed(layout_.A(k - 1)), 1}},
               l == k);
  }

  GramArrays ADots(Index l) const {
    return l == 1 ? Fixed(layout_.ADot(0, 0)) : layout_.Layer(l - 1).a_dot;
  }

  // Σ_j ȧ_c q_j for arrays q_j of `rows` rows.
  GramFactor ADotTimes(Index l, Index rows, const GramArrays& q) const {
    if (UnitInputs(l)) return ByRow(Inputs(l), network_.n, rows, InputRoots(), q);
    return Sum(Inputs(l), rows, {{ADots(l), q, Directions()}});
  }

  // Σ_j ȧ_c ȧ′_c′
  GramFactor ADotADot(Index l, Index k) const {
    if (UnitInputs(l) && l == k) {
      return {.form = GramFactor::Form::kSquares,
              .symmetric = true,
              .left_rows = Inputs(l),
              .right_rows = Inputs(l),
              .used_rows = network_.n,
              .sums = {{InputRoots(), InputRoots(), 1}}};
    }
    GramFactor factor = ADotTimes(l, Inputs(k), ADots(k));
    factor.symmetric = l == k;
    return factor;
  }

  // ḋ_l of seed i and all directions.
  GramArrays DDots(Index l, Index i) const {
    return From(layout_.Layer(l).d_dot, i * Directions());
  }

  GramProduct& Add(GramBlock::Form form, Index l, Index k, Index output,
                   std::vector<GramProduct::Part> parts) {
    const GramBlock block{.form = form,
                          .l = l,
                          .k = k,
                          .output = output,
                          .rows = parts.front().left.NumRows(),
                          .cols = parts.front().right.NumRows()};
    const auto found =
        std::ranges::find_if(blocks_, [&](const GramBlock& other) { return other.Holds(block); });
    const Index number = found - blocks_.begin();
    if (found == blocks_.end()) blocks_.push_back(block);
    products_.push_back({.block = number, .parts = std::move(parts)});
    return products_.back();
  }

  void HiddenInputs(Index l, Index k) {
    const GramLayout::Arrays& left = layout_.Layer(k);
    const GramLayout::Arrays& right = layout_.Layer(l);
    std::vector<GramFactor::Sum> sums;
    if (HasValues(layout_.kind)) sums.push_back({left.dv, right.dv, layout_.seeds});
    if (HasDirections()) {
      sums.push_back({left.d_dot, right.d_dot, layout_.seeds * Directions()});
    }
    std::vector<GramProduct::Part> parts;
    parts.push_back({AA(l, k), Sum(Rows(k), Rows(l), std::move(sums), l == k)});
    if (HasDirections()) {
      parts.push_back(
          {ADotADot(l, k), Sum(Rows(k), Rows(l), {{left.dw, right.dw, layout_.seeds}}, l == k)});
    }
    Add(GramBlock::Form::kInputs, l, k, 0, std::move(parts));
  }

  void HiddenCross(Index l, Index k) {
    if (!HasDirections()) return;
    std::vector<GramProduct::Part> parts;
    for (Index i = 0; i < layout_.seeds; ++i) {
      parts.push_back(
          {Sum(Inputs(l), Rows(k), {{Fixed(layout_.A(l - 1)), Fixed(layout_.Layer(k).dw[i]), 1}}),
           ADotTimes(k, Rows(l), DDots(l, i))});
      if (l == k) continue;
      parts.push_back(
          {ADotTimes(l, Rows(k), DDots(k, i)),
           Sum(Inputs(k), Rows(l), {{Fixed(layout_.A(k - 1)), Fixed(layout_.Layer(l).dw[i]), 1}})});
    }
    Add(GramBlock::Form::kCross, l, k, 0, std::move(parts));
  }

  // The last layer's adjoint of output i is the i-th unit vector, and ḋ is 0.
  void UnitOutput(Index l) {
    const Index k = network_.depth;
    const Index m = network_.m;
    std::vector<GramProduct::Part> parts;
    if (HasValues(layout_.kind)) {
      parts.push_back({AA(l, k), ByRow(m, m, Rows(l), ValueRoots(), layout_.Layer(l).dv)});
    }
    if (HasDirections()) {
      parts.push_back({ADotADot(l, k), ByRow(m, m, Rows(l), SeedRoots(), layout_.Layer(l).dw)});
    }
    Add(GramBlock::Form::kInputs, l, k, 0, std::move(parts));
    if (!HasDirections()) return;
    for (Index i = 0; i < m; ++i) {
      Add(GramBlock::Form::kOutputCross, l, k, i,
          {{Sum(1, Inputs(l), {{Fixed(SeedRoots()[i]), Fixed(layout_.A(l - 1)), 1}}),
            ADotTimes(k, Rows(l), DDots(l, i))}});
    }
  }

  void UnitSquares() {
    const Index k = network_.depth;
    const Index m = network_.m;
    std::vector<GramProduct::Part> parts;
    if (HasValues(layout_.kind)) {
      parts.push_back({AA(k, k), ByRow(m, m, 1, ValueRoots(), ValueRoots())});
    }
    if (HasDirections()) {
      parts.push_back({ADotADot(k, k), ByRow(m, m, 1, SeedRoots(), SeedRoots())});
    }
    Add(GramBlock::Form::kOutputSquares, k, k, 0, std::move(parts));
  }

  void SeededOutput(Index l) {
    const Index k = network_.depth;
    const GramArrays seed = Fixed(layout_.data.seed * layout_.lanes);
    Add(GramBlock::Form::kInputs, l, k, 0,
        {{ADotADot(l, k), Sum(network_.m, Rows(l), {{seed, Fixed(layout_.Layer(l).dw[0]), 1}})}});
    Add(GramBlock::Form::kCross, l, k, 0,
        {{Sum(Inputs(l), network_.m, {{Fixed(layout_.A(l - 1)), seed, 1}}),
          ADotTimes(k, Rows(l), DDots(l, 0))}});
  }

  void SeededSquares() {
    const Index k = network_.depth;
    const GramArrays seed = Fixed(layout_.data.seed * layout_.lanes);
    Add(GramBlock::Form::kInputs, k, k, 0,
        {{ADotADot(k, k), Sum(network_.m, network_.m, {{seed, seed, 1}}, true)}});
  }

  const GramNetwork& network_;
  const GramLayout& layout_;
  std::vector<GramBlock>& blocks_;
  std::vector<GramProduct> products_;
};

}  // namespace

std::vector<GramProduct> MakeGramProducts(const GramNetwork& network, const GramLayout& layout,
                                          std::vector<GramBlock>& blocks) {
  return ProductMaker(network, layout, blocks).Make();
}

Index FillFactor(const GramKernels& kernels, const GramFactor& factor, const double* chunk, Index p,
                 Index capacity, double* out, Index& count) {
  const Index lanes = kernels.lanes;
  PairSum sums[GramFactor::kMaxSums];
  const auto num_sums = static_cast<Index>(factor.sums.size());
  count = 0;
  for (; p < factor.left_rows; ++p) {
    const Index first = factor.symmetric ? p : 0;
    const Index num_rows = factor.right_rows - first;
    if (count > 0 && count + num_rows > capacity) break;
    double* const to = out + count * lanes;
    count += num_rows;
    if (p >= factor.used_rows || factor.form == GramFactor::Form::kSquares) {
      std::fill_n(to, num_rows * lanes, 0.0);
      if (p < factor.used_rows) {
        const double* const left = chunk + factor.sums[0].left[p];
        kernels.multiply(left, left, lanes, to);
      }
      continue;
    }
    if (factor.form == GramFactor::Form::kByRow) {
      sums[0] = {chunk + factor.sums[0].left[p], 0, chunk + factor.sums[0].right[p], 0, 1};
    } else {
      for (Index s = 0; s < num_sums; ++s) {
        const GramFactor::Sum& sum = factor.sums[static_cast<std::size_t>(s)];
        sums[s] = {chunk + sum.left.first + p * lanes, sum.left.stride, chunk + sum.right.first,
                   sum.right.stride, sum.count};
      }
    }
    kernels.pairs(sums, num_sums, first, factor.right_rows, to);
  }
  return p;
}

}  // namespace sobolev::nn
