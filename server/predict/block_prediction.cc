#include "server/predict/block_prediction.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace sobolev::server {
namespace {

// Numbers held for all outputs and inputs of the points at hand: 64 MiB.
constexpr double kMaxScratch = 1 << 23;

std::vector<Index> AllOr(const std::vector<Index>& selected, Index size) {
  if (!selected.empty()) return selected;
  std::vector<Index> all(static_cast<std::size_t>(size));
  std::iota(all.begin(), all.end(), Index{0});
  return all;
}

// The directions with zeros where nothing was selected.
Matrix Expanded(const Directions& directions, const std::vector<Index>& selected, Index size) {
  Matrix D = Matrix::Zero(size, directions.D.cols());
  D(selected, Eigen::all) = directions.D;
  return D;
}

Matrix UnitDirections(const std::vector<Index>& selected, Index size) {
  Matrix D = Matrix::Zero(size, static_cast<Index>(selected.size()));
  for (std::size_t k = 0; k < selected.size(); ++k) D(selected[k], static_cast<Index>(k)) = 1;
  return D;
}

Directions Shared(const Matrix& D) {
  return {.D = ConstMatrixMap(D.data(), D.rows(), D.cols()), .count = D.cols(), .per_point = false};
}

class BlockPrediction {
 public:
  BlockPrediction(const Surrogate& surrogate, const Block& block, Index num_points,
                  const std::optional<Directions>& tangents,
                  const std::optional<Directions>& adjoints, const PredictionBuffers& out)
      : surrogate_(surrogate),
        n_(surrogate.n()),
        m_(surrogate.m()),
        inputs_(AllOr(block.inputs, n_)),
        outputs_(AllOr(block.outputs, m_)),
        tangents_(tangents),
        adjoints_(adjoints),
        out_(out) {
    if (tangents_) whole_tangents_ = Expanded(*tangents_, inputs_, n_);
    if (adjoints_) whole_adjoints_ = Expanded(*adjoints_, outputs_, m_);
    const auto full = static_cast<double>(m_ * n_);
    rows_by_adjoints_ = full > kMaxScratch ||
                        surrogate.Cost({.num_points = num_points, .num_adjoints = NumOutputs()}) <
                            surrogate.Cost({.num_points = num_points, .jacobian = true});
    hessian_by_products_ = full * static_cast<double>(n_) > kMaxScratch ||
                           surrogate.Cost({.num_points = num_points,
                                           .num_tangents = NumInputs(),
                                           .num_adjoints = NumOutputs(),
                                           .second_adjoint = true}) <
                               surrogate.Cost({.num_points = num_points, .hessian = true});
    const bool products = out.H != nullptr && hessian_by_products_;
    if (products) unit_inputs_ = UnitDirections(inputs_, n_);
    if (products || (out.J != nullptr && rows_by_adjoints_)) {
      unit_outputs_ = UnitDirections(outputs_, m_);
    }
  }

  // Of whole points within the memory, at least 1.
  Index PointsAtOnce() const {
    auto per_point = static_cast<double>(n_ + m_);
    const auto jacobian = static_cast<double>(m_ * n_);
    if (out_.J != nullptr) {
      per_point += rows_by_adjoints_ ? static_cast<double>(NumOutputs() * n_) : jacobian;
    }
    if (out_.J_spread != nullptr) per_point += jacobian;
    if (out_.H != nullptr) {
      per_point += hessian_by_products_ ? static_cast<double>(NumInputs() * NumOutputs() * n_)
                                        : jacobian * static_cast<double>(n_);
    }
    const Index p = tangents_ ? tangents_->count : 0;
    const Index q = adjoints_ ? adjoints_->count : 0;
    per_point += static_cast<double>(p * m_ + q * n_ + p * q * n_);
    return std::max<Index>(1, static_cast<Index>(kMaxScratch / per_point));
  }

  // Answers for the columns of X, those from `first` on of the whole batch.
  void Predict(const ConstMatrixMap& X, Index first, const std::stop_token& stop) const {
    const Index N = X.cols();
    Matrix Y;
    Matrix Y_spread;
    Matrix J;
    Matrix J_spread;
    Matrix H;
    Matrix Y_dot;
    Matrix X_bar;
    Matrix X_bar_dot;
    const auto room = [](bool wanted, Matrix& matrix, Index rows, Index columns) -> double* {
      if (!wanted) return nullptr;
      matrix.resize(rows, columns);
      return matrix.data();
    };
    const std::optional<Directions> X_dot = At(tangents_, whole_tangents_, first, N);
    const std::optional<Directions> Y_bar = At(adjoints_, whole_adjoints_, first, N);
    const Index p = X_dot ? X_dot->count : 0;
    const Index q = Y_bar ? Y_bar->count : 0;
    const bool full_jacobian = out_.J != nullptr && !rows_by_adjoints_;
    const bool full_hessian = out_.H != nullptr && !hessian_by_products_;
    surrogate_.Predict(X, X_dot, Y_bar,
                       {.Y = room(out_.Y != nullptr, Y, m_, N),
                        .J = room(full_jacobian, J, n_, m_ * N),
                        .H = room(full_hessian, H, n_, n_ * m_ * N),
                        .Y_dot = room(out_.Y_dot != nullptr, Y_dot, m_, p * N),
                        .X_bar = room(out_.X_bar != nullptr, X_bar, n_, q * N),
                        .X_bar_dot = room(out_.X_bar_dot != nullptr, X_bar_dot, n_, p * q * N),
                        .Y_spread = room(out_.Y_spread != nullptr, Y_spread, m_, N),
                        .J_spread = room(out_.J_spread != nullptr, J_spread, n_, m_ * N)},
                       stop);
    Put(Y, outputs_, first, N, out_.Y);
    Put(Y_spread, outputs_, first, N, out_.Y_spread);
    Put(Y_dot, outputs_, first, N, out_.Y_dot);
    Put(X_bar, inputs_, first, N, out_.X_bar);
    Put(X_bar_dot, inputs_, first, N, out_.X_bar_dot);
    if (full_jacobian) Put(J(Eigen::all, Rows(N)), inputs_, first, N, out_.J);
    if (out_.J_spread != nullptr) {
      Put(J_spread(Eigen::all, Rows(N)), inputs_, first, N, out_.J_spread);
    }
    if (full_hessian) Put(H(Eigen::all, Pairs(N)), inputs_, first, N, out_.H);
    if (out_.J != nullptr && rows_by_adjoints_) {
      J.resize(n_, NumOutputs() * N);
      surrogate_.Predict(X, std::nullopt, Shared(unit_outputs_), {.X_bar = J.data()}, stop);
      Put(J, inputs_, first, N, out_.J);
    }
    if (out_.H != nullptr && hessian_by_products_) {
      H.resize(n_, NumInputs() * NumOutputs() * N);
      surrogate_.Predict(X, Shared(unit_inputs_), Shared(unit_outputs_), {.X_bar_dot = H.data()},
                         stop);
      Put(H, inputs_, first, N, out_.H);
    }
  }

 private:
  Index NumInputs() const { return static_cast<Index>(inputs_.size()); }
  Index NumOutputs() const { return static_cast<Index>(outputs_.size()); }

  // The directions of N points from `first` on.
  static std::optional<Directions> At(const std::optional<Directions>& given, const Matrix& D,
                                      Index first, Index N) {
    if (!given) return std::nullopt;
    if (!given->per_point) return Shared(D);
    const Index k = given->count;
    return Directions{.D = ConstMatrixMap(D.data() + first * k * D.rows(), D.rows(), k * N),
                      .count = k,
                      .per_point = true};
  }

  // The selected rows of N points into their place.
  template <class Columns>
  static void Put(const Columns& full, const std::vector<Index>& rows, Index first, Index N,
                  double* out) {
    if (out == nullptr || N == 0) return;
    const auto num_rows = static_cast<Index>(rows.size());
    const Index per_point = full.cols() / N;
    MatrixMap(out + first * per_point * num_rows, num_rows, full.cols()) = full(rows, Eigen::all);
  }

  // Columns s·m+i of the selected outputs i.
  std::vector<Index> Rows(Index N) const {
    std::vector<Index> columns;
    columns.reserve(static_cast<std::size_t>(N * NumOutputs()));
    for (Index s = 0; s < N; ++s) {
      for (const Index i : outputs_) columns.push_back(s * m_ + i);
    }
    return columns;
  }

  // Columns (s·m+i)·n+j of the selected outputs i and inputs j.
  std::vector<Index> Pairs(Index N) const {
    std::vector<Index> columns;
    columns.reserve(static_cast<std::size_t>(N * NumOutputs() * NumInputs()));
    for (const Index row : Rows(N)) {
      for (const Index j : inputs_) columns.push_back(row * n_ + j);
    }
    return columns;
  }

  const Surrogate& surrogate_;
  const Index n_;
  const Index m_;
  const std::vector<Index> inputs_;
  const std::vector<Index> outputs_;
  const std::optional<Directions>& tangents_;
  const std::optional<Directions>& adjoints_;
  const PredictionBuffers& out_;
  Matrix whole_tangents_;  // n×p or n×(p·N)
  Matrix whole_adjoints_;  // m×q or m×(q·N)
  Matrix unit_inputs_;     // n×(selected inputs)
  Matrix unit_outputs_;    // m×(selected outputs)
  bool rows_by_adjoints_ = false;
  bool hessian_by_products_ = false;
};

}  // namespace

void PredictBlock(const Surrogate& surrogate, const ConstMatrixMap& X,
                  const std::optional<Directions>& tangents,
                  const std::optional<Directions>& adjoints, const Block& block,
                  const PredictionBuffers& out, const std::stop_token& stop) {
  const BlockPrediction prediction(surrogate, block, X.cols(), tangents, adjoints, out);
  const Index at_once = prediction.PointsAtOnce();
  for (Index first = 0; first < X.cols(); first += at_once) {
    const Index N = std::min(at_once, X.cols() - first);
    prediction.Predict(ConstMatrixMap(X.data() + first * X.rows(), X.rows(), N), first, stop);
  }
}

}  // namespace sobolev::server
