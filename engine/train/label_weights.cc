#include "engine/train/label_weights.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/samples.h"

namespace sobolev::train {

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct Mean {
  void Add(double number) {
    sum += number;
    ++count;
  }

  double sum = 0;
  Index count = 0;
};

}  // namespace

LabelWeights::LabelWeights(const SampleSet& samples, const Split& split, const nn::Scaling& scaling,
                           const std::stop_token& stop)
    : scaling_(scaling) {
  const auto outputs = static_cast<std::size_t>(samples.m);
  values_.resize(outputs);
  entries_.resize(outputs);
  // Calls for the known labels of every training sample.
  const auto visit = [&](const auto& visit_value, const auto& visit_entry) {
    ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
      if (split.held_out[static_cast<std::size_t>(number)]) return;
      for (Index i = 0; i < samples.m; ++i) {
        if (sample.y != nullptr && !std::isnan(sample.y[i])) visit_value(sample, i);
        for (Index j = 0; j < samples.n && sample.jacobian != nullptr; ++j) {
          if (!std::isnan(sample.jacobian[i * samples.n + j])) visit_entry(sample, i, j);
        }
      }
    });
  };
  visit([&](const Sample& sample,
            Index i) { values_[static_cast<std::size_t>(i)].scale.Add(ValueVariance(sample, i)); },
        [&](const Sample& sample, Index i, Index j) {
          entries_[static_cast<std::size_t>(i)].scale.Add(EntryVariance(sample, i, j));
        });
  std::vector<Mean> value_means(outputs);
  std::vector<Mean> entry_means(outputs);
  visit([&](const Sample& sample,
            Index i) { value_means[static_cast<std::size_t>(i)].Add(OfValue(sample, i)); },
        [&](const Sample& sample, Index i, Index j) {
          entry_means[static_cast<std::size_t>(i)].Add(OfEntry(sample, i, j));
        });
  for (std::size_t i = 0; i < outputs; ++i) {
    const auto factor = [](const Mean& mean) {
      return mean.count == 0 ? 1 : static_cast<double>(mean.count) / mean.sum;
    };
    values_[i].factor = factor(value_means[i]);
    entries_[i].factor = factor(entry_means[i]);
  }
}

double LabelWeights::OfValue(const Sample& sample, Index i) const {
  if (values_.empty()) return 1;
  const Output& output = values_[static_cast<std::size_t>(i)];
  return output.factor * output.scale.Weight(ValueVariance(sample, i));
}

double LabelWeights::OfEntry(const Sample& sample, Index i, Index j) const {
  if (entries_.empty()) return 1;
  const Output& output = entries_[static_cast<std::size_t>(i)];
  return output.factor * output.scale.Weight(EntryVariance(sample, i, j));
}

double LabelWeights::ValueVariance(const Sample& sample, Index i) const {
  if (sample.y_variance == nullptr) return kUnknown;
  return sample.y_variance[i] / (scaling_.y_scale[i] * scaling_.y_scale[i]);
}

double LabelWeights::EntryVariance(const Sample& sample, Index i, Index j) const {
  if (sample.jacobian_variance == nullptr) return kUnknown;
  const double scale = scaling_.x_scale[j] / scaling_.y_scale[i];
  return sample.jacobian_variance[i * scaling_.x_scale.size() + j] * scale * scale;
}

}  // namespace sobolev::train
