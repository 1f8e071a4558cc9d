#include "client/cpp/sample_parts.h"

#include <string>

#include <sobolev/rpc_error.h>

namespace sobolev::client {
namespace {

using Block = v1::SampleBlock;

[[noreturn]] void ThrowMismatch(const std::string& field, const std::string& what,
                                const std::string& expected, Index actual) {
  const std::string message =
      field + " " + what + ": expected " + expected + ", got " + std::to_string(actual);
  throw RpcError(StatusCode::kInvalidArgument, "SHAPE_MISMATCH", message, {{field, message}});
}

void RequireSize(const char* field, const char* what, Index actual, Index expected) {
  if (actual != expected) ThrowMismatch(field, what, std::to_string(expected), actual);
}

// Collects the parts of one call.
class PartList {
 public:
  PartList(Index num_samples, std::vector<SamplePart>& parts)
      : num_samples_(num_samples), parts_(parts) {}

  // `columns` of each sample.
  void Add(const char* name, const ConstMatrixRef& numbers, Index rows, Index columns, int rank,
           v1::Tensor* (Block::*tensor)()) {
    if (numbers.size() == 0) return;
    RequireSize(name, "rows", numbers.rows(), rows);
    RequireSize(name, "columns", numbers.cols(), columns * num_samples_);
    parts_.push_back({{tensor, rows, columns, rank}, numbers});
  }

  // How many directions each sample has.
  Index NumDirections(const char* name, const ConstMatrixRef& directions) const {
    if (directions.size() == 0 || num_samples_ == 0) return 0;
    if (directions.cols() % num_samples_ != 0) {
      ThrowMismatch(name, "columns",
                    "a multiple of the " + std::to_string(num_samples_) + " samples",
                    directions.cols());
    }
    return directions.cols() / num_samples_;
  }

 private:
  const Index num_samples_;
  std::vector<SamplePart>& parts_;
};

// As the arrays that tell it do.
Index NumOutputs(const ConstMatrixRef& Y, const ConstMatrixRef& jacobian, const Samples& others,
                 Index num_samples) {
  if (Y.size() > 0) return Y.rows();
  if (jacobian.size() > 0 && num_samples > 0) return jacobian.cols() / num_samples;
  for (const Matrix* outputs : {&others.jvp, &others.adjoints, &others.hvp_adjoints}) {
    if (outputs->size() > 0) return outputs->rows();
  }
  return 0;
}

}  // namespace

std::vector<SamplePart> PartsOf(const ConstMatrixRef& X, const ConstMatrixRef& Y,
                                const ConstMatrixRef& jacobian, const ConstVectorRef& weight,
                                const Samples& others, SampleSizes& sizes) {
  const Index num_samples = X.cols();
  if (sizes.n == 0) sizes.n = X.rows();
  if (sizes.m == 0) sizes.m = NumOutputs(Y, jacobian, others, num_samples);
  const Index n = sizes.n;
  const Index m = sizes.m;
  RequireSize("X", "rows", X.rows(), n);

  std::vector<SamplePart> parts;
  PartList list(num_samples, parts);
  const Index p = list.NumDirections("tangents", others.tangents);
  const Index q = list.NumDirections("adjoints", others.adjoints);
  const Index h = list.NumDirections("hvp_tangents", others.hvp_tangents);
  const Eigen::Map<const Matrix> weight_row(weight.data(), weight.size() > 0 ? 1 : 0,
                                            weight.size());
  list.Add("X", X, n, 1, 2, &Block::mutable_x);
  list.Add("Y", Y, m, 1, 2, &Block::mutable_y);
  list.Add("jacobian", jacobian, n, m, 3, &Block::mutable_jacobian);
  list.Add("weight", weight_row, 1, 1, 1, &Block::mutable_weight);
  list.Add("tangents", others.tangents, n, p, 3, &Block::mutable_tangents);
  list.Add("jvp", others.jvp, m, p, 3, &Block::mutable_jvp);
  list.Add("adjoints", others.adjoints, m, q, 3, &Block::mutable_adjoints);
  list.Add("vjp", others.vjp, n, q, 3, &Block::mutable_vjp);
  list.Add("hvp_adjoints", others.hvp_adjoints, m, h, 3, &Block::mutable_hvp_adjoints);
  list.Add("hvp_tangents", others.hvp_tangents, n, h, 3, &Block::mutable_hvp_tangents);
  list.Add("hvp", others.hvp, n, h, 3, &Block::mutable_hvp);
  list.Add("y_variance", others.y_variance, m, 1, 2, &Block::mutable_y_variance);
  list.Add("jacobian_variance", others.jacobian_variance, n, m, 3,
           &Block::mutable_jacobian_variance);
  return parts;
}

void AppendRows(const SamplePart& part, Index first, Index count, Block& block) {
  const ConstMatrixRef& A = part.numbers;
  std::string& data = *(block.*part.shape.tensor)()->mutable_data();
  const Index begin = first * part.shape.columns;
  const Index columns = count * part.shape.columns;
  const std::size_t column_bytes = static_cast<std::size_t>(A.rows()) * sizeof(double);
  if (A.outerStride() == A.rows()) {
    data.append(reinterpret_cast<const char*>(A.col(begin).data()),
                column_bytes * static_cast<std::size_t>(columns));
    return;
  }
  for (Index j = begin; j < begin + columns; ++j) {
    data.append(reinterpret_cast<const char*>(A.col(j).data()), column_bytes);
  }
}

void SetShape(const PartShape& part, Index num_samples, Block& block) {
  v1::Tensor& tensor = *(block.*part.tensor)();
  tensor.set_data_type(v1::Tensor::DATA_TYPE_FLOAT64);
  tensor.add_shape(num_samples);
  if (part.rank == 3) tensor.add_shape(part.columns);
  if (part.rank >= 2) tensor.add_shape(part.rows);
}

}  // namespace sobolev::client
