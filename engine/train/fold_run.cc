#include "engine/train/fold_run.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/coordinates.h"
#include "engine/train/errors.h"
#include "engine/train/fit.h"
#include "engine/train/folds.h"
#include "engine/train/recipe.h"
#include "engine/train/scaling.h"
#include "engine/train/trial_codec.h"

namespace sobolev::train {
namespace {

// Of a box, to look for values in.
constexpr Index kProbes = 256;
// So many times the largest label, both in standard deviations from the mean.
constexpr double kBeyondLabels = 1e3;

// Points evenly over the box of the columns of X: the recurrence of Roberts (2018), whose step is
// made of powers of the root of x^(n+1) = x + 1.
Matrix ProbesInBox(const Matrix& X) {
  const Index n = X.rows();
  double root = 2;
  for (int i = 0; i < 30; ++i) root = std::pow(1 + root, 1.0 / static_cast<double>(n + 1));
  const Vector lower = X.rowwise().minCoeff();
  const Vector width = X.rowwise().maxCoeff() - lower;
  Matrix probes(n, kProbes);
  for (Index s = 0; s < kProbes; ++s) {
    for (Index j = 0; j < n; ++j) {
      const double t =
          0.5 + static_cast<double>(s + 1) * std::pow(root, -static_cast<double>(j + 1));
      probes(j, s) = lower[j] + (t - std::floor(t)) * width[j];
    }
  }
  return probes;
}

// Whether values between the samples are beyond anything that the samples show, as exponentials of
// polynomials can be: in many inputs a few held-out samples do not notice.
bool Explodes(const Surrogate& surrogate, const LabelledPoints& points, const nn::Scaling& scaling,
              const std::stop_token& stop) {
  if (points.NumPoints() == 0) return false;
  const Matrix X = InUserUnits(ProbesInBox(points.X), scaling);
  Matrix Y(surrogate.m(), X.cols());
  surrogate.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), std::nullopt, std::nullopt,
                    {.Y = Y.data()}, stop);
  for (Index i = 0; i < Y.rows(); ++i) {
    double largest = 1;
    for (Index s = 0; s < points.Y.cols(); ++s) {
      if (std::isfinite(points.Y(i, s))) largest = std::max(largest, std::abs(points.Y(i, s)));
    }
    const double limit = kBeyondLabels * largest * scaling.y_scale[i];
    for (Index s = 0; s < Y.cols(); ++s) {
      if (!(std::abs(Y(i, s) - scaling.y_mean[i]) <= limit)) return true;
    }
  }
  return false;
}

}  // namespace

FoldRun::FoldRun(const FoldedData& user, const Coordinates& coordinates, const Recipe& recipe,
                 std::optional<double> share)
    : user_(user), coordinates_(coordinates), recipe_(recipe), share_(share) {}

void FoldRun::StartFit() {
  const FitData& data = coordinates_.data().folds[fold()];
  if (share_) part_ = FirstPart(data, *share_);
  fit_ = MakeFit(recipe_, share_ ? part_ : data);
}

bool FoldRun::Advance(const std::stop_token& stop) {
  if (fit_ == nullptr) StartFit();
  return fit_->Advance(stop);
}

FoldRun::Result FoldRun::Judge(const std::stop_token& stop) const {
  const FitData& data = share_ ? part_ : coordinates_.data().folds[fold()];
  Result result{.surrogate = coordinates_.Around(fit_->MakeSurrogate(), stop),
                .errors = {},
                .by_point = {},
                .num_points = data.training.NumPoints(),
                .iterations = fit_->BestIteration()};
  if (result.surrogate == nullptr) return result;
  const FitData& judge = user_.folds[fold()];
  if (Explodes(*result.surrogate, judge.training, judge.scaling, stop)) {
    result.surrogate = nullptr;
    return result;
  }
  result.errors = ErrorsOn(*result.surrogate, judge.validation, judge.scaling, &result.by_point,
                           stop, judge.loss.huber);
  return result;
}

void FoldRun::Add(const Result& result) {
  if (fold() == 0) first_ = result.surrogate;
  errors_.push_back(result.errors);
  iterations_.push_back(result.iterations);
  Append(result.by_point, by_point_);
  work_ += fit_->Work();
  fit_.reset();
}

Index FoldRun::MedianIterations() const {
  std::vector<Index> sorted = iterations_;
  std::ranges::sort(sorted);
  return sorted[sorted.size() / 2];
}

void FoldRun::Save(ByteWriter& writer) const {
  WriteEach(writer, errors_);
  writer.Write(iterations_.size());
  writer.WriteAll(std::span<const Index>(iterations_));
  Write(writer, by_point_);
  Write(writer, first_);
  writer.Write(work_);
  writer.Write(fit_ != nullptr);
  if (fit_ != nullptr) fit_->Save(writer);
}

void FoldRun::Load(ByteReader& reader) {
  errors_ = ReadEach(reader, ReadErrors);
  iterations_ = reader.ReadAll<Index>(reader.Read<std::size_t>());
  by_point_ = ReadPointErrors(reader);
  first_ = ReadSurrogate(reader);
  work_ = reader.Read<double>();
  fit_.reset();
  if (!reader.Read<bool>()) return;
  StartFit();
  fit_->Load(reader);
}

}  // namespace sobolev::train
