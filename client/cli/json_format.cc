#include "client/cli/json_format.h"

#include <cmath>
#include <string>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/pruning_text.h"

namespace sobolev::cli {
namespace {

Json TimeToJson(client::Time time) {
  return time == client::Time{} ? Json(nullptr) : Json(FormatTime(time));
}

Json ToJson(const client::Variable& variable) {
  Json json = {{"name", variable.name}, {"unit", variable.unit}};
  if (variable.lower) json["lower"] = *variable.lower;
  if (variable.upper) json["upper"] = *variable.upper;
  if (variable.allow_missing) json["allow_missing"] = true;
  return json;
}

Json ToJson(const client::Range& range) { return {{"min", range.min}, {"max", range.max}}; }

Json ToJson(const client::EpochRecord& record) {
  return {{"epoch", record.epoch},
          {"value_loss", record.value_loss},
          {"gradient_loss", record.gradient_loss},
          {"validation_loss", record.validation_loss},
          {"validation_value_relative", record.validation_value_relative},
          {"validation_jacobian_relative", record.validation_jacobian_relative},
          {"learning_rate", record.learning_rate}};
}

Json ToJson(const client::ProgramVariable& variable) {
  Json json = {{"name", variable.name},
               {"shape", variable.shape},
               {"offset", variable.offset},
               {"description", variable.description}};
  if (variable.bounds) json["bounds"] = ToJson(*variable.bounds);
  return json;
}

Json ToJson(const client::ErrorReport& errors) {
  Json json = {{"value_rmse", errors.value_rmse},
               {"value_relative", errors.value_relative},
               {"jacobian_rmse", errors.jacobian_rmse},
               {"jacobian_relative", errors.jacobian_relative}};
  if (errors.hvp_relative) json["hvp_relative"] = *errors.hvp_relative;
  return json;
}

// What was not judged has no errors and no score.
Json ToJson(const client::Trial& trial) {
  Json json = {{"recipe", trial.recipe}, {"state", Name(trial.state)}};
  if (!trial.validation.value_rmse.empty() || !trial.validation.jacobian_rmse.empty()) {
    json["validation"] = ToJson(trial.validation);
    json["score"] = trial.score;
  }
  json["work"] = trial.work;
  json["iterations"] = trial.iterations;
  return json;
}

Json ToJson(const client::ComparisonPoint& point) {
  return {{"sample_count", point.sample_count}, {"validation", ToJson(point.validation)}};
}

Json ToJson(const client::LabelWarning& warning) {
  Json json = {{"input", warning.input},
               {"output", warning.output},
               {"kind", Name(warning.kind)},
               {"factor", warning.factor},
               {"message", warning.message}};
  if (!warning.other_input.empty()) json["other_input"] = warning.other_input;
  return json;
}

Json ToJson(const client::InputMap& map) {
  Json json = {{"input", map.input}};
  if (map.period) json["period"] = *map.period;
  if (map.harmonics) json["harmonics"] = *map.harmonics;
  if (map.logarithmic) json["logarithmic"] = true;
  return json;
}

Json ToJson(const client::OutputMap& map) {
  Json json = {{"output", map.output}};
  if (map.lower) json["lower"] = *map.lower;
  if (map.upper) json["upper"] = *map.upper;
  if (map.logarithmic) json["logarithmic"] = true;
  return json;
}

template <typename T>
Json ListToJson(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(ToJson(item));
  return list;
}

Json ToJson(const client::Schema& schema) {
  Json json = {{"inputs", ListToJson(schema.inputs)}, {"outputs", ListToJson(schema.outputs)}};
  if (schema.allow_missing_derivatives) json["allow_missing_derivatives"] = true;
  return json;
}

Json ToJson(const client::TrainingReport& report) {
  Json json = {{"job", report.job},
               {"dataset", report.dataset},
               {"dataset_version", report.dataset_version},
               {"dataset_fingerprint", report.dataset_fingerprint},
               {"training_samples", report.training_samples},
               {"validation_samples", report.validation_samples},
               {"jacobian_samples", report.jacobian_samples},
               {"alpha", report.alpha},
               {"beta", report.beta},
               {"gamma", report.gamma},
               {"seed", report.seed},
               {"epochs", report.epochs},
               {"best_epoch", report.best_epoch},
               {"stop_reason", Name(report.stop_reason)},
               {"rollbacks", report.rollbacks},
               {"learning_rate", report.learning_rate},
               {"train_seconds", report.train_seconds},
               {"samples_per_second", report.samples_per_second},
               {"validation", ToJson(report.validation)},
               {"history", ListToJson(report.history)},
               {"instruction_set", report.instruction_set},
               {"leaderboard", ListToJson(report.leaderboard)},
               {"learning_curve", ListToJson(report.learning_curve)},
               {"warnings", ListToJson(report.warnings)}};
  if (const client::Trial* winner = report.Winner()) json["winner"] = winner->recipe;
  if (report.value_only) json["value_only"] = ToJson(*report.value_only);
  return json;
}

Json ToJson(const client::Pipeline& pipeline) {
  Json json = {{"stages", Json::array()}, {"outputs", pipeline.outputs}};
  for (const client::PipelineStage& stage : pipeline.stages) {
    json["stages"].push_back({{"name", stage.name},
                              {"function", stage.function},
                              {"inputs", stage.inputs},
                              {"sha256", stage.sha256}});
  }
  return json;
}

// What the model obeys by construction, and the maps around it.
void AddForm(const client::ModelVersion& version, Json& json) {
  json["monotone"] = Json::object();
  for (const auto& [input, slope] : version.monotone) json["monotone"][input] = Name(slope);
  json["convexity"] = version.convexity ? Json(Name(*version.convexity)) : Json(nullptr);
  json["input_maps"] = ListToJson(version.input_maps);
  json["feature_degree"] = version.feature_degree;
  json["output_maps"] = ListToJson(version.output_maps);
  json["extrapolation"] = Name(version.extrapolation);
}

}  // namespace

std::string_view Name(client::Slope slope) {
  return slope == client::Slope::kIncreasing ? "increasing" : "decreasing";
}

std::string_view Name(client::Convexity convexity) {
  return convexity == client::Convexity::kConvex ? "convex" : "concave";
}

std::string_view Name(client::Extrapolation extrapolation) {
  switch (extrapolation) {
    case client::Extrapolation::kOwn:
      return "own";
    case client::Extrapolation::kConstant:
      return "constant";
    case client::Extrapolation::kLinear:
      return "linear";
  }
  return "unknown";
}

std::string_view Name(client::Activation activation) {
  switch (activation) {
    case client::Activation::kSoftplus:
      return "softplus";
    case client::Activation::kTanh:
      return "tanh";
    case client::Activation::kSilu:
      return "silu";
    case client::Activation::kGelu:
      return "gelu";
    case client::Activation::kSin:
      return "sin";
  }
  return "unknown";
}

std::string_view Name(client::JobKind kind) {
  switch (kind) {
    case client::JobKind::kUnknown:
      return "unknown";
    case client::JobKind::kTrain:
      return "train";
    case client::JobKind::kPrune:
      return "prune";
    case client::JobKind::kSample:
      return "sample";
  }
  return "unknown";
}

std::string_view Name(client::JobState state) {
  switch (state) {
    case client::JobState::kUnknown:
      return "unknown";
    case client::JobState::kQueued:
      return "queued";
    case client::JobState::kRunning:
      return "running";
    case client::JobState::kSucceeded:
      return "succeeded";
    case client::JobState::kFailed:
      return "failed";
    case client::JobState::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view Name(client::StopReason reason) {
  switch (reason) {
    case client::StopReason::kUnknown:
      return "unknown";
    case client::StopReason::kMaxEpochs:
      return "max_epochs";
    case client::StopReason::kEarlyStopping:
      return "early_stopping";
    case client::StopReason::kSelectionDone:
      return "selection_done";
    case client::StopReason::kDiverged:
      return "diverged";
    case client::StopReason::kTimeLimit:
      return "time_limit";
  }
  return "unknown";
}

std::string_view Name(client::ModelKind kind) {
  switch (kind) {
    case client::ModelKind::kUnknown:
      return "unknown";
    case client::ModelKind::kNetwork:
      return "network";
    case client::ModelKind::kPolynomial:
      return "polynomial";
    case client::ModelKind::kGaussianProcess:
      return "gaussian_process";
    case client::ModelKind::kEnsemble:
      return "ensemble";
    case client::ModelKind::kComposed:
      return "composed";
    case client::ModelKind::kPipeline:
      return "pipeline";
    case client::ModelKind::kLocalTaylor:
      return "local_taylor";
  }
  return "unknown";
}

std::string_view Name(client::Trial::State state) {
  switch (state) {
    case client::Trial::State::kUnknown:
      return "unknown";
    case client::Trial::State::kRunning:
      return "running";
    case client::Trial::State::kFinished:
      return "finished";
    case client::Trial::State::kAbandoned:
      return "abandoned";
    case client::Trial::State::kFailed:
      return "failed";
  }
  return "unknown";
}

std::string_view Name(client::LabelWarning::Kind kind) {
  switch (kind) {
    case client::LabelWarning::Kind::kUnknown:
      return "unknown";
    case client::LabelWarning::Kind::kSign:
      return "sign";
    case client::LabelWarning::Kind::kScale:
      return "scale";
    case client::LabelWarning::Kind::kBias:
      return "bias";
    case client::LabelWarning::Kind::kSwapped:
      return "swapped";
  }
  return "unknown";
}

Json ToJson(const std::vector<client::LabelWarning>& warnings) { return ListToJson(warnings); }

Json ToJson(const client::Dataset& dataset) {
  const client::DatasetStatistics& statistics = dataset.statistics;
  Json json = {{"name", dataset.name},
               {"uid", dataset.uid},
               {"schema", ToJson(dataset.schema)},
               {"state", dataset.damaged ? "damaged" : "active"},
               {"version", dataset.version},
               {"statistics",
                {{"sample_count", statistics.sample_count},
                 {"jacobian_count", statistics.jacobian_count},
                 {"weight_count", statistics.weight_count},
                 {"tangent_count", statistics.tangent_count},
                 {"adjoint_count", statistics.adjoint_count},
                 {"hvp_count", statistics.hvp_count},
                 {"y_variance_count", statistics.y_variance_count},
                 {"jacobian_variance_count", statistics.jacobian_variance_count},
                 {"missing_value_count", statistics.missing_value_count},
                 {"missing_derivative_count", statistics.missing_derivative_count},
                 {"inputs", ListToJson(statistics.inputs)},
                 {"outputs", ListToJson(statistics.outputs)},
                 {"fingerprint", statistics.fingerprint},
                 {"size_bytes", statistics.size_bytes}}},
               {"create_time", TimeToJson(dataset.create_time)},
               {"update_time", TimeToJson(dataset.update_time)}};
  if (dataset.damaged) json["damage"] = dataset.damage;
  return json;
}

Json ToJson(const client::JobStatus& job) {
  Json json = {{"name", job.name},
               {"kind", Name(job.kind)},
               {"state", Name(job.state)},
               {"cancel_requested", job.cancel_requested},
               {"attempt", job.attempt},
               {"dataset", job.dataset},
               {"dataset_version", job.dataset_version},
               {"model", job.model},
               {"progress",
                {{"epoch", ToJson(job.progress.epoch)},
                 {"epochs", job.progress.epochs},
                 {"samples_per_second", job.progress.samples_per_second},
                 {"remaining_seconds", job.progress.remaining_seconds},
                 {"leaderboard", ListToJson(job.progress.leaderboard)},
                 {"fraction", job.progress.fraction},
                 {"stage", job.progress.stage}}},
               {"create_time", TimeToJson(job.create_time)},
               {"start_time", TimeToJson(job.start_time)},
               {"end_time", TimeToJson(job.end_time)}};
  if (!job.source_model.empty()) json["source_model"] = job.source_model;
  if (job.state == client::JobState::kFailed) {
    json["error"] = {
        {"code", job.error_code}, {"reason", job.error_reason}, {"message", job.error_message}};
  }
  return json;
}

Json ToJson(const client::LocalTaylor& local) {
  return {{"base_kind", Name(local.base_kind)}, {"order", local.order},
          {"centre_count", local.centre_count}, {"constant_share", local.constant_share},
          {"linear_share", local.linear_share}, {"quadratic_share", local.quadratic_share}};
}

Json ToJson(const client::ModelVersion& version) {
  Json json = {{"name", version.name}, {"kind", Name(version.kind)}};
  json["core_kind"] = Name(version.core_kind);
  if (!version.hidden.empty()) {
    json["network"] = {{"hidden", version.hidden},
                       {"activation", Name(version.activation)},
                       {"skip", version.skip},
                       {"residual", version.residual}};
  }
  AddForm(version, json);
  json["schema"] = ToJson(version.schema);
  json["domain"] = ListToJson(version.domain);
  json["parameter_count"] = version.parameter_count;
  if (version.kind == client::ModelKind::kNetwork) {
    json["nonzero_weights"] = version.nonzero_weights;
  }
  json["weights_sha256"] = version.weights_sha256;
  if (version.kind == client::ModelKind::kPipeline) {
    json["pipeline"] = ToJson(version.pipeline);
  } else {
    json["report"] = ToJson(version.report);
  }
  if (version.pruning) json["pruning"] = ToJson(*version.pruning);
  if (version.local_taylor) json["local_taylor"] = ToJson(*version.local_taylor);
  json["create_time"] = TimeToJson(version.create_time);
  return json;
}

Json ToJson(const client::Model& model) {
  return {{"name", model.name},
          {"latest_version", ToJson(model.latest_version)},
          {"version_count", model.version_count},
          {"create_time", TimeToJson(model.create_time)},
          {"update_time", TimeToJson(model.update_time)}};
}

Json ToJson(const client::Program& program) {
  const client::ProgramStatistics& statistics = program.statistics;
  Json json = {{"name", program.name},
               {"source", program.source},
               {"input_size", program.input_size},
               {"output_size", program.output_size},
               {"inputs", ListToJson(program.inputs)},
               {"outputs", ListToJson(program.outputs)},
               {"statistics",
                {{"operations", statistics.operations},
                 {"executed_operations", statistics.executed_operations},
                 {"jacobian_nonzeros", statistics.jacobian_nonzeros},
                 {"jacobian_mode", statistics.jacobian_mode},
                 {"tangent_ratio", statistics.tangent_ratio},
                 {"adjoint_ratio", statistics.adjoint_ratio},
                 {"jacobian_ratio", statistics.jacobian_ratio},
                 {"hessian_vector_ratio", statistics.hessian_vector_ratio}}},
               {"create_time", TimeToJson(program.create_time)}};
  if (statistics.hessian_nonzeros) {
    json["statistics"]["hessian_nonzeros"] = *statistics.hessian_nonzeros;
  }
  return json;
}

Json ToJson(const client::RpcError& error) {
  Json violations = Json::array();
  for (const client::FieldViolation& violation : error.field_violations()) {
    violations.push_back({{"field", violation.field}, {"description", violation.description}});
  }
  Json json = ErrorToJson(std::string(client::Name(error.code())), error.reason(), error.message());
  json["error"]["field_violations"] = violations;
  return json;
}

Json ErrorToJson(const std::string& code, const std::string& reason, const std::string& message) {
  return {{"error",
           {{"code", code},
            {"reason", reason},
            {"message", message},
            {"field_violations", Json::array()}}}};
}

Json NumberToJson(double value) {
  if (std::isfinite(value)) return value;
  if (std::isnan(value)) return "NaN";
  return value > 0 ? "Infinity" : "-Infinity";
}

}  // namespace sobolev::cli
