#include "engine/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network_surrogate.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/learner.h"
#include "engine/train/options.h"
#include "engine/train/random_streams.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/schedule.h"

namespace sobolev::train {

namespace {

// Changes with everything that makes old states continue to other bits.
constexpr std::uint64_t kStateVersion = 2;

// Validation losses that differ by this share count as equal.
constexpr double kSameLoss = 0.02;

// Numbers that are not finite come of a rate that is too large by far: one that is hardly too large
// only makes the loss stay high. A tenth gets from the largest rate allowed, 10, to one with which
// most networks learn within two or three times; more than four leave too little to learn with.
constexpr double kRateFactor = 0.1;
constexpr std::int64_t kMostRollbacks = 4;

// Where training stands. Epochs and steps count from 0: `step` of `epoch` comes next.
struct Cursor {
  std::int64_t epoch = 0;
  std::int64_t step = 0;
  double value_loss = 0;     // Mean over the samples of this epoch, of those seen so far.
  double gradient_loss = 0;  // Likewise.
  std::int64_t best_epoch = 0;
  double best_loss = std::numeric_limits<double>::infinity();
  std::int64_t rollbacks = 0;
  std::int64_t patience_epoch = 0;  // The best epoch, or that of a later rollback.
  Status status = Status::kRunning;
};

// For writing and reading them one by one, as the whole has padding.
template <class AnyCursor, class Visit>
void ForEachField(AnyCursor& cursor, const Visit& visit) {
  visit(cursor.epoch);
  visit(cursor.step);
  visit(cursor.value_loss);
  visit(cursor.gradient_loss);
  visit(cursor.best_epoch);
  visit(cursor.best_loss);
  visit(cursor.rollbacks);
  visit(cursor.patience_epoch);
  visit(cursor.status);
}

Errors ToErrors(const Evaluation& evaluation, const Vector& y_scale) {
  Errors errors;
  const Vector rmse = RootMeans(evaluation.value_square, evaluation.num_values);
  if (rmse.size() > 0) {
    errors.value_rmse = rmse.cwiseProduct(y_scale);
    errors.value_relative = RelativeOf(rmse);
  }
  errors.jacobian_rmse = RootMeans(evaluation.jacobian_square, evaluation.num_entries);
  if (errors.jacobian_rmse.size() > 0) {
    const double label_square = evaluation.jacobian_label_square.sum();
    errors.jacobian_relative =
        label_square > 0 ? std::sqrt(evaluation.jacobian_square.sum() / label_square) : 0;
  }
  return errors;
}

Options Resolve(const SampleSet& samples, const Options& options) {
  return ResolveOptions(options, ShapeOf(samples), std::numeric_limits<std::size_t>::max());
}

}  // namespace

struct Trainer::Impl {
  Impl(const SampleSet& samples, Options resolved, std::optional<Split> chosen,
       const std::stop_token& stop)
      : options(std::move(resolved)),
        n(samples.n),
        m(samples.m),
        split(chosen
                  ? *std::move(chosen)
                  : SplitSamples(samples.NumSamples(), options.validation_fraction, options.seed)),
        standardisation(Standardise(samples, split, options.derivative_scale, stop)),
        learner(MakeLearner(samples, split, standardisation, options, stop)),
        steps_per_epoch(StepsPerEpoch(options, NumTraining())),
        fingerprint(Fingerprint()) {
    ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
      const bool trains = !split.held_out[static_cast<std::size_t>(number)];
      num_training_jacobians += trains && sample.jacobian != nullptr ? 1 : 0;
    });
  }

  Status Advance(const std::stop_token& stop, Index max_samples) {
    if (cursor.status != Status::kRunning) return cursor.status;
    try {
      const Index seen_before = SamplesSeen();
      while (cursor.step < steps_per_epoch) {
        if (!Step(stop) && !RollBack()) return cursor.status = Status::kDiverged;
        if (cursor.step < steps_per_epoch && SamplesSeen() - seen_before >= max_samples) {
          return Status::kRunning;
        }
      }
      return FinishEpoch(stop);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCancelled) throw;
      return Status::kCancelled;
    }
  }

  // One step of the optimiser. False if the loss was not finite.
  bool Step(const std::stop_token& stop) {
    const Index size = FirstOf(cursor.step + 1) - FirstOf(cursor.step);
    const StepLoss loss =
        learner->Step(cursor.epoch, cursor.step, LearningRate(cursor.epoch, cursor.step), stop);
    if (!loss.IsFinite()) return false;
    const double share = static_cast<double>(size) / static_cast<double>(NumTraining());
    cursor.value_loss += share * loss.value;
    cursor.gradient_loss += share * loss.gradient;
    ++cursor.step;
    return true;
  }

  // Back to the best epoch, to go on with a lower rate. False, changing nothing, if that has been
  // tried often enough.
  bool RollBack() {
    if (cursor.rollbacks == kMostRollbacks) return false;
    ++cursor.rollbacks;
    cursor.patience_epoch = cursor.epoch;
    learner->BackToBest();
    return true;
  }

  double LossOf(const Evaluation& evaluation) const {
    return *options.alpha * evaluation.loss.value + *options.beta * evaluation.loss.gradient +
           evaluation.curvature;
  }

  // Validates, records, keeps the best, and decides whether there is another epoch.
  Status FinishEpoch(const std::stop_token& stop) {
    const double last_rate = LearningRate(cursor.epoch, cursor.step - 1);
    Evaluation evaluation = learner->Evaluate(Parameters::kCurrent, stop);
    const bool finite = std::isfinite(LossOf(evaluation)) && learner->IsFinite();
    if (!finite) {
      evaluation = learner->Evaluate(Parameters::kBest, stop);
      if (!std::isfinite(LossOf(evaluation)) || !RollBack()) {
        return cursor.status = Status::kDiverged;
      }
    }
    const double loss = LossOf(evaluation);
    const Errors errors = ToErrors(evaluation, standardisation.scaling.y_scale);
    history.push_back({.epoch = cursor.epoch + 1,
                       .value_loss = cursor.value_loss,
                       .gradient_loss = cursor.gradient_loss,
                       .validation_loss = loss,
                       .validation_value_relative = errors.value_relative,
                       .validation_jacobian_relative = errors.jacobian_relative,
                       .learning_rate = last_rate});
    ++cursor.epoch;
    cursor.step = 0;
    cursor.value_loss = 0;
    cursor.gradient_loss = 0;
    // What was rolled back to is the best already, or nobody's: the initial parameters.
    if (finite && loss <= (1 + kSameLoss) * cursor.best_loss) {
      cursor.best_loss = std::min(cursor.best_loss, loss);
      cursor.best_epoch = cursor.epoch;
      cursor.patience_epoch = cursor.epoch;
      learner->KeepAsBest();
    }
    const Index patience = *options.patience;
    if (cursor.epoch == *options.epochs) {
      cursor.status = Status::kMaxEpochs;
    } else if (patience > 0 && cursor.epoch - cursor.patience_epoch >= patience) {
      cursor.status = Status::kEarlyStopping;
    }
    return Status::kEpochDone;
  }

  // The samples of an epoch before this step.
  Index FirstOf(Index step) const { return FirstOfStep(step, steps_per_epoch, NumTraining()); }

  double LearningRate(Index epoch, Index step) const {
    const auto done = static_cast<double>(epoch * steps_per_epoch + step);
    const auto total = static_cast<double>(*options.epochs * steps_per_epoch);
    return OneCycleRate(done / total, PeakLearningRate());
  }

  double PeakLearningRate() const {
    return *options.learning_rate * std::pow(kRateFactor, static_cast<double>(cursor.rollbacks));
  }

  Index NumTraining() const { return static_cast<Index>(split.training.size()); }
  Index NumValidation() const { return static_cast<Index>(split.validation.size()); }
  Index SamplesSeen() const { return cursor.epoch * NumTraining() + FirstOf(cursor.step); }

  // Of all that a state must find unchanged.
  std::uint64_t Fingerprint() const {
    Hasher hasher;
    hasher.Add(kStateVersion);
    hasher.Add(BestIsa());
    for (const Index size : {n, m, NumTraining(), NumValidation()}) hasher.Add(size);
    for (const Index width : options.hidden) hasher.Add(width);
    hasher.Add(options.activation);
    hasher.Add(options.skip);
    hasher.Add(options.residual);
    for (const nn::Slope slope : options.shape.slopes) hasher.Add(slope);
    hasher.Add(options.shape.convexity);
    for (const bool is_zero : options.shape.zeros) hasher.Add(is_zero);
    hasher.Add(*options.alpha);
    hasher.Add(*options.beta);
    if (options.gamma > 0) hasher.Add(options.gamma);
    hasher.Add(options.derivative_scale);
    hasher.Add(*options.epochs);
    hasher.Add(*options.batch_size);
    hasher.Add(*options.learning_rate);
    hasher.Add(options.validation_fraction);
    hasher.Add(*options.patience);
    hasher.Add(options.seed);
    hasher.Add(options.precision);
    hasher.Add(*options.derivative_sketch);
    hasher.Add(options.streamed);
    if (options.start != nullptr) AddStart(*options.start, hasher);
    AddScaling(standardisation.scaling, hasher);
    hasher.Add(learner->Fingerprint());
    return hasher.Finish();
  }

  static void AddNumbers(const Vector& numbers, Hasher& hasher) {
    hasher.Add(numbers.data(), static_cast<std::size_t>(numbers.size()) * sizeof(double));
  }

  static void AddScaling(const nn::Scaling& scaling, Hasher& hasher) {
    for (const Vector& numbers :
         {scaling.x_mean, scaling.x_scale, scaling.y_mean, scaling.y_scale}) {
      AddNumbers(numbers, hasher);
    }
  }

  static void AddStart(const nn::NetworkSurrogate& start, Hasher& hasher) {
    AddScaling(start.scaling(), hasher);
    AddNumbers(start.theta(), hasher);
  }

  std::string SaveState() const {
    ByteWriter writer;
    writer.Write(kStateVersion);
    writer.Write(fingerprint);
    ForEachField(cursor, [&](const auto& field) { writer.Write(field); });
    writer.Write(history.size());
    writer.WriteAll(std::span<const EpochRecord>(history));
    learner->Save(writer);
    return std::move(writer).Finish();
  }

  void LoadState(std::string_view state) {
    ByteReader reader(state);
    const auto version = reader.Read<std::uint64_t>();
    if (version != kStateVersion || reader.Read<std::uint64_t>() != fingerprint) {
      throw Error(ErrorCode::kDataLoss, "STATE_MISMATCH", "state",
                  "expected the state of a training with the same samples, options, instruction "
                  "set and program version, got one of another; start the training anew");
    }
    Cursor saved_cursor;
    ForEachField(saved_cursor, [&](auto& field) {
      field = reader.Read<std::remove_reference_t<decltype(field)>>();
    });
    const auto num_records = reader.Read<std::size_t>();
    std::vector<EpochRecord> saved_history = reader.ReadAll<EpochRecord>(num_records);
    learner->Load(reader);
    cursor = saved_cursor;
    history = std::move(saved_history);
  }

  const Options options;
  const Index n;
  const Index m;
  const Split split;
  const Standardisation standardisation;
  const std::unique_ptr<Learner> learner;
  const Index steps_per_epoch;
  const std::uint64_t fingerprint;
  Index num_training_jacobians = 0;

  Cursor cursor;
  std::vector<EpochRecord> history;
};

Trainer::Trainer(const SampleSet& samples, const Options& options, const std::stop_token& stop)
    : impl_(std::make_unique<Impl>(samples, Resolve(samples, options), std::nullopt, stop)) {}

Trainer::Trainer(const SampleSet& samples, const Options& options, Split split,
                 const std::stop_token& stop)
    : impl_(std::make_unique<Impl>(samples, Resolve(samples, options), std::move(split), stop)) {}

Trainer::~Trainer() = default;

Status Trainer::Advance(const std::stop_token& stop, Index max_samples) {
  return impl_->Advance(stop, max_samples);
}

const Options& Trainer::options() const { return impl_->options; }

const nn::Scaling& Trainer::scaling() const { return impl_->standardisation.scaling; }

Index Trainer::NumTrainingSamples() const { return impl_->NumTraining(); }

Index Trainer::NumValidationSamples() const { return impl_->NumValidation(); }

Index Trainer::NumTrainingJacobians() const { return impl_->num_training_jacobians; }

Index Trainer::SamplesSeen() const { return impl_->SamplesSeen(); }

Index Trainer::SamplesTotal() const { return *impl_->options.epochs * impl_->NumTraining(); }

const std::vector<EpochRecord>& Trainer::History() const { return impl_->history; }

Index Trainer::BestEpoch() const { return impl_->cursor.best_epoch; }

Index Trainer::NumRollbacks() const { return impl_->cursor.rollbacks; }

double Trainer::PeakLearningRate() const { return impl_->PeakLearningRate(); }

Errors Trainer::ValidationErrors() const {
  const Evaluation evaluation = impl_->learner->Evaluate(Parameters::kBest, {});
  return ToErrors(evaluation, impl_->standardisation.scaling.y_scale);
}

nn::NetworkSurrogate Trainer::MakeSurrogate() const {
  const Options& options = impl_->options;
  return nn::NetworkSurrogate(ArchitectureOf(options, impl_->n, impl_->m),
                              impl_->standardisation.scaling,
                              impl_->learner->Theta(Parameters::kBest));
}

std::string Trainer::SaveState() const { return impl_->SaveState(); }

void Trainer::LoadState(std::string_view state) { impl_->LoadState(state); }

}  // namespace sobolev::train
