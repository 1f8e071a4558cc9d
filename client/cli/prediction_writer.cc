#include "client/cli/prediction_writer.h"

#include <algorithm>
#include <utility>

#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/schema_text.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;

// Fits the six digits of FormatShort with sign, point and exponent.
constexpr std::size_t kNumberWidth = 12;

void AppendColumns(const Matrix& A, Index first, Index count, std::vector<double>& numbers) {
  const Matrix columns = A.middleCols(first, count);
  numbers.insert(numbers.end(), columns.data(), columns.data() + columns.size());
}

// [[column], [column], ...]
Json ColumnsToJson(const Matrix& A, Index first, Index count) {
  Json list = Json::array();
  for (Index j = first; j < first + count; ++j) {
    list.push_back(std::vector<double>(A.col(j).begin(), A.col(j).end()));
  }
  return list;
}

}  // namespace

PredictionWriter::PredictionWriter(std::ostream& out, OutputFormat format,
                                   const client::ModelVersion& version, bool has_jacobian, Index p,
                                   Index q)
    : out_(out),
      format_(format),
      m_(static_cast<Index>(version.schema.outputs.size())),
      p_(p),
      q_(q) {
  WriteHeader(version, has_jacobian, p, q);
}

void PredictionWriter::WriteHeader(const client::ModelVersion& version, bool has_jacobian, Index p,
                                   Index q) {
  const std::vector<std::string> inputs = Names(version.schema.inputs);
  const std::vector<std::string> outputs = Names(version.schema.outputs);
  if (format_ == OutputFormat::kJson) {
    out_ << "{\"model_version\":" << Json(version.name) << ",\"inputs\":" << Json(inputs)
         << ",\"outputs\":" << Json(outputs) << ",\"points\":[";
    return;
  }
  std::vector<std::string> names = inputs;
  names.insert(names.end(), outputs.begin(), outputs.end());
  if (has_jacobian) {
    for (const std::string& output : outputs) {
      for (const std::string& input : inputs) names.push_back(DerivativeName(output, input));
    }
  }
  for (Index k = 1; k <= p; ++k) {
    for (const std::string& y : outputs) names.push_back("jvp" + std::to_string(k) + ":" + y);
  }
  for (Index k = 1; k <= q; ++k) {
    for (const std::string& x : inputs) names.push_back("vjp" + std::to_string(k) + ":" + x);
  }
  names.emplace_back("in_domain");
  if (format_ == OutputFormat::kCsv) {
    out_ << Join(names, ",") << '\n';
    return;
  }
  for (std::string& name : names) {
    widths_.push_back(std::max(name.size(), kNumberWidth));
    name.insert(0, widths_.back() - name.size(), ' ');
  }
  out_ << Join(names, "  ") << '\n';
}

void PredictionWriter::Write(const Matrix& X, const client::Prediction& prediction) {
  for (Index s = 0; s < X.cols(); ++s) {
    if (format_ == OutputFormat::kJson) {
      WriteJson(X, prediction, s);
      continue;
    }
    std::vector<double> numbers;
    AppendColumns(X, s, 1, numbers);
    AppendColumns(prediction.value, s, 1, numbers);
    if (prediction.jacobian.size() > 0) AppendColumns(prediction.jacobian, s * m_, m_, numbers);
    AppendColumns(prediction.jvp, s * p_, p_, numbers);
    AppendColumns(prediction.vjp, s * q_, q_, numbers);
    WriteLine(numbers, prediction.in_domain[static_cast<std::size_t>(s)]);
  }
}

void PredictionWriter::WriteLine(const std::vector<double>& numbers, bool in_domain) {
  if (format_ == OutputFormat::kCsv) {
    for (const double number : numbers) out_ << FormatExact(number) << ',';
    out_ << (in_domain ? 1 : 0) << '\n';
    return;
  }
  const auto pad = [&](std::size_t column, const std::string& text) {
    return std::string(widths_[column] - text.size(), ' ') + text;
  };
  for (std::size_t i = 0; i < numbers.size(); ++i) out_ << pad(i, FormatShort(numbers[i])) << "  ";
  out_ << pad(numbers.size(), in_domain ? "yes" : "no") << '\n';
}

void PredictionWriter::WriteJson(const Matrix& X, const client::Prediction& prediction, Index s) {
  Json point = {{"x", ColumnsToJson(X, s, 1)[0]},
                {"value", ColumnsToJson(prediction.value, s, 1)[0]}};
  if (prediction.jacobian.size() > 0) {
    point["jacobian"] = ColumnsToJson(prediction.jacobian, s * m_, m_);
  }
  if (p_ > 0) point["jvp"] = ColumnsToJson(prediction.jvp, s * p_, p_);
  if (q_ > 0) point["vjp"] = ColumnsToJson(prediction.vjp, s * q_, q_);
  point["in_domain"] = static_cast<bool>(prediction.in_domain[static_cast<std::size_t>(s)]);
  out_ << (std::exchange(first_, false) ? "\n" : ",\n") << point;
}

void PredictionWriter::Finish() {
  if (format_ == OutputFormat::kJson) out_ << "\n]}\n";
  out_.flush();
}

}  // namespace sobolev::cli
