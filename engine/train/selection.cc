#include "engine/train/selection.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/coordinates.h"
#include "engine/train/errors.h"
#include "engine/train/fit.h"
#include "engine/train/fold_run.h"
#include "engine/train/label_checks.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/sample_checks.h"
#include "engine/train/samples.h"
#include "engine/train/selection_data.h"
#include "engine/train/selection_options.h"
#include "engine/train/taylor_fit.h"
#include "engine/train/trial.h"
#include "engine/train/trial_board.h"
#include "engine/train/trial_codec.h"

namespace sobolev::train {

namespace {

// Changes with everything that makes old states continue to other bits.
constexpr std::uint64_t kStateVersion = 8;

// Multiply-adds that are done in about a second.
constexpr double kShortWork = 1e10;
// Shares of the training points of the learning curve.
constexpr double kCurveShares[] = {0.25, 0.5};
// Of the budget, on top of it, that a comparison for the report may take.
constexpr double kComparisonShare = 0.2;
// Likewise, that local Taylor models of what the best misses may take.
constexpr double kTaylorShare = 0.1;
// Besides, up to so many multiply-adds, as a share of the budget, look for mistakes in labels.
constexpr double kCheckShare = 0.05;
constexpr double kMostCheckWork = 2e9;

// The fits of a trial to all folds.
struct FittedBases {
  Recipe recipe;  // Without local Taylor models.
  double score = std::numeric_limits<double>::infinity();
  double work = 0;                // Multiply-adds of all of them.
  std::vector<FittedBase> folds;  // One each; none if no recipe led to any.

  bool Suit(const Recipe& other) const {
    return !folds.empty() && other.taylor_order > 0 && WithoutTaylor(other) == recipe;
  }
};

}  // namespace

struct Selection::Impl {
  // What the machine does next.
  enum class Phase { kTrials, kFinalFit, kCurve, kValueOnly, kFinished, kFailed };

  Impl(const SampleSet& samples, const SelectionOptions& selection_options,
       const std::stop_token& stop)
      : data(samples, selection_options, stop),
        options(data.options()),
        suspects(FindSuspects(data.user().all.training, data.scaling(),
                              std::min(kMostCheckWork, kCheckShare * options.budget), stop)),
        fingerprint(data.Fingerprint()) {}

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
    if (hurried && board.HasBest()) {
      if (run) board.Current().state = Trial::State::kAbandoned;
      run.reset();
      phase = FinalFitIsShort() ? Phase::kFinalFit : Phase::kFinished;
      return SelectionStatus::kRunning;
    }
    if (hurried && run && run->HasModel()) return CutTrial(stop);
    if (!run && !StartTrial(stop)) {
      phase = board.HasBest() ? Phase::kFinalFit : Phase::kFailed;
      return SelectionStatus::kRunning;
    }
    Trial& trial = board.Current();
    const bool more = run->Advance(stop);
    trial.work = run->Work();
    if (more) return SelectionStatus::kRunning;
    FinishFold(trial, stop);
    if (trial.state == Trial::State::kRunning) return SelectionStatus::kRunning;
    run.reset();
    return SelectionStatus::kTrialDone;
  }

  // Of the next recipe that fits the budget, if any.
  bool StartTrial(const std::stop_token& stop) {
    const FoldedData& plain = data.CoordinatesOf(Logarithms::kNone, stop).data();
    const auto work = [&](const Recipe& recipe) {
      const auto num_folds = static_cast<double>(plain.folds.size());
      return bases.Suit(recipe)
                 ? num_folds * EstimateTaylorWork(recipe, plain.folds.front().training)
                 : WorkOnFolds(recipe, plain);
    };
    for (const Recipe& recipe : NextRecipes(data.facts(), board.Tried(), work)) {
      const double budget = options.budget * (bases.Suit(recipe) ? 1 + kTaylorShare : 1);
      if (board.HasBest() && board.Work() + work(recipe) > budget) continue;
      board.Begin(recipe);
      StartRun(stop);
      return true;
    }
    return false;
  }

  static double WorkOnFolds(const Recipe& recipe, const FoldedData& folded) {
    return EstimateWork(recipe, folded.folds.front().training) *
           static_cast<double>(folded.folds.size());
  }

  // The trial at work is the only one: what it has come to is the model.
  SelectionStatus CutTrial(const std::stop_token& stop) {
    FinishFold(board.Current(), stop);
    run.reset();
    if (board.HasBest()) phase = Phase::kFinished;
    return SelectionStatus::kTrialDone;
  }

  void FinishFold(Trial& trial, const std::stop_token& stop) {
    const FoldRun::Result result = run->Judge(stop);
    if (result.surrogate == nullptr) {
      trial.state = Trial::State::kFailed;
      trial.score = std::numeric_limits<double>::infinity();  // It may have had one of other folds.
      return;
    }
    run->Add(result);
    trial.errors = run->MeanErrors();
    trial.score = Score(trial.errors);
    if (data.JudgedByItself()) trial.errors = {};
    trial.iterations = run->MedianIterations();
    if (!std::isfinite(trial.score)) {
      trial.state = Trial::State::kFailed;
    } else if (run->Done() || hurried) {
      KeepBases(trial);
      if (board.Finish(run->by_point())) {
        best_surrogate = run->first();
        best_errors = HeldOutErrorsOf(*best_surrogate, data.user().folds.front().validation,
                                      StepsOf(0, stop), data.scaling(), stop);
      }
    } else if (trial.errors.IsKnown() && board.IsHopeless()) {
      trial.state = Trial::State::kAbandoned;
    }
  }

  // What local Taylor models may be put on.
  void KeepBases(const Trial& trial) {
    if (run->bases().empty() || !run->Done() || trial.score >= bases.score) return;
    if (bases.Suit(trial.recipe)) return;
    bases = {.recipe = WithoutTaylor(trial.recipe),
             .score = trial.score,
             .work = run->Work(),
             .folds = run->bases()};
  }

  // Whether the fits to all samples take about as long as may be added to a time limit.
  bool FinalFitIsShort() const {
    const double work = FinalTrial().work + (bases.Suit(FinalTrial().recipe) ? bases.work : 0);
    return static_cast<double>(options.ensemble_size) * work <=
           kShortWork * static_cast<double>(data.user().folds.size());
  }

  // ---- The winner on all samples ----

  // Whose recipe is fitted to all samples.
  const Trial& FinalTrial() const {
    return options.ensemble_size > 1 ? board.BestNetwork() : board.Best();
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

  const Coordinates& FinalCoordinates(const std::stop_token& stop) {
    return data.CoordinatesOf(FinalTrial().recipe.logarithms, stop);
  }

  void StartFinalFit(const std::stop_token& stop) {
    final_fit = MakeFit(FinalRecipe(), FinalCoordinates(stop).data().all);
  }

  SelectionStatus AdvanceFinalFit(const std::stop_token& stop) {
    const bool cut = hurried && !FinalFitIsShort();
    if (!cut) {
      if (!final_fit) StartFinalFit(stop);
      if (final_fit->Advance(stop)) return SelectionStatus::kRunning;
      if (IsEnsemble() && AddMember(stop)) return SelectionStatus::kRunning;
    }
    TakeFinalFit(stop);
    final_fit.reset();
    phase = hurried || data.JudgedByItself() ? Phase::kFinished : Phase::kCurve;
    return SelectionStatus::kRunning;
  }

  bool IsEnsemble() const {
    return options.ensemble_size > 1 && FinalTrial().recipe.family == Family::kNetwork;
  }

  // The final fit becomes a member, if it led to a model. Returns whether another one is to follow.
  bool AddMember(const std::stop_token& stop) {
    const std::shared_ptr<const Surrogate> member = Refitted(stop);
    final_fit.reset();
    if (member == nullptr) return false;
    members.push_back(member);
    return static_cast<Index>(members.size()) < options.ensemble_size;
  }

  // Null if the final fit, which may be unfinished, led to no model yet.
  std::shared_ptr<const Surrogate> Refitted(const std::stop_token& stop) {
    if (!final_fit) return nullptr;
    return FinalCoordinates(stop).Around(final_fit->MakeSurrogate(), stop);
  }

  // The members that are finished, or a single fit.
  void TakeFinalFit(const std::stop_token& stop) {
    if (!members.empty()) {
      best_surrogate = std::make_shared<EnsembleSurrogate>(members);
    } else if (const auto refitted = Refitted(stop);
               refitted != nullptr && KnowsTheFirstFold(*refitted, stop)) {
      best_surrogate = refitted;
    }
  }

  // A fit to all samples knows those of the first fold; if it is not better there than the one that
  // did not, it went wrong.
  bool KnowsTheFirstFold(const Surrogate& refitted, const std::stop_token& stop) const {
    const LabelledPoints& known = data.user().folds.front().validation;
    const std::optional<double> huber = options.loss.huber;
    return ScoreOn(refitted, known, data.scaling(), stop, huber) <=
           ScoreOn(*best_surrogate, known, data.scaling(), stop, huber);
  }

  // ---- Comparisons for the report ----

  SelectionStatus AdvanceComparison(const std::stop_token& stop) {
    if (hurried) {
      phase = Phase::kFinished;
      run.reset();
      return SelectionStatus::kFinished;
    }
    if (!run && ComparisonWork(stop) > kComparisonShare * options.budget) {
      FinishComparison();
      return SelectionStatus::kRunning;
    }
    if (!run) StartRun(stop);
    if (run->Advance(stop)) return SelectionStatus::kRunning;
    const FoldRun::Result result = run->Judge(stop);
    if (result.surrogate != nullptr) {
      if (phase == Phase::kValueOnly && Suspects().empty()) {
        suspects =
            CompareWithValues(data.user().folds[run->fold()].validation, StepsOf(run->fold(), stop),
                              *result.surrogate, data.scaling(), stop);
      }
      run->Add(result);
      if (!run->Done()) return SelectionStatus::kRunning;
      std::vector<CurvePoint>& points = phase == Phase::kCurve ? curve : value_only;
      points.push_back({.num_samples = result.num_points, .errors = run->MeanErrors()});
    }
    FinishComparison();
    return SelectionStatus::kRunning;
  }

  // From the points held out of a fold to the nearest fitted ones; kept, because every new best
  // surrogate asks.
  const Matrix& StepsOf(std::size_t fold, const std::stop_token& stop) {
    const auto found = steps.find(fold);
    if (found != steps.end()) return found->second;
    const FitData& points = data.user().folds[fold];
    return steps.emplace(fold, StepsToNearest(points.validation.X, points.training.X, stop))
        .first->second;
  }

  std::vector<SuspectLabel> Suspects() const {
    return board.HasBest() ? WithoutRefuted(suspects, best_errors) : suspects;
  }

  // On to the next point of the curve or the next phase.
  void FinishComparison() {
    run.reset();
    ++comparisons;
    if (phase == Phase::kCurve && comparisons < std::size(kCurveShares)) return;
    const bool was_curve = phase == Phase::kCurve;
    // Without derivative labels everything was fitted to values alone.
    const bool derivatives = data.loss().beta + data.loss().gamma > 0;
    phase = was_curve && derivatives ? Phase::kValueOnly : Phase::kFinished;
  }

  double ComparisonWork(const std::stop_token& stop) {
    const Recipe recipe = RunRecipe();
    return CurveShare().value_or(1) *
           WorkOnFolds(recipe, data.CoordinatesOf(recipe.logarithms, stop).data());
  }

  // Of the current trial or comparison.
  Recipe RunRecipe() const {
    if (phase == Phase::kTrials) return board.Current().recipe;
    Recipe recipe = FinalTrial().recipe;
    if (phase == Phase::kValueOnly) {
      recipe.derivatives = false;
      recipe.rank = 0;  // Directions come from derivatives too.
    }
    return recipe;
  }

  // Of the points that the comparison at work is fitted to.
  std::optional<double> CurveShare() const {
    if (phase != Phase::kCurve) return std::nullopt;
    return kCurveShares[comparisons];
  }

  void StartRun(const std::stop_token& stop) {
    const Recipe recipe = RunRecipe();
    const std::optional<double> share = CurveShare();
    const bool suit = phase == Phase::kTrials && bases.Suit(recipe);
    run.emplace(data.user(), data.CoordinatesOf(recipe.logarithms, stop), recipe, share,
                suit ? bases.folds : std::vector<FittedBase>());
  }

  // ---- State ----

  std::string SaveState() const {
    ByteWriter writer;
    writer.Write(kStateVersion);
    writer.Write(fingerprint);
    writer.Write(phase);
    writer.Write(hurried);
    board.Save(writer);
    Write(writer, best_surrogate);
    Write(writer, best_errors);
    Write(writer, bases.recipe);
    writer.Write(bases.score);
    writer.Write(bases.work);
    WriteEach(writer, bases.folds);
    WriteEach(writer, suspects);
    WriteEach(writer, members);
    WriteEach(writer, curve);
    WriteEach(writer, value_only);
    writer.Write(comparisons);
    writer.Write(run.has_value());
    if (run) run->Save(writer);
    writer.Write(final_fit != nullptr);
    if (final_fit) final_fit->Save(writer);
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
    board.Load(reader);
    best_surrogate = ReadSurrogate(reader);
    best_errors = ReadHeldOutErrors(reader);
    bases.recipe = ReadRecipe(reader);
    bases.score = reader.Read<double>();
    bases.work = reader.Read<double>();
    bases.folds = ReadEach(reader, ReadFittedBase);
    suspects = ReadEach(reader, ReadSuspectLabel);
    members = ReadEach(reader, ReadSurrogate);
    curve = ReadEach(reader, ReadCurvePoint);
    value_only = ReadEach(reader, ReadCurvePoint);
    comparisons = reader.Read<std::size_t>();
    run.reset();
    if (reader.Read<bool>()) {
      StartRun({});
      run->Load(reader);
    }
    final_fit.reset();
    if (reader.Read<bool>()) {
      StartFinalFit({});
      final_fit->Load(reader);
    }
  }

  SelectionData data;
  const SelectionOptions& options;  // Of the data.
  std::vector<SuspectLabel> suspects;
  const std::uint64_t fingerprint;

  Phase phase = Phase::kTrials;
  bool hurried = false;
  TrialBoard board;
  std::shared_ptr<const Surrogate> best_surrogate;
  HeldOutErrors best_errors;                              // Of the best trial, on the first fold.
  FittedBases bases;                                      // Of the best trial that has some.
  std::map<std::size_t, Matrix> steps;                    // By fold; derived, so not saved.
  std::vector<std::shared_ptr<const Surrogate>> members;  // Of the ensemble so far.
  std::vector<CurvePoint> curve;
  std::vector<CurvePoint> value_only;
  std::size_t comparisons = 0;  // Finished, successful or not.
  std::optional<FoldRun> run;   // Of the trial or comparison at work.
  std::unique_ptr<Fit> final_fit;
};

Selection::Selection(const SampleSet& samples, const SelectionOptions& options,
                     const std::stop_token& stop)
    : impl_(std::make_unique<Impl>(samples, options, stop)) {}

Selection::~Selection() = default;

SelectionStatus Selection::Advance(const std::stop_token& stop) { return impl_->Advance(stop); }

void Selection::Hurry() { impl_->hurried = true; }

const nn::Scaling& Selection::scaling() const { return impl_->data.scaling(); }

const LossWeights& Selection::loss() const { return impl_->data.loss(); }

std::vector<Trial> Selection::Leaderboard() const { return impl_->board.Sorted(); }

const Trial* Selection::Best() const {
  return impl_->board.HasBest() ? &impl_->FinalTrial() : nullptr;
}

std::vector<HeldOutSample> Selection::HeldOutSamples() const {
  if (!impl_->board.HasBest() || &impl_->FinalTrial() != &impl_->board.Best()) return {};
  return impl_->data.HeldOutSamples(impl_->board.BestByPoint());
}

double Selection::Progress() const {
  switch (impl_->phase) {
    case Impl::Phase::kTrials:
    case Impl::Phase::kFinalFit:
      return std::min(0.99, impl_->board.Work() / impl_->options.budget);
    default:
      return 1;
  }
}

const std::vector<CurvePoint>& Selection::LearningCurve() const { return impl_->curve; }

const std::vector<CurvePoint>& Selection::ValueOnly() const { return impl_->value_only; }

std::vector<SuspectLabel> Selection::Suspects() const { return impl_->Suspects(); }

Index Selection::NumTrainingSamples() const { return impl_->data.user().all.training.NumPoints(); }

Index Selection::NumValidationSamples() const { return impl_->data.NumHeldOut(); }

Index Selection::NumJacobians() const { return impl_->data.NumJacobians(); }

std::shared_ptr<const Surrogate> Selection::MakeSurrogate() const { return impl_->best_surrogate; }

std::string Selection::SaveState() const { return impl_->SaveState(); }

void Selection::LoadState(std::string_view state) { impl_->LoadState(state); }

}  // namespace sobolev::train
