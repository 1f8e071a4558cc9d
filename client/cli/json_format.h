// Resources as JSON, with the field names of sobolev.v1 in snake_case.

#ifndef SOBOLEV_CLIENT_CLI_JSON_FORMAT_H_
#define SOBOLEV_CLIENT_CLI_JSON_FORMAT_H_

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <sobolev/programs.h>
#include <sobolev/rpc_error.h>
#include <sobolev/types.h>

namespace sobolev::cli {

// Keeps the order in which fields were written.
using Json = nlohmann::ordered_json;

// "softplus", "queued", "early_stopping" and so on.
std::string_view Name(client::Slope slope);
std::string_view Name(client::Convexity convexity);
std::string_view Name(client::Extrapolation extrapolation);
std::string_view Name(client::Activation activation);
std::string_view Name(client::JobKind kind);
std::string_view Name(client::JobState state);
std::string_view Name(client::StopReason reason);
std::string_view Name(client::ModelKind kind);
std::string_view Name(client::Trial::State state);
std::string_view Name(client::LabelWarning::Kind kind);

Json ToJson(const std::vector<client::LabelWarning>& warnings);
Json ToJson(const client::Dataset& dataset);
Json ToJson(const client::JobStatus& job);
Json ToJson(const client::ModelVersion& version);
Json ToJson(const client::Model& model);
Json ToJson(const client::Program& program);
// {"error": {"code", "reason", "message", "field_violations"}}
Json ToJson(const client::RpcError& error);
// The same without violations.
Json ErrorToJson(const std::string& code, const std::string& reason, const std::string& message);

// A number, or "Infinity", "-Infinity" or "NaN", for which JSON has no numbers.
Json NumberToJson(double value);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_JSON_FORMAT_H_
