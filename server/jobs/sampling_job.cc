#include "server/jobs/sampling_job.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/chain/program_surrogate.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/model_error.h"
#include "engine/sampling/placement.h"
#include "engine/surrogate/held_out_sample.h"
#include "engine/train/surrogate_codec.h"
#include "proto/sobolev/v1/sampling.pb.h"
#include "server/base/log.h"
#include "server/base/stored_id.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/convert/sampling.h"
#include "server/convert/sampling_domain.h"
#include "server/jobs/sampling_boxes.h"
#include "server/jobs/sampling_desk.h"
#include "server/jobs/sampling_goal.h"
#include "server/jobs/sampling_placer.h"
#include "server/jobs/sampling_program.h"
#include "server/jobs/sampling_pull.h"
#include "server/jobs/sampling_rules.h"
#include "server/jobs/sampling_upload.h"
#include "server/jobs/training_run.h"
#include "server/programs/stored_program.h"

namespace sobolev::server {
namespace {

using std::chrono::steady_clock;

constexpr std::int64_t kLeastRound = 4;
// Points that turn out to be infeasible or fail are replaced until there are so many times as many
// of them as there should be others.
constexpr std::int64_t kEffort = 20;
// How often the job looks at its points and requests.
constexpr std::chrono::milliseconds kWait{200};
constexpr std::uint64_t kStateVersion = 1;
constexpr std::int64_t kAllPoints = std::numeric_limits<std::int64_t>::max();

class SamplingWork : public JobWork {
 public:
  explicit SamplingWork(const JobContext& context)
      : context_(context),
        store_(context.environment.store),
        tenant_(TenantOf(context.job.model_id)) {
    const TenantScope tenant(tenant_);
    v1::StartSamplingRequest request;
    request.ParseFromString(context.job.spec);
    spec_ = request.spec();
    known_spec_ = store_.GetSampling(context.job.id).spec;
    if (!known_spec_.empty()) spec_.ParseFromString(known_spec_);
    schema_.ParseFromString(store_.GetDataset(context.job.dataset_id).schema);
    if (!spec_.program().empty()) program_ = LoadProgram(store_, spec_.program(), "spec.program");
    placer_.emplace(spec_, ToDomain(spec_, schema_, LoadConstraints(), context.stop), schema_);
    Resume();
    Revise();
    if (spec_.has_um_bridge()) {
      RequireAllowedHosts(spec_.um_bridge(), context.environment.um_bridge_hosts);
      pull_.emplace(context_, spec_, schema_.inputs_size(), schema_.outputs_size());
    }
  }

  Status Advance(const std::stop_token& stop) override {
    if (stop.stop_requested()) return Status::kCancelled;
    const steady_clock::time_point now = context_.environment.clock.Steady();
    if (run_ && now - last_look_ < kWait && HasSlot()) return AdvanceTraining(stop);
    last_look_ = now;
    if (pull_) pull_->RequireSound();
    const SamplingRecord record = store_.GetSampling(context_.job.id);
    TakeUp(record);
    Count();
    TrimQueue();
    if (!record.paused && !record.stop_requested && !final_rule_) KeepSampling(stop);
    if (!saved_round_.empty()) {
      if (HasSlot()) {
        ResumeRound(std::exchange(saved_round_, ""));
      } else {
        Wait(kWait, stop);
      }
      return Status::kRunning;
    }
    if (run_) {
      const bool may_train = HasSlot();
      Wait(may_train ? std::chrono::milliseconds(0) : kWait, stop);
      return may_train ? AdvanceTraining(stop) : Status::kRunning;
    }
    ChooseEnd(record);
    if (IsLast(record) && HasRounds() && counts_.done == Evaluations()) {
      return End(record) ? Status::kFinished : Status::kRunning;
    }
    if (!IsRoundDue(record)) {
      place_.reset();
      Wait(kWait, stop);
    } else if (HasSlot()) {
      StartRound();
    } else {
      Wait(kWait, stop);
    }
    return Status::kRunning;
  }

  std::size_t NewsCount() const override { return news_ + (run_ ? run_->NewsCount() : 0); }

  v1::TrainingProgress Progress() const override {
    v1::TrainingProgress progress = run_ ? run_->Progress() : v1::TrainingProgress();
    v1::SamplingProgress& sampling = *progress.mutable_sampling();
    *sampling.mutable_counts() = ToProto(counts_);
    sampling.set_cost(SpentCost(counts_, spec_));
    progress.set_fraction(
        HasEnded() ? 1 : StopFraction(spec_.stop_rules(), StatusNow(), state_.rounds()));
    if (!state_.rounds().empty()) *sampling.mutable_round() = *state_.rounds().rbegin();
    return progress;
  }

  // The training of a round; all else is in the store.
  std::string SaveState() const override {
    if (!run_) return saved_round_;
    ByteWriter writer;
    writer.Write(kStateVersion);
    writer.Write(static_cast<std::int64_t>(state_.rounds_size()));
    writer.Write(evaluations_);
    writer.Write(snapshot_->version());
    const std::string of_run = run_->SaveState();
    writer.Write(of_run.size());
    writer.WriteAll(std::span<const char>(of_run));
    return std::move(writer).Finish();
  }

  // Taken up once the job may train.
  void LoadState(std::string_view state) override { saved_round_ = state; }

  JobResult Result() const override { return result_; }

 private:
  Lease OwnLease() const { return {.job_id = context_.job.id, .epoch = context_.job.lease_epoch}; }
  bool HasEnded() const { return state_.stop_reason() != v1::Sampling::STOP_REASON_UNSPECIFIED; }
  // Until the bell rings.
  void Wait(std::chrono::milliseconds time, const std::stop_token& stop) {
    missing_ = context_.environment.desk.Wait(context_.job.id, time, stop);
  }
  // Whether it may train now; takes its place in the line, if it has none.
  bool HasSlot() {
    if (!place_) place_.emplace(context_.environment.slots);
    return place_->HasSlot();
  }
  bool HasRounds() const { return !state_.rounds().empty(); }
  std::int64_t Evaluations() const {
    return HasRounds() ? state_.rounds().rbegin()->evaluations() : 0;
  }
  SamplingStatus StatusNow() const {
    const std::int64_t micros =
        context_.environment.clock.WallMicros() - context_.job.create_micros;
    return {.evaluations = counts_.done,
            .cost = SpentCost(counts_, spec_),
            .seconds = static_cast<double>(micros) * 1e-6};
  }

  // Null without constraints.
  std::shared_ptr<const program::Program> LoadConstraints() const {
    if (spec_.constraint_program().empty()) return nullptr;
    const auto surrogate =
        LoadProgram(store_, spec_.constraint_program(), "spec.constraint_program");
    return {surrogate, &surrogate->program()};
  }

  // What an earlier attempt left: its last round, if that was to be the end and has no version, is
  // made again.
  void Resume() {
    state_.ParseFromString(store_.GetSampling(context_.job.id).state);
    if (HasEnded()) {
      if (state_.rounds().rbegin()->model_version().empty()) state_.mutable_rounds()->RemoveLast();
      GoOn();
    }
    counts_ = store_.CountSamplingPoints(context_.job.id);
    if (counts_.uploads > 0) Upload(counts_.uploads);
    if (context_.job.dataset_version > 0) {
      seeds_ = store_.OpenSnapshot(context_.job.dataset_id, context_.job.dataset_version)
                   ->samples()
                   .NumSamples();
    }
    if (counts_.uploads + seeds_ > 0) {
      placer_->Learn(OpenVerifiedSnapshot(context_, 0)->samples(), counts_.uploads);
    }
    if (HasRounds()) placer_->MeasureNoise(!state_.warnings().empty(), context_.stop);
    const int rounds = state_.rounds_size();
    for (int i = std::max(0, rounds - 2); i < rounds; ++i) {
      placer_->Trust(ModelOf(state_.rounds(i)));
    }
  }

  // Not the end, after all.
  void GoOn() {
    state_.clear_stop_reason();
    state_.clear_stop_rule();
    SaveRounds();
  }

  // What UpdateSampling has said since the last call.
  void TakeUp(const SamplingRecord& record) {
    if (record.spec == known_spec_) return;
    known_spec_ = record.spec;
    spec_.ParseFromString(record.spec);
    Revise();
  }

  // Notes what the spec says now, if that is new, and whether its rules hold already.
  void Revise() {
    const v1::SamplingChange now = ChangeableOf(spec_);
    const auto& revisions = state_.revisions();
    if (!revisions.empty() &&
        SerializeDeterministic(revisions.rbegin()->spec()) == SerializeDeterministic(now)) {
      return;
    }
    v1::SamplingRevision& revision = *state_.add_revisions();
    *revision.mutable_spec() = now;
    *revision.mutable_time() = ToTimestamp(context_.environment.clock.WallMicros());
    final_rule_.reset();
    if (HasRounds()) ChooseEndAfterRound(Evaluations());
    SaveRounds();
  }

  std::shared_ptr<const Surrogate> ModelOf(const v1::SamplingRound& round) const {
    const ModelRef model = ParseModelName(round.model_version(), "model");
    return context_.environment.models.Get(context_.job.model_id, model.version)->surrogate;
  }

  // What is new shows in the progress. Points of workers that vanished go back to the queue.
  void Count() {
    if (counts_.leased > 0) {
      store_.ExpireSamplingLeases(context_.job.id,
                                  {.now_micros = context_.environment.clock.WallMicros(),
                                   .max_attempts = spec_.max_attempts()});
    }
    const SamplingPointCounts before =
        std::exchange(counts_, store_.CountSamplingPoints(context_.job.id));
    if (counts_ != before) ++news_;
  }

  // ---- Points -----------------------------------------------------------------------------------

  // Points of the round that follows so many evaluations.
  std::int64_t RoundSize(std::int64_t evaluations) const {
    const double share = spec_.round_fraction() * static_cast<double>(seeds_ + evaluations);
    return std::max(kLeastRound, static_cast<std::int64_t>(std::ceil(share)));
  }

  std::int64_t Outstanding() const { return counts_.queued + counts_.leased; }
  std::int64_t Dead() const { return counts_.infeasible + counts_.failed; }
  std::int64_t Total() const { return Outstanding() + counts_.done + Dead(); }

  // How many points the queue is short of.
  std::int64_t Shortage() const {
    if (is_exhausted_) return 0;
    std::int64_t wanted = 0;
    if (!HasRounds()) {
      // Runs that all fail are not a matter of where they are.
      const bool fails =
          counts_.done + counts_.infeasible == 0 && counts_.failed >= spec_.initial_points();
      if (fails) return 0;
      wanted = std::min(spec_.initial_points() - seeds_ - counts_.done,
                        kEffort * spec_.initial_points() - Dead());
    } else {
      // More than a round only if there are workers for it: what is placed now knows less than what
      // is placed later.
      wanted = std::max(RoundSize(counts_.done),
                        std::min(counts_.leased + missing_, (seeds_ + counts_.done) / 2));
    }
    std::int64_t shortage = wanted - Outstanding();
    if (const auto left = EvaluationsLeft(spec_.stop_rules(), StatusNow(), EvaluationCost(spec_))) {
      shortage = std::min(shortage, *left - Outstanding());
    }
    return std::clamp<std::int64_t>(shortage, 0, sampling::kMaxPointsAtOnce);
  }

  // A budget may have become smaller, or have been spent on points that have to be tried again.
  void TrimQueue() {
    const auto left = EvaluationsLeft(spec_.stop_rules(), StatusNow(), EvaluationCost(spec_));
    if (!left || counts_.queued == 0 || Outstanding() <= *left) return;
    store_.TrimSamplingQueue(OwnLease(), std::max<std::int64_t>(0, *left - counts_.leased));
    is_exhausted_ = false;
    Count();
  }

  // A program waits for the model, because its points cost little more than nothing; workers do
  // not.
  void KeepSampling(const std::stop_token& stop) {
    if (program_ && (run_ || place_)) return;
    if (const std::int64_t shortage = Shortage(); shortage > 0) {
      const std::vector<NewSamplingPoint> points = Place(shortage, stop);
      is_exhausted_ = points.empty();
      store_.AddSamplingPoints(OwnLease(), points, state_.SerializeAsString());
      Count();
    }
    if (program_) {
      EvaluateQueued(store_, context_.environment.clock, context_.job.id, spec_, *program_, stop);
      Count();
    }
  }

  std::vector<NewSamplingPoint> Place(std::int64_t count, const std::stop_token& stop) {
    return placer_->Place(store_.ListSamplingPoints(context_.job.id, 0, kAllPoints), count,
                          state_.rounds_size(), stop);
  }

  // ---- Rounds -----------------------------------------------------------------------------------

  void ChooseEnd(const SamplingRecord& record) {
    if (record.stop_requested || final_rule_) return;
    // What rules say of errors is decided where these become known, at the end of a round.
    final_rule_ = HoldingRule(spec_.stop_rules(), StatusNow(), {});
  }

  // By the rule that holds after a round of so many evaluations, if any.
  void ChooseEndAfterRound(std::int64_t evaluations) {
    SamplingStatus status = StatusNow();
    status.evaluations = evaluations;
    final_rule_ = HoldingRule(spec_.stop_rules(), status, state_.rounds());
    ends_by_noise_ = false;
    if (final_rule_ || HasBest(spec_.goal())) return;  // Noise is no reason to end a search.
    final_rule_ = RuleAtNoise(spec_.stop_rules(), status, state_.rounds());
    ends_by_noise_ = final_rule_.has_value();
  }

  bool IsRoundDue(const SamplingRecord& record) const {
    const bool ends = IsLast(record);
    const bool is_idle = Outstanding() == 0 && Shortage() == 0 && !record.paused;
    if (!HasRounds()) {
      const bool is_due = ends || is_idle || seeds_ + counts_.done >= spec_.initial_points();
      if (is_due && seeds_ + counts_.done == 0) ThrowNothing();
      return is_due;
    }
    if (Dead() > kEffort * (spec_.initial_points() + counts_.done)) ThrowNothing();
    if (counts_.done == Evaluations()) return false;
    return ends || is_idle || counts_.done >= Evaluations() + RoundSize(Evaluations());
  }

  // Whether no point is to be evaluated after those that are.
  bool IsLast(const SamplingRecord& record) const {
    return record.stop_requested || final_rule_ || (is_exhausted_ && Outstanding() == 0);
  }

  [[noreturn]] void ThrowNothing() const {
    const std::string reason = FirstReason();
    throw FailedPrecondition(
        "NO_EVALUATIONS", "spec.domain",
        "expected a value of the function at some of " + std::to_string(Total()) + " points, got " +
            std::to_string(counts_.done) + "; " + std::to_string(counts_.infeasible) +
            " are infeasible, " + std::to_string(counts_.failed) + " failed" +
            (reason.empty() ? "" : ", the first with \"" + reason + "\"") +
            "; check the function and the domain");
  }

  std::string FirstReason() const {
    for (const SamplingPointRecord& point :
         store_.ListSamplingPoints(context_.job.id, 0, kAllPoints)) {
      if (!point.reason.empty()) return point.reason;
    }
    return "";
  }

  void ResumeRound(const std::string& saved) {
    ByteReader reader(saved);
    try {
      if (reader.Read<std::uint64_t>() != kStateVersion) {
        throw Error(ErrorCode::kDataLoss, "STATE_MISMATCH", "state",
                    "expected the state of a round by this program, got one of another");
      }
      if (reader.Read<std::int64_t>() != state_.rounds_size()) return;  // That round is over.
      const auto evaluations = reader.Read<std::int64_t>();
      std::shared_ptr<const Snapshot> snapshot =
          OpenVerifiedSnapshot(context_, reader.Read<std::int64_t>());
      const std::vector<char> of_run = reader.ReadAll<char>(reader.Read<std::size_t>());
      std::unique_ptr<TrainingRun> run =
          MakeTrainingRun(context_, snapshot->samples(), spec_.training(), schema_);
      run->LoadState({of_run.data(), of_run.size()});
      placer_->Learn(snapshot->samples(), counts_.uploads);
      evaluations_ = evaluations;
      snapshot_ = std::move(snapshot);
      run_ = std::move(run);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDataLoss) throw;
      LogWarning("checkpoint unusable, the round starts over",
                 {{"job", context_.job.id}, {"what", error.what()}});
    }
  }

  void StartRound() {
    const bool has_news = !Upload(counts_.uploads + 1).empty();
    evaluations_ = counts_.done;
    snapshot_ = OpenVerifiedSnapshot(context_, 0);
    placer_->Learn(snapshot_->samples(), counts_.uploads + (has_news ? 1 : 0));
    run_ = MakeTrainingRun(context_, snapshot_->samples(), spec_.training(), schema_);
  }

  std::vector<SamplingPointRecord> Upload(std::int64_t number) {
    return UploadResults(store_, OwnLease(), context_.job.dataset_id, schema_, number);
  }

  Status AdvanceTraining(const std::stop_token& stop) {
    const TrainingRun::Status status = run_->Advance(stop);
    if (status == TrainingRun::Status::kCancelled) return Status::kCancelled;
    if (status == TrainingRun::Status::kFinished) return FinishRound(stop);
    return Status::kRunning;
  }

  Status FinishRound(const std::stop_token& stop) {
    Count();
    const std::vector<HeldOutSample> held_out = run_->HeldOutSamples();
    result_ = DescribeTraining(context_, *run_, *snapshot_, schema_);
    const std::optional<v1::SamplingBest> best =
        BestOf(snapshot_->samples(), placer_->domain(), spec_.goal(),
               OutputOf(spec_.goal(), schema_), context_.stop);
    run_.reset();
    snapshot_.reset();
    *state_.mutable_warnings() = result_.version.report().warnings();
    result_.version.mutable_domain()->Clear();
    *result_.version.mutable_domain() = spec_.domain();
    const double noise = placer_->MeasureNoise(!state_.warnings().empty(), stop);
    sampling::RelativeErrors errors =
        placer_->Judge(held_out, store_.ListSamplingPoints(context_.job.id, 0, kAllPoints), stop);
    if (held_out.empty()) {
      const v1::ErrorReport& report = result_.version.report().validation();
      errors = {.value = report.value_relative(), .gradient = report.jacobian_relative()};
    }
    v1::SamplingRound round;
    round.set_number(state_.rounds_size() + 1);
    round.set_evaluations(evaluations_);
    FillErrors(errors, noise, round);
    round.set_cost(SpentCost(counts_, spec_));
    *round.mutable_time() = ToTimestamp(context_.environment.clock.WallMicros());
    round.set_revision(state_.revisions_size() - 1);
    if (best) *round.mutable_best() = *best;
    CutIntoBoxes(round);
    *state_.add_rounds() = round;
    if (!final_rule_) ChooseEndAfterRound(evaluations_);
    const SamplingRecord record = store_.GetSampling(context_.job.id);
    const bool ends = final_rule_ || (IsLast(record) && evaluations_ == counts_.done);
    if (ends && End(record)) return Status::kFinished;
    Publish(*state_.mutable_rounds()->rbegin());
    SaveRounds();
    placer_->Trust(result_.surrogate);
    place_.reset();
    return Status::kRunning;
  }

  // By what is held out, and by the rounds before.
  void FillErrors(const sampling::RelativeErrors& held_out, double noise,
                  v1::SamplingRound& round) const {
    std::vector<sampling::JudgedRound> rounds;
    for (const v1::SamplingRound& before : state_.rounds()) {
      rounds.push_back({.num_samples = before.samples(),
                        .held_out = {.value = before.held_out_value_error(),
                                     .gradient = before.held_out_gradient_error()}});
    }
    const Index num_samples = placer_->known().NumSamples();
    rounds.push_back({.num_samples = num_samples, .held_out = held_out});
    const Index n = placer_->domain().num_free();
    const sampling::RelativeErrors errors = sampling::ErrorsOfLastModel(rounds, n, noise);
    round.set_samples(num_samples);
    round.set_few_samples(num_samples < sampling::LeastSamplesToJudge(n));
    round.set_held_out_value_error(held_out.value);
    round.set_held_out_gradient_error(held_out.gradient);
    round.set_value_error(errors.value);
    round.set_gradient_error(errors.gradient);
    round.set_value_noise(noise);
  }

  void CutIntoBoxes(v1::SamplingRound& round) {
    std::optional<v1::SamplingBoxes> boxes = MakeBoxes(
        placer_->known(), placer_->domain(), spec_.boxes(), program_.get(), context_.stop);
    if (!boxes) return;
    boxes->set_round(round.number());
    *round.mutable_closed() = boxes->closed();
    store_.SetSamplingBoxes(OwnLease(), boxes->SerializeAsString());
  }

  // Writes down why the job ends after its last round, whose version, if it has one, is that of the
  // job. Not if an update came before that: those that come later find the end.
  bool End(const SamplingRecord& record) {
    state_.set_stop_reason(ends_by_noise_          ? v1::Sampling::STOP_REASON_NOISE
                           : final_rule_           ? v1::Sampling::STOP_REASON_RULE
                           : record.stop_requested ? v1::Sampling::STOP_REASON_STOPPED
                                                   : v1::Sampling::STOP_REASON_EXHAUSTED);
    state_.set_stop_rule(final_rule_.value_or(0));
    SaveRounds();
    if (store_.GetSampling(context_.job.id).spec != known_spec_) {
      GoOn();
      return false;
    }
    const v1::SamplingRound& last = *state_.rounds().rbegin();
    if (last.model_version().empty()) return true;
    result_.known_version = ParseModelName(last.model_version(), "model").version;
    store_.GetModelVersion(context_.job.model_id, result_.known_version);  // Not deleted since.
    return true;
  }

  void SaveRounds() {
    store_.AddSamplingPoints(OwnLease(), {}, state_.SerializeAsString());
    ++news_;
  }

  void Publish(v1::SamplingRound& round) {
    const ModelVersionRecord record = store_.AddModelVersion(
        context_.job.model_id, train::EncodeSurrogate(*result_.surrogate),
        result_.version.SerializeAsString(), [&](const ModelVersionRecord& newest) {
          RequireNoPipeline(newest);
          // The attempt before got as far as this.
          v1::ModelVersion known;
          known.ParseFromString(newest.description);
          return known.report().job() == result_.version.report().job() &&
                 known.report().dataset_version() == result_.version.report().dataset_version();
        });
    context_.environment.models.Publish(record.model_id, record.version);
    round.set_model_version(ModelVersionName(record.model_id, record.version));
    LogInfo("sampling round published", {{"job", context_.job.id},
                                         {"round", round.number()},
                                         {"evaluations", round.evaluations()},
                                         {"value_error", round.value_error()}});
  }

  const JobContext context_;
  Store& store_;
  const std::string tenant_;
  v1::SamplingSpec spec_;
  std::string known_spec_;  // The update that it is from; empty: none.
  v1::Schema schema_;
  std::optional<SamplingPlacer> placer_;
  std::shared_ptr<const chain::ProgramSurrogate> program_;

  v1::Sampling state_;  // Rounds, revisions, and why it ended.
  SamplingPointCounts counts_;
  Index seeds_ = 0;            // Samples that the dataset had before.
  bool is_exhausted_ = false;  // No point of the domain is left to be placed.
  std::int64_t missing_ = 0;   // Points that workers asked for in vain.
  std::optional<int> final_rule_;
  bool ends_by_noise_ = false;  // That rule asks for errors that noise hides.
  std::size_t news_ = 0;
  steady_clock::time_point last_look_;

  // Of the round in training.
  std::optional<ComputeSlots::Place> place_;  // Also of one that is due.
  std::string saved_round_;                   // As a checkpoint has it, until it is taken up.
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<TrainingRun> run_;
  std::int64_t evaluations_ = 0;
  JobResult result_;

  std::optional<SamplingPull> pull_;  // Last: its threads use the others.
};

}  // namespace

std::unique_ptr<JobWork> MakeSamplingWork(const JobContext& context) {
  return std::make_unique<SamplingWork>(context);
}

}  // namespace sobolev::server
