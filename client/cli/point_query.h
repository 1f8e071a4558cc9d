// What `predict` and `program evaluate` share: points from a file or the command line, the
// derivatives to ask for, and where the answers go.

#ifndef SOBOLEV_CLIENT_CLI_POINT_QUERY_H_
#define SOBOLEV_CLIENT_CLI_POINT_QUERY_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sobolev/types.h>

#include "client/cli/prediction_writer.h"

namespace sobolev::cli {

struct PointQuery {
  std::string csv;
  std::vector<std::string> points;
  bool jacobian = false;
  bool hessian = false;
  std::vector<std::string> tangents;
  std::vector<std::string> adjoints;
  bool hvp = false;
  std::optional<OutputFormat> format;
  std::string out;
};

// The options that fill `query`, which outlives `command`.
void AddPointOptions(CLI::App& command, PointQuery& query);

// n, m: inputs and outputs of what is asked for. Throws UsageError unless directions have n and m
// numbers, and there are both for products.
client::Quantities ParseQuantities(const PointQuery& query, std::size_t n, std::size_t m);

// Asks for a batch of points X, n×N, and gives the answers to the writer.
using AnswerPoints = std::function<void(const client::Matrix& X, PredictionWriter& writer)>;

// Reads the points, whose file names the variables of `schema`, and answers them batch by batch,
// such that no reply is large. Nothing is written before the first answer came, and --out is
// replaced once all have come.
void AnswerQuery(const PointQuery& query, const client::Schema& schema,
                 const PredictionLayout& layout, OutputFormat default_format,
                 const AnswerPoints& answer);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_POINT_QUERY_H_
