#include "engine/train/selection.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/composition.h"
#include "engine/train/coordinates.h"
#include "engine/train/differential_pca.h"
#include "engine/train/errors.h"
#include "engine/train/fit.h"
#include "engine/train/folds.h"
#include "engine/train/label_checks.h"
#include "engine/train/loss_weights.h"
#include "engine/train/mapped_shape.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/robust_errors.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/trial.h"
#include "engine/train/trial_codec.h"

namespace sobolev::train {

namespace {

// Changes with everything that makes old states continue to other bits.
constexpr std::uint64_t kStateVersion = 3;

// A recipe that is worse than the best by this factor on its first fold is abandoned.
constexpr double kHopeless = 2;
// A later recipe that is better by this share is better whatever the noise.
constexpr double kWorthwhile = 0.05;
// Multiply-adds that are done in about a second.
constexpr double kShortWork = 1e10;
// Entries of Jacobians up to which logarithms are tried, because they need a copy of all labels.
constexpr double kMaxCopied = 2e7;
// Shares of the training points of the learning curve.
constexpr double kCurveShares[] = {0.25, 0.5};

}  // namespace

void CheckSelection(const SelectionOptions& options, Index n, Index m, Index num_samples) {
  CheckLoss(options.loss);
  CheckLabelWeights(options.loss, n, m);
  CheckComposition(options.composition, n);
  if (options.ensemble_size < 1 || options.ensemble_size > EnsembleSurrogate::kMaxMembers) {
    throw InvalidArgument("OUT_OF_RANGE", "spec.ensemble_size",
                          "expected 1 to " + std::to_string(EnsembleSurrogate::kMaxMembers) +
                              ", got " + std::to_string(options.ensemble_size) +
                              "; 5 is usual, 1 makes no ensemble");
  }
  nn::CheckConstraints({.n = n, .m = m}, options.shape);
  CheckMappedShape(options.shape, options.composition);
  for (const Recipe& recipe : options.recipes) {
    if (recipe.family == Family::kNetwork) {
      const nn::Architecture architecture = ArchitectureOf(recipe, n, m);
      nn::Validate(architecture);
      nn::CheckConstraints(architecture, options.shape);
    } else if (!options.shape.IsFree()) {
      throw InvalidArgument("NOT_APPLICABLE", "spec.kind",
                            "expected auto or network, because only networks can be monotone, "
                            "convex or concave by construction, got " +
                                Name(recipe) + "; change the kind or unset the constraints");
    }
  }
  if (num_samples > 0) return;
  throw FailedPrecondition("TOO_FEW_SAMPLES", "dataset",
                           "expected at least 1 sample, got 0; append samples");
}

struct Selection::Impl {
  // What the machine does next.
  enum class Phase { kTrials, kFinalFit, kCurve, kValueOnly, kFinished, kFailed };

  Impl(const SampleSet& sample_set, const SelectionOptions& selection_options,
       const std::stop_token& stop)
      : options(selection_options), samples(sample_set), num_samples(sample_set.NumSamples()) {
    CheckSelection(options, samples.n, samples.m, num_samples);
    Split none;
    none.held_out.assign(static_cast<std::size_t>(num_samples), false);
    scaling = Standardise(samples, none, DerivativeScale::kPerOutput, stop).scaling;

    if (options.loss.huber) UseRobustSpread(samples, scaling);

    deal = DealSamples(num_samples, MostPoints(samples, options.memory_limit), options.seed);
    user = MakeFolds(samples, deal, scaling, options.loss, options.seed, stop);
    Constrain(options.shape, user);
    const Coordinates& plain = CoordinatesOf(Logarithms::kNone, stop);
    facts = {.ranks = {},
             .recipes = options.recipes,
             .shape = options.shape,
             .num_points = options.loss.huber ? 0 : user.folds.front().training.NumPoints(),
             .balance = !options.loss.alpha && !options.loss.beta};
    if (facts.recipes.empty() && AllowsLogarithms(options.shape)) {
      facts.logarithms = UsableLogarithms(stop);
    }
    if (plain.Diagonal()) {
      facts.ranks = PromisingRanks(AnalyseGradients(plain.data().folds.front().training));
    }
    loss = WeightsFor(user.all.training, options.loss);
    if (loss.beta == 0 && options.loss.beta.value_or(0) > 0) {
      throw FailedPrecondition("NO_JACOBIANS", "spec.beta",
                               "expected 0 or unset because no sample has a derivative label; "
                               "append samples with derivatives or train with beta = 0");
    }
    if (loss.gamma == 0 && options.loss.gamma.value_or(0) > 0) {
      throw FailedPrecondition("NO_CURVATURES", "spec.gamma",
                               "expected 0 or unset because no sample has a Hessian-vector label; "
                               "append samples with hvp or train with gamma = 0");
    }
    suspects = CompareWithNeighbours(user.all.training, stop);
    fingerprint = Fingerprint();
  }

  // Made when first asked for.
  const Coordinates& CoordinatesOf(Logarithms logarithms, const std::stop_token& stop) {
    std::unique_ptr<Coordinates>& made = coordinates[logarithms];
    if (made == nullptr) {
      made = std::make_unique<Coordinates>(
          samples, deal, user, WithLogarithms(options.composition, logarithms, samples, stop),
          options.loss, options.seed, stop);
    }
    return *made;
  }

  // Those that are promising, unless derivatives relative to tiny values cannot be scaled.
  Logarithms UsableLogarithms(const std::stop_token& stop) {
    const auto entries = static_cast<double>(samples.n) * static_cast<double>(samples.m) *
                         static_cast<double>(deal.numbers.size());
    if (entries > kMaxCopied) return Logarithms::kNone;
    const Logarithms logarithms = PromisingLogarithms(options.composition, samples, stop);
    try {
      CoordinatesOf(logarithms, stop);
      return logarithms;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kFailedPrecondition) throw;
      return Logarithms::kNone;
    }
  }

  SelectionStatus Advance(const std::stop_token& stop) {
    try {
      switch (phase) {
        case Phase::kTrials:
          return AdvanceTrials(stop);
        case Phase::kFinalFit:
          return AdvanceFinalFit(stop);
        case Phase::kCurve:
        case Phase::kValueOnly:
          return AdvanceComparison(stop);
        case Phase::kFinished:
          return SelectionStatus::kFinished;
        case Phase::kFailed:
          break;
      }
      return SelectionStatus::kFailed;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) return SelectionStatus::kCancelled;
      throw;
    }
  }

  // ---- Trials ----

  SelectionStatus AdvanceTrials(const std::stop_token& stop) {
    if (hurried && best) {
      if (fit) trials.back().state = Trial::State::kAbandoned;
      fit.reset();
      phase = FinalFitIsShort() ? Phase::kFinalFit : Phase::kFinished;
      return SelectionStatus::kRunning;
    }
    if (!fit && !StartTrial(stop)) {
      phase = best ? Phase::kFinalFit : Phase::kFailed;
      return SelectionStatus::kRunning;
    }
    Trial& trial = trials.back();
    const double before = fit->Work();
    const bool more = fit->Advance(stop);
    Spend(trial, fit->Work() - before);
    if (more) return SelectionStatus::kRunning;
    FinishFold(trial, stop);
    return trial.state == Trial::State::kRunning ? SelectionStatus::kRunning
                                                 : SelectionStatus::kTrialDone;
  }

  void Spend(Trial& trial, double work) {
    trial.work += work;
    spent += work;
  }

  // The next recipe that fits the budget, if any.
  bool StartTrial(const std::stop_token& stop) {
    std::vector<TriedRecipe> tried;
    for (const Trial& trial : trials)
      tried.push_back({trial.recipe, trial.score, trial.iterations});
    const auto work = [&](const Recipe& recipe) {
      const FoldedData& data = CoordinatesOf(Logarithms::kNone, stop).data();
      return EstimateWork(recipe, data.folds.front().training) *
             static_cast<double>(data.folds.size());
    };
    for (const Recipe& recipe : NextRecipes(facts, tried, work)) {
      if (best && spent + work(recipe) > options.budget) continue;
      trials.push_back({.recipe = recipe});
      fold_errors.clear();
      fold_iterations.clear();
      StartFit(stop);
      return true;
    }
    return false;
  }

  void FinishFold(Trial& trial, const std::stop_token& stop) {
    const FitData& data = user.folds[fold_errors.size()];
    std::shared_ptr<const Surrogate> surrogate = MakeFitted(stop);
    fold_iterations.push_back(fit->BestIteration());
    fit.reset();
    if (surrogate == nullptr) {
      trial.state = Trial::State::kFailed;
      trial.score = std::numeric_limits<double>::infinity();
      return;
    }
    PointErrors by_point;
    fold_errors.push_back(
        ErrorsOn(*surrogate, data.validation, scaling, &by_point, stop, options.loss.huber));
    if (fold_errors.size() == 1) {
      first_fold = surrogate;
      point_errors = {};
    }
    Append(by_point, point_errors);
    trial.errors = MeanOf(fold_errors);
    trial.score = Score(trial.errors);
    if (JudgedByItself()) trial.errors = UnknownErrors();
    std::ranges::sort(fold_iterations);
    trial.iterations = fold_iterations[fold_iterations.size() / 2];
    if (!std::isfinite(trial.score)) {
      trial.state = Trial::State::kFailed;
    } else if (fold_errors.size() == user.folds.size()) {
      trial.state = Trial::State::kFinished;
      if (!best || IsBetter(trial)) {
        best = trials.size() - 1;
        best_surrogate = first_fold;
        best_point_errors = point_errors;
      }
    } else if (best && trial.score > kHopeless * BestTrial().score) {
      trial.state = Trial::State::kAbandoned;
    } else {
      StartFit(stop);
    }
  }

  // What the fit made, in coordinates of the user.
  std::shared_ptr<const Surrogate> MakeFitted(const std::stop_token& stop) {
    return FitCoordinates(stop).Around(fit->MakeSurrogate(), stop);
  }

  // Earlier trials are cheaper, so that a later one must be better clearly or by much.
  bool IsBetter(const Trial& trial) const {
    return trial.score < BestTrial().score &&
           (trial.score < (1 - kWorthwhile) * BestTrial().score ||
            ClearlyLower(point_errors, best_point_errors));
  }

  const Trial& BestTrial() const { return trials[*best]; }

  // A single sample cannot be held out: how good a fit is then remains unknown.
  bool JudgedByItself() const { return user.all.training.NumPoints() == 1; }

  // Whether a fit to all samples takes about as long as may be added to a time limit.
  bool FinalFitIsShort() const {
    return FinalTrial().work <= kShortWork * static_cast<double>(user.folds.size());
  }

  // ---- The winner on all samples ----

  // Whose recipe is fitted to all samples: the best, or the best network if there shall be several.
  const Trial& FinalTrial() const {
    if (options.ensemble_size <= 1) return BestTrial();
    const Trial* network = nullptr;
    for (const Trial& trial : trials) {
      if (trial.recipe.family != Family::kNetwork || !std::isfinite(trial.score)) continue;
      if (network == nullptr || trial.score < network->score) network = &trial;
    }
    return network == nullptr ? BestTrial() : *network;
  }

  // With as many iterations as were best on the folds, because nothing is held out; each member of
  // an ensemble from a start of its own.
  Recipe FinalRecipe() const {
    Recipe recipe = FinalTrial().recipe;
    if (recipe.newton_iterations > 0) {
      const Index least = recipe.adam_steps > 0 || recipe.lbfgs_steps > 0 ? 0 : 1;
      recipe.newton_iterations = std::max(least, FinalTrial().iterations);
    } else if (recipe.lbfgs_steps > 0) {
      recipe.lbfgs_steps = std::max<Index>(1, FinalTrial().iterations);
    }
    recipe.restart += static_cast<Index>(members.size());
    return recipe;
  }

  SelectionStatus AdvanceFinalFit(const std::stop_token& stop) {
    if (!fit) StartFit(stop);
    if (fit->Advance(stop)) return SelectionStatus::kRunning;
    std::shared_ptr<const Surrogate> refitted = MakeFitted(stop);
    fit.reset();
    const bool ensemble =
        options.ensemble_size > 1 && FinalTrial().recipe.family == Family::kNetwork;
    if (ensemble && refitted != nullptr) {
      members.push_back(refitted);
      if (static_cast<Index>(members.size()) < options.ensemble_size) {
        return SelectionStatus::kRunning;
      }
      best_surrogate = std::make_shared<EnsembleSurrogate>(members);
    } else if (refitted != nullptr) {
      // A fit to all samples knows those of the first fold; if it is not better there, it went
      // wrong.
      const LabelledPoints& known = user.folds.front().validation;
      const double score = ScoreOn(*refitted, known, scaling, stop, options.loss.huber);
      if (score <= ScoreOn(*best_surrogate, known, scaling, stop, options.loss.huber)) {
        best_surrogate = refitted;
      }
    }
    phase = hurried || JudgedByItself() ? Phase::kFinished : Phase::kCurve;
    fold_errors.clear();
    return SelectionStatus::kRunning;
  }

  // ---- Comparisons for the report ----

  SelectionStatus AdvanceComparison(const std::stop_token& stop) {
    if (hurried) {
      phase = Phase::kFinished;
      fit.reset();
      return SelectionStatus::kFinished;
    }
    if (!fit) StartFit(stop);
    if (fit->Advance(stop)) return SelectionStatus::kRunning;
    const FitData& data = user.folds[fold_errors.size()];
    const std::shared_ptr<const Surrogate> surrogate = MakeFitted(stop);
    fit.reset();
    if (surrogate == nullptr) {
      FinishComparison();
      return SelectionStatus::kRunning;
    }
    fold_errors.push_back(
        ErrorsOn(*surrogate, data.validation, scaling, nullptr, stop, options.loss.huber));
    if (phase == Phase::kValueOnly && suspects.empty()) {
      suspects = CompareWithValues(data.validation, *surrogate, scaling,
                                   fold_errors.back().value_relative, stop);
    }
    if (fold_errors.size() == user.folds.size()) {
      std::vector<CurvePoint>& points = phase == Phase::kCurve ? curve : value_only;
      const Index num_points =
          phase == Phase::kCurve ? comparison.training.NumPoints() : data.training.NumPoints();
      points.push_back({.num_samples = num_points, .errors = MeanOf(fold_errors)});
      FinishComparison();
    }
    return SelectionStatus::kRunning;
  }

  // On to the next point of the curve or the next phase.
  void FinishComparison() {
    fold_errors.clear();
    ++comparisons;
    if (phase == Phase::kCurve && comparisons < std::size(kCurveShares)) return;
    const bool was_curve = phase == Phase::kCurve;
    // Without derivative labels everything was fitted to values alone.
    phase = was_curve && loss.beta + loss.gamma > 0 ? Phase::kValueOnly : Phase::kFinished;
  }

  // Whose recipe the phase works on.
  const Trial& FitTrial() const { return phase == Phase::kTrials ? trials.back() : FinalTrial(); }

  // In which it is fitted.
  const Coordinates& FitCoordinates(const std::stop_token& stop) {
    return CoordinatesOf(FitTrial().recipe.logarithms, stop);
  }

  // The fit that the phase works on.
  void StartFit(const std::stop_token& stop) {
    Recipe recipe = FitTrial().recipe;
    const auto& [all, folds] = FitCoordinates(stop).data();
    const FitData* data = &all;
    switch (phase) {
      case Phase::kTrials:
        data = &folds[fold_errors.size()];
        break;
      case Phase::kFinalFit:
        recipe = FinalRecipe();
        break;
      case Phase::kCurve:
        comparison = FirstPart(folds[fold_errors.size()], kCurveShares[comparisons]);
        data = &comparison;
        break;
      case Phase::kValueOnly:
        recipe.derivatives = false;
        recipe.rank = 0;  // Directions come from derivatives too.
        data = &folds[fold_errors.size()];
        break;
      case Phase::kFinished:
      case Phase::kFailed:
        return;
    }
    fit = MakeFit(recipe, *data);
  }

  // ---- State ----

  std::uint64_t Fingerprint() const {
    Hasher hasher;
    hasher.Add(kStateVersion);
    hasher.Add(BestIsa());
    hasher.Add(options.seed);
    hasher.Add(options.budget);
    hasher.Add(options.ensemble_size);
    for (const nn::Slope slope : options.shape.slopes) hasher.Add(slope);
    hasher.Add(options.shape.convexity);
    for (const Recipe& recipe : options.recipes) {
      const std::string name = Name(recipe);
      hasher.Add(name.data(), name.size());
    }
    hasher.Add(options.loss.alpha.value_or(-1));
    hasher.Add(options.loss.beta.value_or(-1));
    hasher.Add(options.loss.gamma.value_or(-1));
    hasher.Add(options.loss.derivatives);
    hasher.Add(options.loss.huber.value_or(0));
    hasher.Add(options.loss.derivative_scale.has_value());
    hasher.Add(options.loss.derivative_scale.value_or(DerivativeScale::kPerOutput));
    Add(options.composition, hasher);
    const LabelledPoints& points = user.all.training;
    for (const Matrix* matrix : {&points.X, &points.Y, &points.J, &points.Y_weight,
                                 &points.J_weight, &points.tangents.X_dot, &points.tangents.Y_dot,
                                 &points.adjoints.X_bar, &points.curvatures.H_v}) {
      hasher.Add(matrix->data(), static_cast<std::size_t>(matrix->size()) * sizeof(double));
    }
    for (const Vector* vector :
         {&points.weight, &scaling.x_mean, &scaling.x_scale, &scaling.y_mean, &scaling.y_scale}) {
      hasher.Add(vector->data(), static_cast<std::size_t>(vector->size()) * sizeof(double));
    }
    return hasher.Finish();
  }

  std::string SaveState() const {
    ByteWriter writer;
    writer.Write(kStateVersion);
    writer.Write(fingerprint);
    writer.Write(phase);
    writer.Write(hurried);
    writer.Write(spent);
    WriteEach(writer, trials);
    writer.Write(best.has_value());
    writer.Write(best.value_or(0));
    Write(writer, best_surrogate);
    Write(writer, first_fold);
    WriteEach(writer, members);
    writer.Write(comparisons);
    WriteEach(writer, curve);
    WriteEach(writer, value_only);
    WriteEach(writer, fold_errors);
    writer.Write(fold_iterations.size());
    writer.WriteAll(std::span<const Index>(fold_iterations));
    Write(writer, best_point_errors);
    Write(writer, point_errors);
    writer.Write(fit != nullptr);
    if (fit != nullptr) fit->Save(writer);
    return std::move(writer).Finish();
  }

  // Nothing has changed when it throws: the reader has checked the hash, and the fingerprint says
  // that the rest is as SaveState wrote it.
  void LoadState(std::string_view state) {
    ByteReader reader(state);
    const auto version = reader.Read<std::uint64_t>();
    if (version != kStateVersion || reader.Read<std::uint64_t>() != fingerprint) {
      throw Error(ErrorCode::kDataLoss, "STATE_MISMATCH", "state",
                  "expected the state of a selection with the same samples, options, instruction "
                  "set and program version, got one of another; start the training anew");
    }
    phase = reader.Read<Phase>();
    hurried = reader.Read<bool>();
    spent = reader.Read<double>();
    trials = ReadEach(reader, ReadTrial);
    const bool has_best = reader.Read<bool>();
    const auto best_index = reader.Read<std::size_t>();
    best = has_best ? std::optional(best_index) : std::nullopt;
    best_surrogate = ReadSurrogate(reader);
    first_fold = ReadSurrogate(reader);
    members = ReadEach(reader, ReadSurrogate);
    comparisons = reader.Read<std::size_t>();
    curve = ReadEach(reader, ReadCurvePoint);
    value_only = ReadEach(reader, ReadCurvePoint);
    fold_errors = ReadEach(reader, ReadErrors);
    fold_iterations = reader.ReadAll<Index>(reader.Read<std::size_t>());
    best_point_errors = ReadPointErrors(reader);
    point_errors = ReadPointErrors(reader);
    fit.reset();
    if (!reader.Read<bool>()) return;
    StartFit({});
    fit->Load(reader);
  }

  const SelectionOptions options;
  const SampleSet& samples;
  const Index num_samples;
  nn::Scaling scaling;
  Deal deal;
  FoldedData user;  // In the user's coordinates, in which everything is judged.
  std::map<Logarithms, std::unique_ptr<Coordinates>> coordinates;
  PortfolioFacts facts;
  LossWeights loss;
  std::vector<SuspectLabel> suspects;
  std::uint64_t fingerprint = 0;

  Phase phase = Phase::kTrials;
  bool hurried = false;
  double spent = 0;
  std::vector<Trial> trials;
  std::optional<std::size_t> best;  // Of trials.
  std::shared_ptr<const Surrogate> best_surrogate;
  PointErrors best_point_errors;
  std::vector<std::shared_ptr<const Surrogate>> members;  // Of the ensemble so far.
  std::vector<CurvePoint> curve;
  std::vector<CurvePoint> value_only;
  std::size_t comparisons = 0;  // Finished, successful or not.

  // Of the trial or comparison that runs.
  std::vector<Errors> fold_errors;
  std::vector<Index> fold_iterations;
  PointErrors point_errors;  // Of the folds so far.
  std::shared_ptr<const Surrogate> first_fold;
  FitData comparison;
  std::unique_ptr<Fit> fit;
};

Selection::Selection(const SampleSet& samples, const SelectionOptions& options,
                     const std::stop_token& stop)
    : impl_(std::make_unique<Impl>(samples, options, stop)) {}

Selection::~Selection() = default;

SelectionStatus Selection::Advance(const std::stop_token& stop) { return impl_->Advance(stop); }

void Selection::Hurry() { impl_->hurried = true; }

const nn::Scaling& Selection::scaling() const { return impl_->scaling; }

const LossWeights& Selection::loss() const { return impl_->loss; }

std::vector<Trial> Selection::Leaderboard() const {
  std::vector<Trial> board = impl_->trials;
  std::ranges::stable_sort(board, [](const Trial& left, const Trial& right) {
    const bool left_done = left.state == Trial::State::kFinished;
    const bool right_done = right.state == Trial::State::kFinished;
    if (left_done != right_done) return left_done;
    return left.score < right.score;
  });
  return board;
}

const Trial* Selection::Best() const { return impl_->best ? &impl_->FinalTrial() : nullptr; }

double Selection::Progress() const {
  switch (impl_->phase) {
    case Impl::Phase::kTrials:
    case Impl::Phase::kFinalFit:
      return std::min(0.99, impl_->spent / impl_->options.budget);
    default:
      return 1;
  }
}

const std::vector<CurvePoint>& Selection::LearningCurve() const { return impl_->curve; }

const std::vector<CurvePoint>& Selection::ValueOnly() const { return impl_->value_only; }

const std::vector<SuspectLabel>& Selection::Suspects() const { return impl_->suspects; }

Index Selection::NumTrainingSamples() const { return impl_->user.all.training.NumPoints(); }

Index Selection::NumValidationSamples() const {
  if (impl_->JudgedByItself()) return 0;
  Index count = 0;
  for (const FitData& fold : impl_->user.folds) count += fold.validation.NumPoints();
  return count;
}

std::shared_ptr<const Surrogate> Selection::MakeSurrogate() const { return impl_->best_surrogate; }

std::string Selection::SaveState() const { return impl_->SaveState(); }

void Selection::LoadState(std::string_view state) { impl_->LoadState(state); }

}  // namespace sobolev::train
