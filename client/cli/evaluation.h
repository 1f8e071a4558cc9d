// Points for a simulator, and what it says of them: JSON on its standard input and output.

#ifndef SOBOLEV_CLIENT_CLI_EVALUATION_H_
#define SOBOLEV_CLIENT_CLI_EVALUATION_H_

#include <string>

#include <sobolev/sampling.h>

#include "client/cli/json_format.h"
#include "client/cli/process.h"

namespace sobolev::cli {

// What came of a point.
struct Evaluation {
  enum class Kind {
    kValue,
    kInfeasible,  // The function has no value there.
    kFailed       // Nobody knows.
  };

  Kind kind = Kind::kFailed;
  client::Vector y;         // m; NaN where missing.
  client::Matrix jacobian;  // n×m, column i is ∇yᵢ; empty: not told.
  std::string reason;       // Without a value; at most 1024 bytes of UTF-8.
};

// {"point": 7, "attempt": 1, "x": [...], "inputs": {"<name>": ...}, "jacobian": true}
Json PointToJson(const client::SamplingPoint& point, const client::Schema& schema, bool jacobian);

// Any JSON text, with NaN and Infinity, as Python writes them, for null. Throws Json::parse_error.
Json ParseJson(const std::string& text);

// What an object says: {"y": [...] or {"<name>": ...}, "jacobian": [[...]]}, where a row may be
// {"<name>": ...} as well, {"infeasible": true, "reason": "..."} or {"failed": true, "reason":
// "..."}. Values that are not finite make a point infeasible, unless they may be missing;
// derivatives that are not finite are missing, or if these may not be missing, all of them are.
// Throws UsageError naming the member for what says nothing of that kind.
Evaluation ReadEvaluation(const Json& object, const client::Schema& schema);

// What a simulator says by its end and its output: exit code 0 with an object as above, or exit
// code 3 for infeasible. All else has failed.
Evaluation JudgeProcess(const ProcessResult& result, const client::Schema& schema);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_EVALUATION_H_
