#include "engine/train/standard_rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/row_layout.h"
#include "engine/train/options.h"
#include "engine/train/random_streams.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

namespace {

using ConstVectorMap = Eigen::Map<const Vector>;

template <class T>
constexpr T kMissing = std::numeric_limits<T>::quiet_NaN();

// row[k] = (numbers[k] − mean[k])/scale[k].
template <class T>
void WriteScaled(const double* numbers, const Vector& mean, const Vector& scale, T* row) {
  const double* const shift = mean.data();
  const double* const unit = scale.data();
  for (Index k = 0; k < mean.size(); ++k) {
    row[k] = static_cast<T>((numbers[k] - shift[k]) / unit[k]);
  }
}

template <class T>
void WriteProducts(const double* numbers, const double* factors, Index count, T* row) {
  for (Index k = 0; k < count; ++k) row[k] = static_cast<T>(numbers[k] * factors[k]);
}

template <class T, class Numbers>
void WriteVector(const Numbers& numbers, T* row) {
  Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>>(row, numbers.size()) = numbers.template cast<T>();
}

// A directional label without direction: its direction, its result and the weights of that.
template <class T>
void ClearSlot(Index direction_size, Index result_size, T* slot) {
  std::fill_n(slot, direction_size + 2 * result_size, T{0});
  std::fill_n(slot + direction_size, result_size, kMissing<T>);
}

// Scaled to a direction of length 1; one of length 0 says nothing. lambda_squared:
// result×direction.
template <class T, class Lambda>
void FillSlot(const Vector& direction, const Vector& result, const Lambda& lambda_squared,
              T* slot) {
  const double norm = direction.norm();
  if (norm == 0) return;
  const Vector unit = direction / norm;
  WriteVector(unit, slot);
  WriteVector(result / norm, slot + unit.size());
  WriteVector(lambda_squared * unit.cwiseAbs2(), slot + unit.size() + result.size());
}

// `count` of the numbers 0 … bound − 1, every set of them equally likely (Floyd).
std::vector<Index> DrawSet(Index bound, Index count, Rng& rng) {
  std::vector<Index> drawn;
  drawn.reserve(static_cast<std::size_t>(count));
  for (Index last = bound - count; last < bound; ++last) {
    const auto number = static_cast<Index>(rng.Below(static_cast<std::uint64_t>(last + 1)));
    const bool taken = std::ranges::find(drawn, number) != drawn.end();
    drawn.push_back(taken ? last : number);
  }
  return drawn;
}

}  // namespace

nn::RowLayout LayoutOf(const nn::RowLayout& labels, const Options& resolved) {
  nn::RowLayout layout = labels;
  if (*resolved.derivative_sketch > 0) {
    layout.jacobian = false;
    layout.num_adjoints += *resolved.derivative_sketch;
  }
  return layout;
}

template <class T>
StandardRows<T>::StandardRows(const SampleSet& samples, const Split& split,
                              const Standardisation& standardisation, const Options& resolved,
                              const std::stop_token& stop)
    : layout_(LayoutOf(LayoutOfLabels(samples), resolved)),
      sketch_(*resolved.derivative_sketch),
      seed_(resolved.seed),
      blocks_(samples.blocks),
      split_(split),
      standardisation_(standardisation),
      lambda_squared_(
          ConstMatrixMap(standardisation.lambda.data(), samples.n, samples.m).cwiseAbs2()) {
  first_.reserve(blocks_.size() + 1);
  first_.push_back(0);
  for (const SampleBlock& block : blocks_) first_.push_back(first_.back() + block.rows);
  const nn::Scaling& scaling = standardisation_.scaling;
  if (layout_.entry_weights) label_weights_ = LabelWeights(samples, split, scaling, stop);
  jacobian_scale_.resize(samples.n, samples.m);
  for (Index i = 0; i < samples.m; ++i) {
    jacobian_scale_.col(i) = scaling.x_scale / scaling.y_scale[i];
  }
}

template <class T>
void StandardRows<T>::Write(Index number, std::uint64_t draw, T* row) const {
  const auto after = std::upper_bound(first_.begin(), first_.end(), number);
  const auto block = static_cast<std::size_t>(after - first_.begin() - 1);
  const Sample sample = SampleAt(blocks_[block], number - first_[block], layout_.n, layout_.m);
  const nn::Scaling& scaling = standardisation_.scaling;
  WriteScaled(sample.x, scaling.x_mean, scaling.x_scale, row);
  if (sample.y == nullptr) {
    std::fill_n(row + layout_.Y(), layout_.m, kMissing<T>);
  } else {
    WriteScaled(sample.y, scaling.y_mean, scaling.y_scale, row + layout_.Y());
  }
  if (layout_.jacobian) WriteJacobian(sample, row);
  if (layout_.entry_weights) WriteEntryWeights(sample, row);
  WriteTangents(sample, row);
  WriteAdjoints(sample, row);
  if (sketch_ > 0) WriteSketch(sample, number, draw, row);
  const bool held_out = split_.held_out[static_cast<std::size_t>(number)];
  const WeightFactors& factors = held_out ? standardisation_.validation : standardisation_.training;
  row[layout_.ValueWeight()] = static_cast<T>(factors.value * sample.weight);
  row[layout_.GradientWeight()] =
      static_cast<T>(HasDerivatives(sample) ? factors.gradient * sample.weight : 0);
  RequireFinite(number, row);
}

template <class T>
void StandardRows<T>::WriteJacobian(const Sample& sample, T* row) const {
  if (sample.jacobian == nullptr) {
    std::fill_n(row + layout_.Jacobian(), layout_.NumEntries(), kMissing<T>);
    return;
  }
  WriteProducts(sample.jacobian, jacobian_scale_.data(), layout_.NumEntries(),
                row + layout_.Jacobian());
}

template <class T>
void StandardRows<T>::WriteEntryWeights(const Sample& sample, T* row) const {
  for (Index i = 0; i < layout_.m; ++i) {
    row[layout_.YWeights() + i] = static_cast<T>(label_weights_.OfValue(sample, i));
    T* const weights = row + layout_.JacobianWeights() + i * layout_.n;
    for (Index j = 0; j < layout_.n && layout_.jacobian; ++j) {
      weights[j] = static_cast<T>(lambda_squared_(j, i) * label_weights_.OfEntry(sample, i, j));
    }
  }
}

template <class T>
void StandardRows<T>::WriteTangents(const Sample& sample, T* row) const {
  const Index n = layout_.n;
  const Index m = layout_.m;
  const nn::Scaling& scaling = standardisation_.scaling;
  for (Index k = 0; k < layout_.num_tangents; ++k) {
    T* const slot = row + layout_.Tangent(k);
    ClearSlot(n, m, slot);
    if (k >= sample.num_tangents) continue;
    FillSlot(ConstVectorMap(sample.tangents + k * n, n).cwiseQuotient(scaling.x_scale),
             ConstVectorMap(sample.jvp + k * m, m).cwiseQuotient(scaling.y_scale),
             lambda_squared_.transpose(), slot);
  }
}

template <class T>
void StandardRows<T>::WriteAdjoints(const Sample& sample, T* row) const {
  const Index n = layout_.n;
  const Index m = layout_.m;
  const nn::Scaling& scaling = standardisation_.scaling;
  for (Index k = 0; k < layout_.num_adjoints; ++k) {
    T* const slot = row + layout_.Adjoint(k);
    ClearSlot(m, n, slot);
    if (k >= sample.num_adjoints) continue;
    FillSlot(ConstVectorMap(sample.adjoints + k * m, m).cwiseProduct(scaling.y_scale),
             ConstVectorMap(sample.vjp + k * n, n).cwiseProduct(scaling.x_scale), lambda_squared_,
             slot);
  }
}

// In the last adjoint labels of the row, which WriteAdjoints has left empty.
template <class T>
void StandardRows<T>::WriteSketch(const Sample& sample, Index number, std::uint64_t draw,
                                  T* row) const {
  if (sample.jacobian == nullptr) return;
  const Index n = layout_.n;
  const Index m = layout_.m;
  Rng rng(Rng(seed_, kSketchStream + draw).Next(), static_cast<std::uint64_t>(number));
  const std::vector<Index> outputs = DrawSet(m, sketch_, rng);
  const double weight = static_cast<double>(m) / static_cast<double>(sketch_);
  for (Index k = 0; k < sketch_; ++k) {
    const Index i = outputs[static_cast<std::size_t>(k)];
    T* const label = row + layout_.Adjoint(layout_.num_adjoints - sketch_ + k);
    label[i] = T{1};
    WriteProducts(sample.jacobian + i * n, jacobian_scale_.col(i).data(), n, label + m);
    for (Index j = 0; j < n; ++j) {
      label[m + n + j] =
          static_cast<T>(weight * lambda_squared_(j, i) * label_weights_.OfEntry(sample, i, j));
    }
  }
}

template <class T>
void StandardRows<T>::RequireFinite(Index number, const T* row) const {
  // Labels may be NaN; the inputs may not.
  constexpr T kLargest = std::numeric_limits<T>::max();
  std::int32_t bad = 0;
  for (Index k = 0; k < layout_.Size(); ++k) bad |= std::abs(row[k]) > kLargest ? 1 : 0;
  for (Index k = 0; k < layout_.n; ++k) bad |= std::abs(row[k]) <= kLargest ? 0 : 1;
  if (bad == 0) return;
  throw FailedPrecondition(
      "NOT_REPRESENTABLE", "dataset",
      "expected samples that are finite once they are scaled by the spread of their columns, but "
      "sample " +
          std::to_string(number) + " is not; remove outliers or train with precision float64");
}

template class StandardRows<float>;
template class StandardRows<double>;

}  // namespace sobolev::train
