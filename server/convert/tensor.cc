#include "server/convert/tensor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor bytes are used as they come");

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += shape[i] >= 0 ? std::to_string(shape[i]) : i == 0 ? "N" : "k";
  }
  return text + "]";
}

std::size_t ElementSize(v1::Tensor::DataType data_type) {
  return data_type == v1::Tensor::DATA_TYPE_FLOAT32 ? sizeof(float) : sizeof(double);
}

void RequireShape(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& expected,
                  const std::string& field, const std::string& explanation) {
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0) continue;
    throw InvalidArgument("SHAPE_MISMATCH", field + ".shape[" + std::to_string(i) + "]",
                          "expected 0 or more, got " + std::to_string(shape[i]));
  }
  const auto matches = [](std::int64_t extent, std::int64_t wanted) {
    return wanted < 0 || extent == wanted;
  };
  if (std::equal(shape.begin(), shape.end(), expected.begin(), expected.end(), matches)) return;
  throw InvalidArgument(
      "SHAPE_MISMATCH", field,
      "expected shape " + ShapeText(expected) + " (" + explanation + "), got " + ShapeText(shape));
}

}  // namespace

// All finite exactly when Σ 0·v is 0: NaN and infinities turn it into NaN. Vectorises, unlike a
// loop with an early exit.
bool AllFinite(const double* values, std::int64_t size) {
  double sums[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= size; i += 8) {
    for (int k = 0; k < 8; ++k) sums[k] += 0.0 * values[i + k];
  }
  for (; i < size; ++i) sums[0] += 0.0 * values[i];
  for (int k = 1; k < 8; ++k) sums[0] += sums[k];
  return sums[0] == 0.0;
}

std::string Text(double value) {
  std::array<char, 32> text{};
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

void RequireDataType(int data_type, const std::string& field) {
  if (v1::Tensor::DataType_IsValid(data_type)) return;
  throw InvalidArgument(
      "UNKNOWN_ENUM_VALUE", field,
      "expected DATA_TYPE_FLOAT64 or DATA_TYPE_FLOAT32, got " + std::to_string(data_type));
}

TensorView::TensorView(const v1::Tensor& tensor, std::string field,
                       const std::vector<std::int64_t>& expected, const std::string& explanation)
    : field_(std::move(field)),
      shape_(tensor.shape().begin(), tensor.shape().end()),
      bytes_(std::as_bytes(std::span(tensor.data()))) {
  RequireDataType(tensor.data_type(), field_ + ".data_type");
  RequireShape(shape_, expected, field_, explanation);
  const auto element_size = static_cast<std::int64_t>(ElementSize(tensor.data_type()));
  std::int64_t expected_bytes = element_size;
  bool overflow = false;
  for (const std::int64_t extent : shape_) {
    overflow |= __builtin_mul_overflow(expected_bytes, extent, &expected_bytes);
  }
  if (overflow) {
    throw InvalidArgument("SHAPE_MISMATCH", field_ + ".shape",
                          "the number of bytes of " + ShapeText(shape_) +
                              " does not fit into 63 bits; send fewer rows");
  }
  if (expected_bytes != static_cast<std::int64_t>(bytes_.size())) {
    throw InvalidArgument("SHAPE_MISMATCH", field_ + ".data",
                          "expected " + std::to_string(expected_bytes) + " bytes for shape " +
                              ShapeText(shape_) + " of " + std::to_string(element_size) +
                              "-byte elements, got " + std::to_string(bytes_.size()));
  }
  size_ = expected_bytes / element_size;
  if (tensor.data_type() == v1::Tensor::DATA_TYPE_FLOAT32) {
    converted_.resize(static_cast<std::size_t>(size_));
    const auto* floats = reinterpret_cast<const float*>(bytes_.data());
    std::copy(floats, floats + size_, converted_.begin());
  }
}

std::vector<std::int64_t> TensorView::Indices(std::int64_t element) const {
  std::vector<std::int64_t> indices(shape_.size());
  for (std::size_t i = shape_.size(); i-- > 0;) {
    indices[i] = element % shape_[i];
    element /= shape_[i];
  }
  return indices;
}

std::string TensorView::Path(std::int64_t element) const {
  std::string path = field_;
  for (const std::int64_t index : Indices(element)) path += "[" + std::to_string(index) + "]";
  return path;
}

void TensorView::ThrowNonFinite(std::int64_t element, const std::string& advice) const {
  const double bad = data()[element];
  const char* kind = std::isnan(bad) ? "NaN" : bad > 0 ? "+Inf" : "-Inf";
  const std::vector<std::int64_t> indices = Indices(element);
  std::string place;
  if (!indices.empty()) place = "row " + std::to_string(indices[0]);
  if (indices.size() == 3) {
    const bool is_matrix = field_.find("jacobian") != std::string::npos;
    place += (is_matrix ? ", output " : ", direction ") + std::to_string(indices[1]);
  }
  if (indices.size() > 1) place += ", column " + std::to_string(indices.back());
  throw InvalidArgument(
      "NON_FINITE", Path(element),
      std::string("expected a finite number, got ") + kind + " (" + place + "); " + advice);
}

void TensorView::RequireFinite() const {
  const double* values = data();
  if (AllFinite(values, size_)) return;
  const double* bad =
      std::find_if(values, values + size_, [](double v) { return !std::isfinite(v); });
  ThrowNonFinite(bad - values, "drop the row or mend the value");
}

std::int64_t TensorView::RequireFiniteOrMissing(const std::vector<bool>& may_miss,
                                                const std::string& advice) const {
  const double* values = data();
  if (AllFinite(values, size_)) return 0;
  const std::size_t columns = may_miss.size();
  std::int64_t missing = 0;
  for (std::int64_t i = 0; i < size_; ++i) {
    if (std::isfinite(values[i])) continue;
    const bool is_nan = std::isnan(values[i]);
    if (!is_nan || !may_miss[static_cast<std::size_t>(i) % columns]) {
      ThrowNonFinite(i, is_nan ? advice : "drop the row or mend the value");
    }
    ++missing;
  }
  return missing;
}

std::vector<ValueRange> ColumnRanges(const TensorView& tensor, std::int64_t columns) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::int64_t rows = tensor.size() / columns;
  const double* values = tensor.data();
  const auto width = static_cast<std::size_t>(columns);
  std::vector<double> low(width, kInfinity);
  std::vector<double> high(width, -kInfinity);
  // Comparisons with NaN are false, which leaves it out.
  for (std::int64_t row = 0; row < rows; ++row) {
    const double* x = values + row * columns;
    for (std::size_t j = 0; j < width; ++j) low[j] = x[j] < low[j] ? x[j] : low[j];
    for (std::size_t j = 0; j < width; ++j) high[j] = x[j] > high[j] ? x[j] : high[j];
  }
  std::vector<ValueRange> ranges(width);
  for (std::size_t j = 0; j < width; ++j) ranges[j] = {low[j], high[j]};
  return ranges;
}

double* PrepareTensor(std::span<const std::int64_t> shape, v1::Tensor& tensor) {
  std::size_t size = sizeof(double);
  for (const std::int64_t extent : shape) size *= static_cast<std::size_t>(extent);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_data_type(v1::Tensor::DATA_TYPE_FLOAT64);
  tensor.mutable_data()->resize(size);
  return reinterpret_cast<double*>(tensor.mutable_data()->data());
}

void FinishTensor(v1::Tensor::DataType data_type, v1::Tensor& tensor) {
  if (data_type != v1::Tensor::DATA_TYPE_FLOAT32) return;
  std::string& data = *tensor.mutable_data();
  const std::size_t size = data.size() / sizeof(double);
  for (std::size_t i = 0; i < size; ++i) {
    double wide = 0;
    std::memcpy(&wide, data.data() + i * sizeof(double), sizeof(double));
    const auto narrow = static_cast<float>(wide);
    if (std::isinf(narrow) && std::isfinite(wide)) {
      throw InvalidArgument("FLOAT32_OVERFLOW", "data_type",
                            "expected DATA_TYPE_FLOAT64, because a number of the reply, " +
                                Text(wide) + ", is beyond the range of float32");
    }
    std::memcpy(data.data() + i * sizeof(float), &narrow, sizeof(float));
  }
  data.resize(size * sizeof(float));
  tensor.set_data_type(v1::Tensor::DATA_TYPE_FLOAT32);
}

void SetTensor(const std::vector<std::int64_t>& shape, const double* elements,
               v1::Tensor::DataType data_type, v1::Tensor& tensor) {
  double* to = PrepareTensor(shape, tensor);
  if (!tensor.data().empty()) std::memcpy(to, elements, tensor.data().size());
  FinishTensor(data_type, tensor);
}

}  // namespace sobolev::server
