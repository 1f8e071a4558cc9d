#include "engine/train/fold_run.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/train/coordinates.h"
#include "engine/train/errors.h"
#include "engine/train/fit.h"
#include "engine/train/folds.h"
#include "engine/train/recipe.h"
#include "engine/train/taylor_fit.h"
#include "engine/train/trial_codec.h"

namespace sobolev::train {

FoldRun::FoldRun(const FoldedData& user, const Coordinates& coordinates, const Recipe& recipe,
                 std::optional<double> share, std::vector<FittedBase> bases)
    : user_(user),
      coordinates_(coordinates),
      recipe_(recipe),
      share_(share),
      bases_(std::move(bases)) {}

void FoldRun::StartFit() {
  const FitData& data = coordinates_.data().folds[fold()];
  if (share_) part_ = FirstPart(data, *share_);
  fit_ = bases_.empty() ? MakeFit(recipe_, share_ ? part_ : data)
                        : MakeTaylorFit(recipe_, data, bases_[fold()]);
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
  result.errors = ErrorsOn(*result.surrogate, judge.validation, judge.scaling, &result.by_point,
                           stop, judge.loss.huber);
  return result;
}

void FoldRun::Add(const Result& result) {
  if (fold() == 0) first_ = result.surrogate;
  errors_.push_back(result.errors);
  iterations_.push_back(result.iterations);
  Append(result.by_point, by_point_);
  if (recipe_.family == Family::kNetwork || recipe_.family == Family::kPolynomial) {
    new_bases_.push_back({WithoutTaylor(fit_->MakeSurrogate()), result.iterations});
  }
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
  WriteEach(writer, new_bases_);
  Write(writer, first_);
  writer.Write(work_);
  writer.Write(fit_ != nullptr);
  if (fit_ != nullptr) fit_->Save(writer);
}

void FoldRun::Load(ByteReader& reader) {
  errors_ = ReadEach(reader, ReadErrors);
  iterations_ = reader.ReadAll<Index>(reader.Read<std::size_t>());
  by_point_ = ReadPointErrors(reader);
  new_bases_ = ReadEach(reader, ReadFittedBase);
  first_ = ReadSurrogate(reader);
  work_ = reader.Read<double>();
  fit_.reset();
  if (!reader.Read<bool>()) return;
  StartFit();
  fit_->Load(reader);
}

}  // namespace sobolev::train
