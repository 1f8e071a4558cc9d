#include "server/auth/policy.h"

#include <algorithm>
#include <array>

namespace sobolev::server {
namespace {

// In order of the names.
constexpr std::array kRules = {
    Rule{"/gateway", Permission::kPredict, Lane::kPredict},  // All of HTTP.
    Rule{"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Permission::kAdmin,
         Lane::kControl},
    Rule{"/inference.GRPCInferenceService/ModelInfer", Permission::kPredict, Lane::kPredict},
    Rule{"/inference.GRPCInferenceService/ModelMetadata", Permission::kRead, Lane::kControl},
    Rule{"/inference.GRPCInferenceService/ModelReady", Permission::kRead, Lane::kControl},
    Rule{"/inference.GRPCInferenceService/RepositoryIndex", Permission::kRead, Lane::kControl},
    Rule{"/inference.GRPCInferenceService/ServerLive", Permission::kRead, Lane::kHealth},
    Rule{"/inference.GRPCInferenceService/ServerMetadata", Permission::kRead, Lane::kControl},
    Rule{"/inference.GRPCInferenceService/ServerReady", Permission::kRead, Lane::kHealth},
    Rule{"/sobolev.v1.DatasetService/AppendSamples", Permission::kUpload, Lane::kTransfer},
    Rule{"/sobolev.v1.DatasetService/CreateDataset", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.DatasetService/DeleteDataset", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.DatasetService/GetDataset", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.DatasetService/ListDatasets", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.DatasetService/ReadSamples", Permission::kRead, Lane::kTransfer},
    Rule{"/sobolev.v1.JobService/CancelJob", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.JobService/GetJob", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.JobService/ListJobs", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.JobService/WatchJob", Permission::kRead, Lane::kWatch},
    Rule{"/sobolev.v1.ModelService/AnalyzeSignificance", Permission::kPredict, Lane::kPredict},
    Rule{"/sobolev.v1.ModelService/CreatePipeline", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.ModelService/DeleteModel", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.ModelService/GetModel", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.ModelService/GetModelVersion", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.ModelService/ListModelVersions", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.ModelService/ListModels", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.ModelService/PlanDerivatives", Permission::kPredict, Lane::kPredict},
    Rule{"/sobolev.v1.ModelService/Prune", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.PredictionService/Bound", Permission::kPredict, Lane::kPredict},
    Rule{"/sobolev.v1.PredictionService/Certify", Permission::kPredict, Lane::kPredict},
    Rule{"/sobolev.v1.PredictionService/Predict", Permission::kPredict, Lane::kPredict},
    Rule{"/sobolev.v1.PredictionService/PredictStream", Permission::kPredict, Lane::kTransfer},
    Rule{"/sobolev.v1.ProgramService/AnalyzeCurvature", Permission::kPredict, Lane::kPredict},
    Rule{"/sobolev.v1.ProgramService/CheckProgram", Permission::kPredict, Lane::kControl},
    Rule{"/sobolev.v1.ProgramService/CreateProgram", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.ProgramService/DeleteProgram", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.ProgramService/Enclose", Permission::kPredict, Lane::kPredict},
    Rule{"/sobolev.v1.ProgramService/Evaluate", Permission::kPredict, Lane::kPredict},
    Rule{"/sobolev.v1.ProgramService/GetProgram", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.ProgramService/ListPrograms", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/Ask", Permission::kUpload, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/GetSampling", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/GetSamplingBoxes", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/Heartbeat", Permission::kUpload, Lane::kHealth},
    Rule{"/sobolev.v1.SamplingService/ListSamplingPoints", Permission::kRead, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/PauseSampling", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/ResumeSampling", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/StartSampling", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/StopSampling", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.SamplingService/Tell", Permission::kUpload, Lane::kTransfer},
    Rule{"/sobolev.v1.SamplingService/UpdateSampling", Permission::kWrite, Lane::kControl},
    Rule{"/sobolev.v1.TrainingService/Train", Permission::kWrite, Lane::kControl},
};
static_assert(std::ranges::is_sorted(kRules, {}, &Rule::method));

constexpr std::array<std::string_view, 5> kRoleNames = {"viewer", "predictor", "worker", "writer",
                                                        "admin"};

}  // namespace

std::span<const Rule> Rules() { return kRules; }

const Rule* FindRule(std::string_view method) {
  const auto* const rule = std::ranges::lower_bound(kRules, method, {}, &Rule::method);
  return rule != kRules.end() && rule->method == method ? rule : nullptr;
}

bool Allows(Role role, Permission permission) {
  switch (permission) {
    case Permission::kRead:
      return true;
    case Permission::kPredict:
      return role >= Role::kPredictor;
    case Permission::kUpload:
      return role >= Role::kWorker;
    case Permission::kWrite:
      return role >= Role::kWriter;
    case Permission::kAdmin:
      return role == Role::kAdmin;
  }
  return false;
}

bool Changes(Permission permission) {
  return permission == Permission::kUpload || permission == Permission::kWrite;
}

std::string_view Name(Role role) { return kRoleNames.at(static_cast<std::size_t>(role)); }

std::optional<Role> ParseRole(std::string_view name) {
  const auto* const found = std::ranges::find(kRoleNames, name);
  if (found == kRoleNames.end()) return std::nullopt;
  return static_cast<Role>(found - kRoleNames.begin());
}

}  // namespace sobolev::server
