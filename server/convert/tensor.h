// Tensors of the wire as arrays of double, and back.

#ifndef SOBOLEV_SERVER_CONVERT_TENSOR_H_
#define SOBOLEV_SERVER_CONVERT_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "proto/sobolev/v1/tensor.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The elements of a Tensor as doubles: a view of its bytes where they are float64, a converted copy
// where they are float32. The Tensor must outlive the view.
class TensorView {
 public:
  // Throws Error(kInvalidArgument) naming `field` unless data_type is known, the shape is
  // `expected`, where -1 stands for any extent >= 0 (N in messages, or k behind the first), the
  // number of bytes does not overflow, and `data` has exactly that many. `explanation` says in
  // words what the dimensions are.
  TensorView(const v1::Tensor& tensor, std::string field, const std::vector<std::int64_t>& expected,
             const std::string& explanation);

  const std::string& field() const { return field_; }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  std::int64_t size() const { return size_; }
  const double* data() const {
    return converted_.empty() ? reinterpret_cast<const double*>(bytes_.data()) : converted_.data();
  }
  // Whether data() is a copy that differs from the bytes of the wire.
  bool is_converted() const { return !converted_.empty(); }
  // The doubles as bytes.
  std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(data(), static_cast<std::size_t>(size_)));
  }

  // The element of this number by its indices: "x[2][3]".
  std::string Path(std::int64_t element) const;

  // Throws NON_FINITE naming the first NaN or infinity by its indices.
  void RequireFinite() const;
  // As RequireFinite, but in the columns (last index) that may_miss names, NaN means that a number
  // is missing. Returns how many are. `advice` says how NaN could be allowed in the others.
  std::int64_t RequireFiniteOrMissing(const std::vector<bool>& may_miss,
                                      const std::string& advice) const;

 private:
  std::vector<std::int64_t> Indices(std::int64_t element) const;
  [[noreturn]] void ThrowNonFinite(std::int64_t element, const std::string& advice) const;

  std::string field_;
  std::vector<std::int64_t> shape_;
  std::int64_t size_ = 0;
  std::span<const std::byte> bytes_;
  std::vector<double> converted_;
};

// Whether none of `size` values is NaN or infinite.
bool AllFinite(const double* values, std::int64_t size);

// The shortest text that reads back as `value`.
std::string Text(double value);

// Per-column minimum and maximum of a [rows, columns] tensor, NaN left out: infinity and -infinity
// in a column without numbers.
std::vector<ValueRange> ColumnRanges(const TensorView& tensor, std::int64_t columns);

// Writes `shape` and room for its elements into `tensor`; returns where float64 elements go. Call
// FinishTensor once they are written: it converts to float32 in place if that was asked for, and
// throws Error(kInvalidArgument FLOAT32_OVERFLOW) naming "data_type" where a finite number is too
// large for that.
double* PrepareTensor(std::span<const std::int64_t> shape, v1::Tensor& tensor);
inline double* PrepareTensor(std::initializer_list<std::int64_t> shape, v1::Tensor& tensor) {
  return PrepareTensor(std::span(shape.begin(), shape.size()), tensor);
}
void FinishTensor(v1::Tensor::DataType data_type, v1::Tensor& tensor);

// A float64 or float32 tensor with these elements.
void SetTensor(const std::vector<std::int64_t>& shape, const double* elements,
               v1::Tensor::DataType data_type, v1::Tensor& tensor);

// Throws unless the value is a known one.
void RequireDataType(int data_type, const std::string& field);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_TENSOR_H_
