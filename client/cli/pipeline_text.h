// Pipelines as the command line says and shows them.

#ifndef SOBOLEV_CLIENT_CLI_PIPELINE_TEXT_H_
#define SOBOLEV_CLIENT_CLI_PIPELINE_TEXT_H_

#include <string>
#include <utility>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::cli {

// Of stages "[NAME=]model:MODEL", "[NAME=]model:MODEL/versions/N" or "[NAME=]program:PROGRAM",
// bindings "STAGE.INPUT=SOURCE", and outputs. Throws UsageError saying what was expected.
client::Pipeline ParsePipeline(const std::vector<std::string>& stages,
                               const std::vector<std::string>& bindings,
                               const std::vector<std::string>& outputs);

// Fields for PrintFields: ("stage wing", "models/wing/versions/3 of a, b"), where "x from y" is an
// input that has another name there, and ("outputs", "lift.y").
std::vector<std::pair<std::string, std::string>> PipelineFields(const client::Pipeline& pipeline);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_PIPELINE_TEXT_H_
