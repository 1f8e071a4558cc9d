#include "engine/bounds/affine_form.h"

#include <cmath>
#include <limits>

#include "engine/base/matrix.h"
#include "engine/dense/dense.h"

namespace sobolev::bounds {

LinearMap::LinearMap(const Matrix& weights)
    : W(weights),
      W_transposed(weights.transpose()),
      magnitude(weights.cwiseAbs()),
      magnitude_transposed(magnitude.transpose()) {}

namespace {

// rows = A Wᵀ.
void MapRowsInto(const Matrix& A, const Matrix& W, dense::MatrixRef rows) {
  // With fewer rows, packing for the fast product costs more than it saves.
  constexpr Index kFewRows = 6;
  if (A.rows() < kFewRows || W.rows() < kFewRows) {
    rows.noalias() = A * W.transpose();
    return;
  }
  rows.setZero();
  dense::AddProduct(1, A, W, rows);
}

}  // namespace

Matrix MapRows(const Matrix& A, const Matrix& W) {
  Matrix product(A.rows(), W.rows());
  MapRowsInto(A, W, product);
  return product;
}

Ranges RangesOf(const AffineForm& form) {
  const double error = RoundingOf(form.P.rows());
  const Vector centre = form.P.row(0).transpose();
  const Vector spread = form.P.bottomRows(form.P.rows() - 1).cwiseAbs().colwise().sum().transpose();
  const Vector radius = (1 + error) * (spread + form.r) + error * centre.cwiseAbs() +
                        Vector::Constant(form.Size(), kTiny);
  return {centre - radius, centre + radius};
}

void IntersectWith(const Ranges& other, Ranges& ranges) {
  for (Index q = 0; q < ranges.lo.size(); ++q) {
    if (other.lo(q) > ranges.lo(q)) ranges.lo(q) = other.lo(q);
    if (other.hi(q) < ranges.hi(q)) ranges.hi(q) = other.hi(q);
  }
}

AffineForm AsConstants(const Ranges& ranges) {
  AffineForm form;
  form.P = (0.5 * ranges.lo + 0.5 * ranges.hi).transpose();
  const Vector centre = form.P.row(0).transpose();
  form.r = (1 + RoundingOf(1)) * (ranges.hi - centre).cwiseMax(centre - ranges.lo) +
           Vector::Constant(centre.size(), kTiny);
  return form;
}

AffineForm Scale(AffineForm form, const Vector& lambda, const Vector& mu, const Vector& delta) {
  const Vector steepness = lambda.cwiseAbs();
  const Vector rounding = steepness.cwiseProduct(form.Magnitudes()) + mu.cwiseAbs();
  form.P.array().rowwise() *= lambda.transpose().array();
  form.P.row(0) += mu.transpose();
  form.r = (1 + RoundingOf(2)) * (steepness.cwiseProduct(form.r) + delta) +
           RoundingOf(form.P.rows()) * rounding + Vector::Constant(form.Size(), kTiny);
  return form;
}

AffineForm Map(const LinearMap& map, const AffineForm& form, bool name_remainders) {
  const double error = RoundingOf(map.cols() + form.P.rows());
  const Index rows = form.P.rows();
  const Index named = name_remainders ? form.Size() : 0;
  AffineForm result{Matrix(rows + named, map.rows()), {}};
  MapRowsInto(form.P, map.W, result.P.topRows(rows));
  Vector spread = error * form.Magnitudes();
  if (name_remainders) {
    result.P.bottomRows(named) = form.r.asDiagonal() * map.W_transposed;
    spread += error * form.r;
  } else {
    spread += form.r;
  }
  result.r = (1 + error) * (map.magnitude * spread) + Vector::Constant(map.rows(), kTiny);
  return result;
}

void AddTo(const AffineForm& form, AffineForm& sum) {
  if (form.P.rows() > sum.P.rows()) {
    sum.P.conservativeResizeLike(Matrix::Zero(form.P.rows(), sum.P.cols()));
  }
  sum.r += form.r;
  sum.P.topRows(form.P.rows()) += form.P;
  sum.r = (1 + RoundingOf(1)) * sum.r + RoundingOf(sum.P.rows()) * sum.Magnitudes();
}

void AddTo(const Vector& constants, AffineForm& sum) {
  sum.P.row(0) += constants.transpose();
  sum.r += 0x1p-51 * sum.P.row(0).cwiseAbs().transpose() + Vector::Constant(sum.Size(), kTiny);
}

void NameRemainders(AffineForm& form) {
  const Index rows = form.P.rows();
  form.P.conservativeResizeLike(Matrix::Zero(rows + form.Size(), form.Size()));
  form.P.bottomRows(form.Size()).diagonal() = form.r;
  form.r.setZero();
}

AffineForm KeepSymbols(const AffineForm& form, Index symbols) {
  const Index others = form.P.rows() - 1 - symbols;
  if (others <= 0) return form;
  const Vector spread = form.P.bottomRows(others).cwiseAbs().colwise().sum().transpose();
  return {form.P.topRows(1 + symbols), (1 + RoundingOf(others)) * (spread + form.r)};
}

}  // namespace sobolev::bounds
