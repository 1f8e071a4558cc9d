// Predictions as a table, CSV or JSON, batch by batch.

#ifndef SOBOLEV_CLIENT_CLI_PREDICTION_WRITER_H_
#define SOBOLEV_CLIENT_CLI_PREDICTION_WRITER_H_

#include <ostream>
#include <string>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::cli {

enum class OutputFormat { kTable, kCsv, kJson };

// Table and CSV have a line per point: inputs, outputs, d<y>/d<x> if there is a Jacobian,
// jvp<k>:<y> and vjp<k>:<x> for the k-th tangent and adjoint from 1, and in_domain (1 or 0). The
// CSV numbers read back exactly. JSON is one object: model_version, inputs, outputs, and points
// with x, value, jacobian [m][n], jvp [p][m], vjp [q][n] and in_domain. Not thread-safe.
class PredictionWriter {
 public:
  // `out` outlives the writer. p tangents and q adjoints per point.
  PredictionWriter(std::ostream& out, OutputFormat format, const client::ModelVersion& version,
                   bool has_jacobian, client::Index p, client::Index q);

  // X: n×N, and what was predicted there.
  void Write(const client::Matrix& X, const client::Prediction& prediction);
  // Once, behind the last batch.
  void Finish();

 private:
  void WriteHeader(const client::ModelVersion& version, bool has_jacobian, client::Index p,
                   client::Index q);
  void WriteLine(const std::vector<double>& numbers, bool in_domain);
  void WriteJson(const client::Matrix& X, const client::Prediction& prediction, client::Index s);

  std::ostream& out_;
  const OutputFormat format_;
  const client::Index m_;
  const client::Index p_;
  const client::Index q_;
  std::vector<std::size_t> widths_;  // Of the table's columns.
  bool first_ = true;
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_PREDICTION_WRITER_H_
