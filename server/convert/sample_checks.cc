#include "server/convert/sample_checks.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/wire_arrays.h"

namespace sobolev::server {
namespace {

constexpr const char* kAllowMissingDerivatives =
    "drop the row, mend the value or, if NaN means that it is missing, create the dataset with "
    "allow_missing_derivatives in its schema";

bool IsKnown(double number) { return !std::isnan(number); }

// Throws if `block` has `given` and not `needed`.
void RequireCompanion(const v1::SampleBlock& block, SampleArray given, SampleArray needed,
                      const std::string& why) {
  const auto& arrays = WireArrays();
  if (!arrays[static_cast<std::size_t>(given)].IsIn(block) ||
      arrays[static_cast<std::size_t>(needed)].IsIn(block)) {
    return;
  }
  throw InvalidArgument("MISSING_FIELD", FieldName(needed),
                        "expected it to be set together with " + std::string(FieldName(given)) +
                            ", " + why + "; send both or neither");
}

void RequirePositive(const TensorView& weight) {
  for (std::int64_t row = 0; row < weight.size(); ++row) {
    if (weight.data()[row] > 0) continue;
    throw InvalidArgument("OUT_OF_RANGE", weight.Path(row),
                          "expected a weight > 0, got " + Text(weight.data()[row]));
  }
}

void RequireVariance(const TensorView& variance, const TensorView& label) {
  for (std::int64_t i = 0; i < variance.size(); ++i) {
    const double value = variance.data()[i];
    if (value > 0 && std::isfinite(value)) continue;
    if (!IsKnown(value) && !IsKnown(label.data()[i])) continue;
    throw InvalidArgument("OUT_OF_RANGE", variance.Path(i),
                          "expected a finite variance > 0, or NaN where " + label.Path(i) +
                              " is NaN, got " + Text(value) +
                              "; leave the field unset if variances are unknown");
  }
}

// Labels of one kind: one or more of `width` numbers for each row.
struct Labels {
  const TensorView* tensor;
  std::int64_t width;
  std::int64_t missing;

  // Of which at least one number is known.
  std::int64_t CountKnown() const {
    const std::int64_t count = tensor->size() / width;
    if (missing == 0) return count;
    std::int64_t known = 0;
    for (std::int64_t k = 0; k < count; ++k) known += AnyKnown(k * width, width) ? 1 : 0;
    return known;
  }

  bool AnyKnown(std::int64_t first, std::int64_t size) const {
    const double* numbers = tensor->data() + first;
    return std::any_of(numbers, numbers + size, IsKnown);
  }
};

// One row at least must say something.
void RequireLabels(const std::vector<Labels>& kinds, std::int64_t rows) {
  // Where nothing is missing, every row has its label.
  if (std::ranges::any_of(kinds, [](const Labels& kind) { return kind.missing == 0; })) return;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (std::ranges::any_of(kinds, [&](const Labels& kind) {
          const std::int64_t size = kind.tensor->size() / rows;
          return kind.AnyKnown(row * size, size);
        })) {
      continue;
    }
    throw InvalidArgument("NO_LABEL", "block.x[" + std::to_string(row) + "]",
                          "expected at least one value or derivative that is known in row " +
                              std::to_string(row) + ", got none; drop the row");
  }
}

}  // namespace

void RequireWholeKinds(const v1::SampleBlock& block, const v1::Schema& schema) {
  using Array = SampleArray;
  const std::string no_result = "which says nothing without a result";
  const std::string no_direction = "which says nothing without its directions";
  const std::string no_label = "which is of its entries";
  RequireCompanion(block, Array::kTangents, Array::kJvp, no_result);
  RequireCompanion(block, Array::kJvp, Array::kTangents, no_direction);
  RequireCompanion(block, Array::kAdjoints, Array::kVjp, no_result);
  RequireCompanion(block, Array::kVjp, Array::kAdjoints, no_direction);
  RequireCompanion(block, Array::kHvpAdjoints, Array::kHvp, no_result);
  RequireCompanion(block, Array::kHvpTangents, Array::kHvp, no_result);
  RequireCompanion(block, Array::kHvp, Array::kHvpTangents, no_direction);
  if (schema.outputs_size() > 1) {
    RequireCompanion(block, Array::kHvp, Array::kHvpAdjoints,
                     "which weighs the Hessians of " + std::to_string(schema.outputs_size()) +
                         " outputs (with one output it may be left out)");
  }
  RequireCompanion(block, Array::kYVariance, Array::kY, no_label);
  RequireCompanion(block, Array::kJacobianVariance, Array::kJacobian, no_label);
  if (block.has_y()) return;
  for (const v1::Variable& output : schema.outputs()) {
    if (output.allow_missing()) continue;
    throw InvalidArgument("MISSING_FIELD", "block.y",
                          "expected values, because output \"" + output.name() +
                              "\" may not be missing, got none; send y or create the dataset with "
                              "allow_missing on every output");
  }
}

LabelCounts CheckNumbers(const BlockViews& block, const v1::Schema& schema) {
  using Array = SampleArray;
  for (const Array array : {Array::kX, Array::kWeight, Array::kTangents, Array::kAdjoints,
                            Array::kHvpAdjoints, Array::kHvpTangents}) {
    if (block[array] != nullptr) block[array]->RequireFinite();
  }
  const std::int64_t rows = block[Array::kX]->shape()[0];
  const std::int64_t n = schema.inputs_size();
  const std::int64_t m = schema.outputs_size();
  LabelCounts counts;
  std::vector<Labels> kinds;
  if (const TensorView* y = block[Array::kY]; y != nullptr) {
    std::vector<bool> may_miss;
    may_miss.reserve(static_cast<std::size_t>(m));
    for (const v1::Variable& output : schema.outputs()) may_miss.push_back(output.allow_missing());
    counts.missing_values = y->RequireFiniteOrMissing(
        may_miss,
        "drop the row, mend the value or, if NaN means that it is missing, create the dataset with "
        "allow_missing on this output");
    kinds.push_back({.tensor = y, .width = m, .missing = counts.missing_values});
  } else {
    counts.missing_values = rows * m;
  }
  // How many derivatives of a kind are known.
  const auto check_derivatives = [&](Array array, std::int64_t columns, std::int64_t width) {
    const TensorView* tensor = block[array];
    if (tensor == nullptr) return std::int64_t{0};
    const std::vector<bool> may_miss(static_cast<std::size_t>(columns),
                                     schema.allow_missing_derivatives());
    const std::int64_t missing = tensor->RequireFiniteOrMissing(may_miss, kAllowMissingDerivatives);
    counts.missing_derivatives += missing;
    kinds.push_back({.tensor = tensor, .width = width, .missing = missing});
    return kinds.back().CountKnown();
  };
  counts.jacobians = check_derivatives(Array::kJacobian, n, m * n);
  counts.tangents = check_derivatives(Array::kJvp, m, m);
  counts.adjoints = check_derivatives(Array::kVjp, n, n);
  counts.hvps = check_derivatives(Array::kHvp, n, n);
  RequireLabels(kinds, rows);

  if (const TensorView* weight = block[Array::kWeight]; weight != nullptr) {
    RequirePositive(*weight);
    counts.weights = rows;
  }
  if (const TensorView* variance = block[Array::kYVariance]; variance != nullptr) {
    RequireVariance(*variance, *block[Array::kY]);
    counts.y_variances = rows;
  }
  if (const TensorView* variance = block[Array::kJacobianVariance]; variance != nullptr) {
    RequireVariance(*variance, *block[Array::kJacobian]);
    counts.jacobian_variances = rows;
  }
  return counts;
}

// The row is looked up only when there is one to blame.
void RequireBounds(const google::protobuf::RepeatedPtrField<v1::Variable>& variables,
                   const std::vector<ValueRange>& ranges, const TensorView& tensor) {
  for (int j = 0; j < variables.size(); ++j) {
    const v1::Variable& variable = variables[j];
    const ValueRange& range = ranges[static_cast<std::size_t>(j)];
    const bool below = variable.has_lower() && range.min < variable.lower();
    const bool above = variable.has_upper() && range.max > variable.upper();
    if (!below && !above) continue;
    const double value = below ? range.min : range.max;
    std::int64_t row = 0;
    while (tensor.data()[row * variables.size() + j] != value) ++row;
    throw InvalidArgument(
        "OUT_OF_BOUNDS",
        tensor.field() + "[" + std::to_string(row) + "][" + std::to_string(j) + "]",
        "expected " + variable.name() + (below ? " >= " : " <= ") +
            Text(below ? variable.lower() : variable.upper()) + ", got " + Text(value) + " (row " +
            std::to_string(row) + ", column " + std::to_string(j) +
            "); the dataset's schema sets this bound");
  }
}

}  // namespace sobolev::server
