// What a model or a program answers at points, as a table, CSV or JSON, batch by batch.

#ifndef SOBOLEV_CLIENT_CLI_PREDICTION_WRITER_H_
#define SOBOLEV_CLIENT_CLI_PREDICTION_WRITER_H_

#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <sobolev/programs.h>
#include <sobolev/types.h>

namespace sobolev::cli {

enum class OutputFormat { kTable, kCsv, kJson };

// As written on the command line.
const std::map<std::string, OutputFormat>& OutputFormats();

// Who answers, and what.
struct PredictionLayout {
  std::pair<std::string, std::string> answered_by;  // Key and name in JSON.
  std::vector<std::string> inputs;                  // Of a point.
  std::vector<std::string> outputs;                 // m
  std::vector<std::string> derivative_inputs;       // n: what is differentiated by.
  std::string flag;                                 // What each point is flagged with.
  bool jacobian = false;
  bool hessian = false;
  client::Index p = 0;  // Tangents per point.
  client::Index q = 0;  // Adjoints per point.
  bool hvp = false;
  bool spread = false;
  bool jacobian_spread = false;
};

// `block` chooses among the outputs and inputs of the version.
PredictionLayout LayoutOf(const client::ModelVersion& version, const client::Quantities& quantities,
                          const client::PredictionBlock& block = {});
PredictionLayout LayoutOf(const client::Program& program, const client::Quantities& quantities);

// Table and CSV have a line per point: inputs, outputs, d<y>/d<x> if there is a Jacobian,
// d2<y>/d<x>d<x'> for x not behind x' if there is a Hessian, jvp<k>:<y> and vjp<k>:<x> for the k-th
// tangent and adjoint from 1, hvp<l>.<k>:<x> for the l-th adjoint and the k-th tangent,
// spread:<y> and spread:d<y>/d<x> for standard deviations, and the flag (1 or 0), which is called
// point:<flag> if a variable has its name. The CSV numbers read back exactly. JSON is one object:
// who answered, inputs, outputs, derivative_inputs if these are not all inputs in their order, and
// points with x, value, jacobian [m][n], hessian [m][n][n],
// jvp [p][m], vjp [q][n], hvp [q][p][n], spread [m], jacobian_spread [m][n] and the flag; what is
// not finite is null. Not thread-safe.
class PredictionWriter {
 public:
  // `out` outlives the writer.
  // Writes nothing yet, so that a question that is refused leaves no header behind.
  PredictionWriter(std::ostream& out, OutputFormat format, PredictionLayout layout);

  // X: inputs×N, and what was answered there.
  void Write(const client::Matrix& X, const client::Prediction& prediction);
  void Write(const client::Matrix& X, const client::Evaluation& evaluation);
  // Once, behind the last batch.
  void Finish();

 private:
  // What a batch of answers has in common, whoever answered.
  struct Answers {
    const client::Matrix& X;
    const client::Matrix& value;
    const client::Matrix& jacobian;
    const client::Matrix& hessian;
    const client::Matrix& jvp;
    const client::Matrix& vjp;
    const client::Matrix& hvp;
    const client::Matrix& spread;
    const client::Matrix& jacobian_spread;
    const std::vector<bool>& flags;
  };

  // Once, in front of the first batch.
  void BeginOutput();
  // Calls use(name) for each column in turn; a large Hessian has more names than memory holds.
  template <class F>
  void ForEachColumn(const F& use) const;
  void Write(const Answers& answers);
  void WriteLine(const std::vector<double>& numbers, bool flag);
  void WriteJson(const Answers& answers, client::Index s);

  std::ostream& out_;
  const OutputFormat format_;
  const PredictionLayout layout_;
  const client::Index n_;
  const client::Index m_;
  std::vector<std::size_t> widths_;  // Of the table's columns.
  bool has_begun_ = false;
  bool has_points_ = false;
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_PREDICTION_WRITER_H_
