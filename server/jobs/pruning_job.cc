#include "server/jobs/pruning_job.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
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
#include "engine/bounds/bound.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/network_pruning.h"
#include "engine/prune/pruning.h"
#include "engine/train/errors.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/selected_samples.h"
#include "engine/train/surrogate_codec.h"
#include "engine/train/trainer.h"
#include "proto/sobolev/v1/pruning.pb.h"
#include "server/convert/model_version.h"
#include "server/convert/names.h"
#include "server/convert/pruning.h"
#include "server/convert/report.h"
#include "server/jobs/pruning_data.h"

namespace sobolev::server {
namespace {

constexpr std::uint64_t kStateVersion = 2;
constexpr Index kSliceSamples = 16'384;  // Of one Advance of a trainer.
constexpr std::size_t kScratchTrials = std::size(kScratchShares);
// Of what was sampled: bounds that are wider by less are good enough.
constexpr double kCertificateTolerance = 0.1;

enum class Stage : std::uint8_t { kPruning, kRetraining, kScratch, kCertifying, kFinished };

std::string Name(Stage stage) {
  switch (stage) {
    case Stage::kPruning:
      return "pruning";
    case Stage::kRetraining:
      return "retraining";
    case Stage::kScratch:
      return "training from scratch";
    case Stage::kCertifying:
      return "certifying";
    case Stage::kFinished:
      return "finished";
  }
  return "";
}

void WriteString(const std::string& text, ByteWriter& writer) {
  writer.Write(text.size());
  writer.WriteAll(std::span(text));
}

std::string ReadString(ByteReader& reader) {
  const std::vector<char> text = reader.ReadAll<char>(reader.Read<std::size_t>());
  return {text.begin(), text.end()};
}

using Network = std::shared_ptr<const nn::NetworkSurrogate>;

std::string Encode(const Network& network) {
  return network == nullptr ? "" : train::EncodeSurrogate(*network);
}

Network Decode(const std::string& bytes) {
  if (bytes.empty()) return nullptr;
  return std::static_pointer_cast<const nn::NetworkSurrogate>(train::DecodeSurrogate(bytes));
}

v1::PruneRequest Parse(const JobRecord& job) {
  v1::PruneRequest request;
  request.ParseFromString(job.spec);
  return request;
}

class PruningWork : public JobWork {
 public:
  explicit PruningWork(const JobContext& context)
      : context_(context),
        request_(Parse(context.job)),
        source_(context.environment.models.Get(context.job.source_model_id,
                                               context.job.source_model_version)),
        network_(RequireNetwork(*source_->surrogate)),
        box_(ToPruningBox(request_, source_->description)),
        options_(ToPruningOptions(request_)),
        max_boxes_(
            CertificateBoxes(request_, network_.architecture(), context.environment.memory_limit)) {
    if (!context.job.dataset_id.empty()) {
      data_ = OpenData();
    }
    stages_.push_back(Stage::kPruning);
    if (request_.has_retraining()) {
      stages_.push_back(Stage::kRetraining);
      stages_.push_back(Stage::kScratch);
    }
    if (max_boxes_ > 0) stages_.push_back(Stage::kCertifying);
    stages_.push_back(Stage::kFinished);
  }

  Status Advance(const std::stop_token& stop) override {
    switch (progress_.stage) {
      case Stage::kPruning:
        Prune(stop);
        return Status::kRunning;
      case Stage::kRetraining:
      case Stage::kScratch:
        return Train(stop);
      case Stage::kCertifying:
        return Certify(stop);
      case Stage::kFinished:
        break;
    }
    return Status::kFinished;
  }

  std::size_t NewsCount() const override { return news_count_; }

  v1::TrainingProgress Progress() const override {
    v1::TrainingProgress progress;
    const auto at = std::ranges::find(stages_, progress_.stage) - stages_.begin();
    auto done = static_cast<double>(at);
    progress.set_stage(Name(progress_.stage));
    if (trainer_ != nullptr) {
      progress.set_epochs(static_cast<std::int32_t>(*trainer_->options().epochs));
      if (!trainer_->History().empty()) {
        *progress.mutable_epoch() = ToProto(trainer_->History().back());
      }
      const double share = static_cast<double>(trainer_->SamplesSeen()) /
                           static_cast<double>(trainer_->SamplesTotal());
      done += progress_.stage == Stage::kScratch
                  ? (static_cast<double>(progress_.scratch_trial) + share) / kScratchTrials
                  : share;
    }
    progress.set_fraction(done / static_cast<double>(stages_.size() - 1));
    return progress;
  }

  std::string SaveState() const override {
    ByteWriter writer;
    writer.Write(kStateVersion);
    writer.Write(progress_.stage);
    WriteString(progress_.report.SerializeAsString(), writer);
    WriteString(progress_.training.SerializeAsString(), writer);
    writer.Write(progress_.inputs.size());
    writer.WriteAll(std::span<const Index>(progress_.inputs));
    WriteString(Encode(progress_.pruned), writer);
    WriteString(Encode(progress_.result), writer);
    writer.Write(progress_.scratch_trial);
    writer.Write(progress_.scratch_score);
    WriteString(trainer_ == nullptr ? "" : trainer_->SaveState(), writer);
    return std::move(writer).Finish();
  }

  void LoadState(std::string_view state) override {
    ByteReader reader(state);
    if (reader.Read<std::uint64_t>() != kStateVersion) {
      throw Error(ErrorCode::kDataLoss, "STATE_MISMATCH", "state",
                  "expected the state of a pruning by this program, got one of another; start the "
                  "pruning anew");
    }
    Saved saved;
    saved.stage = reader.Read<Stage>();
    saved.report.ParseFromString(ReadString(reader));
    saved.training.ParseFromString(ReadString(reader));
    saved.inputs = reader.ReadAll<Index>(reader.Read<std::size_t>());
    saved.pruned = Decode(ReadString(reader));
    saved.result = Decode(ReadString(reader));
    saved.scratch_trial = reader.Read<std::size_t>();
    saved.scratch_score = reader.Read<double>();
    const std::string of_trainer = ReadString(reader);
    Training training;
    if (!of_trainer.empty()) {
      training = MakeTraining(saved, context_.stop);
      training.trainer->LoadState(of_trainer);
    }
    progress_ = std::move(saved);
    samples_ = std::move(training.samples);
    trainer_ = std::move(training.trainer);
  }

  JobResult Result() const override {
    JobResult result{.surrogate = progress_.result, .version = {}};
    v1::ModelVersion& version = result.version;
    const v1::Schema& schema = source_->description.schema();
    *version.mutable_schema() = schema;
    version.mutable_schema()->clear_inputs();
    for (const Index j : progress_.inputs) {
      *version.mutable_schema()->add_inputs() = schema.inputs(static_cast<int>(j));
      v1::Range& domain = *version.add_domain();
      domain.set_min(box_.min[j]);
      domain.set_max(box_.max[j]);
    }
    Describe(*result.surrogate, version);
    *version.mutable_report() = progress_.training;
    v1::TrainingReport& report = *version.mutable_report();
    report.set_job(JobName(context_.job.id));
    report.set_train_seconds(context_.compute_seconds());
    report.set_instruction_set(std::string(sobolev::Name(BestIsa())));
    if (data_ != nullptr) {
      report.set_dataset(DatasetName(context_.job.dataset_id));
      report.set_dataset_version(data_->snapshot().version());
      report.set_dataset_fingerprint(data_->snapshot().statistics().fingerprint);
      report.set_training_samples(std::ssize(data_->split().training));
      report.set_validation_samples(std::ssize(data_->split().validation));
      report.set_seed(data_->held_out().seed);
      *report.mutable_validation() = progress_.report.result_errors();
    }
    *version.mutable_pruning() = progress_.report;
    version.mutable_pruning()->set_job(JobName(context_.job.id));
    return result;
  }

 private:
  // What lasts between attempts, but for a trainer at work.
  struct Saved {
    Stage stage = Stage::kPruning;
    v1::PruningReport report;
    v1::TrainingReport training;  // Of the retraining, if its network is the result.
    std::vector<Index> inputs;    // Of the source, those that are left.
    Network pruned;
    Network result;
    std::size_t scratch_trial = 0;  // Which of kScratchShares is at work.
    // Of the best trial before.
    double scratch_score = std::numeric_limits<double>::infinity();
  };
  struct Training {
    std::unique_ptr<const train::SelectedSamples> samples;  // Of the trainer.
    std::unique_ptr<train::Trainer> trainer;
  };

  void Prune(const std::stop_token& stop) {
    prune::PrunedNetwork pruned = prune::PruneNetwork(network_, box_, options_, stop);
    v1::PruningReport& report = progress_.report;
    Introduce(report);
    *report.mutable_before() = SizeOf(network_, stop);
    *report.mutable_after() = SizeOf(pruned.network, stop);
    report.mutable_removed_vertices()->Add(pruned.removed_vertices.begin(),
                                           pruned.removed_vertices.end());
    report.mutable_removed_weights()->Add(pruned.removed_weights.begin(),
                                          pruned.removed_weights.end());
    for (Index j = 0; j < network_.n(); ++j) {
      if (std::ranges::binary_search(pruned.inputs, j)) continue;
      v1::PruningReport::RemovedInput& input = *report.add_removed_inputs();
      input.set_input(source_->description.schema().inputs(static_cast<int>(j)).name());
      input.set_value(pruned.fixed[j]);
      input.set_sobol_bound(pruned.sobol_bounds[j]);
    }
    progress_.inputs = std::move(pruned.inputs);
    progress_.pruned = std::make_shared<const nn::NetworkSurrogate>(std::move(pruned.network));
    *report.mutable_pruned() = ToProto(pruned.deviation);
    if (data_ != nullptr) {
      *report.mutable_source_errors() = ToProto(data_->ErrorsOf(network_, stop));
      *report.mutable_pruned_errors() = ToProto(ErrorsOf(*progress_.pruned, stop));
    }
    Take(progress_.pruned, report.pruned(), report.pruned_errors());
    EnterNextStage(stop);
  }

  // Null if there is nothing to judge by in the box, unless it is to be trained on.
  std::unique_ptr<const PruningData> OpenData() const {
    try {
      auto data = std::make_unique<const PruningData>(context_, source_->description, box_);
      if (data->IsUsable()) return data;
    } catch (const Error& error) {
      const bool is_too_large = error.code() == ErrorCode::kResourceExhausted;
      if (!is_too_large || request_.has_retraining()) throw;
    }
    if (!request_.has_retraining()) return nullptr;
    throw FailedPrecondition("TOO_FEW_SAMPLES", "retraining.dataset",
                             "expected at least 2 samples in the box, got fewer; append samples or "
                             "prune in a larger box");
  }

  // What is known before anything is removed.
  void Introduce(v1::PruningReport& report) const {
    report.Clear();
    report.set_source(ModelVersionName(source_->model_id, source_->version));
    for (Index j = 0; j < network_.n(); ++j) {
      report.add_inputs(source_->description.schema().inputs(static_cast<int>(j)).name());
      v1::Range& range = *report.add_box();
      range.set_min(box_.min[j]);
      range.set_max(box_.max[j]);
    }
    report.set_parts(std::max(request_.parts(), v1::PruneRequest::PARTS_VERTICES));
    report.set_rule(std::max(request_.rule(), v1::PruneRequest::RULE_SOBOLEV_OBS));
    report.set_compensation(
        std::max(request_.compensation(), v1::PruneRequest::COMPENSATION_SOBOLEV));
    report.set_seed(options_.seed);
  }

  // From now on the result.
  void Take(Network network, const v1::PruningReport::Deviation& deviation,
            const v1::ErrorReport& errors) {
    progress_.result = std::move(network);
    *progress_.report.mutable_result() = deviation;
    if (data_ != nullptr) *progress_.report.mutable_result_errors() = errors;
  }

  Status Train(const std::stop_token& stop) {
    const train::Status status = trainer_->Advance(stop, kSliceSamples);
    switch (status) {
      case train::Status::kEpochDone:
        context_.environment.metrics.Trained(0, 1);
        ++news_count_;
        return Status::kRunning;
      case train::Status::kRunning:
        return Status::kRunning;
      case train::Status::kCancelled:
        return Status::kCancelled;
      case train::Status::kMaxEpochs:
      case train::Status::kEarlyStopping:
      case train::Status::kDiverged:
        break;
    }
    const auto trained = std::make_shared<const nn::NetworkSurrogate>(trainer_->MakeSurrogate());
    const train::Errors errors = ErrorsOf(*trained, stop);
    if (progress_.stage == Stage::kScratch) {
      JudgeScratch(errors);
      if (++progress_.scratch_trial < kScratchTrials) {
        EnterTraining(stop);
        return Status::kRunning;
      }
    } else {
      Judge(trained, errors, status, stop);
    }
    EnterNextStage(stop);
    return Status::kRunning;
  }

  // Keeps what is best from scratch.
  void JudgeScratch(const train::Errors& errors) {
    const double score = train::Score(errors);
    if (progress_.report.has_scratch_errors() && !(score < progress_.scratch_score)) return;
    progress_.scratch_score = score;
    *progress_.report.mutable_scratch_errors() = ToProto(errors);
    progress_.report.mutable_retraining()->set_scratch_learning_rate(
        *trainer_->options().learning_rate);
  }

  // Whether the retrained network becomes the result.
  void Judge(const Network& retrained, const train::Errors& errors, train::Status status,
             const std::stop_token& stop) {
    const train::Options& options = trainer_->options();
    v1::PruningReport::Retraining& retraining = *progress_.report.mutable_retraining();
    retraining.set_epochs(static_cast<std::int32_t>(trainer_->History().size()));
    retraining.set_steps(retraining.epochs() *
                         train::StepsPerEpoch(options, trainer_->NumTrainingSamples()));
    retraining.set_learning_rate(*options.learning_rate);
    const prune::Deviation deviation = DeviationOf(*retrained, stop);
    const bool in_budget =
        !options_.target ||
        (deviation.value <= options_.target->value_error.value_or(deviation.value) &&
         deviation.jacobian <= options_.target->jacobian_error.value_or(deviation.jacobian));
    const bool better = train::Score(errors) < train::Score(ErrorsOf(*progress_.pruned, stop));
    if (!in_budget || !better) return;
    retraining.set_kept(true);
    Take(retrained, ToProto(deviation), ToProto(errors));
    v1::TrainingReport& report = progress_.training;
    report.set_jacobian_samples(trainer_->NumTrainingJacobians());
    report.set_alpha(*options.alpha);
    report.set_beta(*options.beta);
    report.set_epochs(retraining.epochs());
    report.set_best_epoch(static_cast<std::int32_t>(trainer_->BestEpoch()));
    report.set_stop_reason(status == train::Status::kDiverged
                               ? v1::TrainingReport::STOP_REASON_DIVERGED
                               : v1::TrainingReport::STOP_REASON_MAX_EPOCHS);
    report.set_rollbacks(static_cast<std::int32_t>(trainer_->NumRollbacks()));
    report.set_learning_rate(trainer_->PeakLearningRate());
  }

  Status Certify(const std::stop_token& stop) {
    const nn::NetworkSurrogate whole = Whole(*progress_.result);
    const auto encloser = bounds::MakeDifferenceEncloser(network_, whole);
    const auto bound = [&](bool jacobian) {
      return bounds::Bound(*encloser, {.lo = box_.min, .hi = box_.max},
                           {.jacobian = jacobian,
                            .target = bounds::Target::kMagnitudes,
                            .max_boxes = max_boxes_,
                            .tolerance = kCertificateTolerance,
                            .seed = options_.seed},
                           stop);
    };
    // Boxes are cut for what is worst, which would be derivatives alone.
    const bounds::BoundResult values = bound(false);
    const bounds::BoundResult all = bound(true);
    if (stop.stop_requested()) return Status::kCancelled;
    *progress_.report.mutable_certificate() = ToCertificate(values, all);
    EnterNextStage(stop);
    return Status::kRunning;
  }

  void EnterNextStage(const std::stop_token& stop) {
    progress_.stage = *(std::ranges::find(stages_, progress_.stage) + 1);
    trainer_.reset();
    samples_.reset();
    ++news_count_;
    if (progress_.stage != Stage::kRetraining && progress_.stage != Stage::kScratch) return;
    EnterTraining(stop);
  }

  void EnterTraining(const std::stop_token& stop) {
    trainer_.reset();
    Training training = MakeTraining(progress_, stop);
    samples_ = std::move(training.samples);
    trainer_ = std::move(training.trainer);
  }

  // Of the stage at which `saved` is.
  Training MakeTraining(const Saved& saved, const std::stop_token& stop) const {
    Training training{.samples = data_->Select(saved.inputs, stop), .trainer = nullptr};
    const train::SampleSet& samples = training.samples->view();
    train::Options options =
        ToRetrainingOptions(request_, saved.pruned->architecture(), train::ShapeOf(samples),
                            data_->held_out().fraction, context_.environment.memory_limit);
    if (saved.stage == Stage::kRetraining) {
      options.start = saved.pruned;
      options.learning_rate = RetrainingRate(request_, options);
    } else {
      options.learning_rate = kScratchShares[saved.scratch_trial] * *options.learning_rate;
    }
    if (request_.parts() == v1::PruneRequest::PARTS_WEIGHTS) {
      options.shape.zeros = nn::ZeroWeights(saved.pruned->architecture(), saved.pruned->theta());
    }
    training.trainer = std::make_unique<train::Trainer>(samples, options, data_->split(), stop);
    return training;
  }

  // As a function of all inputs of the source.
  nn::NetworkSurrogate Whole(const nn::NetworkSurrogate& network) const {
    return prune::WithAllInputs(network, progress_.inputs, network_.scaling());
  }

  train::Errors ErrorsOf(const nn::NetworkSurrogate& network, const std::stop_token& stop) const {
    return data_->ErrorsOf(Whole(network), stop);
  }

  prune::Deviation DeviationOf(const nn::NetworkSurrogate& network,
                               const std::stop_token& stop) const {
    return prune::Compare(network_, Whole(network), box_,
                          prune::UniformPoints(box_, options_.num_points, options_.seed + 1), stop);
  }

  const JobContext context_;
  const v1::PruneRequest request_;
  const ModelRegistry::Handle source_;
  const nn::NetworkSurrogate& network_;  // Of source_.
  const prune::Box box_;
  const prune::NetworkPruningOptions options_;
  const Index max_boxes_;                    // Of the certificate; 0: none is wanted.
  std::unique_ptr<const PruningData> data_;  // If there is a dataset.
  std::vector<Stage> stages_;
  Saved progress_;
  std::unique_ptr<const train::SelectedSamples> samples_;  // Of the trainer.
  std::unique_ptr<train::Trainer> trainer_;                // Of a stage that trains.
  std::size_t news_count_ = 0;
};

}  // namespace

std::unique_ptr<JobWork> MakePruningWork(const JobContext& context) {
  return std::make_unique<PruningWork>(context);
}

}  // namespace sobolev::server
