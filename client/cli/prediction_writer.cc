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

const Matrix kNothing;

PredictionLayout AskFor(const client::Quantities& quantities, PredictionLayout layout) {
  layout.jacobian = quantities.jacobian;
  layout.hessian = quantities.hessian;
  layout.p = quantities.tangents.cols();
  layout.q = quantities.adjoints.cols();
  layout.hvp = quantities.hvp;
  layout.spread = quantities.spread;
  layout.jacobian_spread = quantities.jacobian_spread;
  return layout;
}

// Those at `positions`, or all.
std::vector<std::string> Chosen(const std::vector<std::string>& names,
                                const std::vector<int>& positions) {
  if (positions.empty()) return names;
  std::vector<std::string> chosen;
  chosen.reserve(positions.size());
  for (const int position : positions) chosen.push_back(names[static_cast<std::size_t>(position)]);
  return chosen;
}

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

// [[[column], ...], ...]: `groups` lists of `count` columns.
Json GroupsToJson(const Matrix& A, Index first, Index groups, Index count) {
  Json list = Json::array();
  for (Index i = 0; i < groups; ++i) list.push_back(ColumnsToJson(A, first + i * count, count));
  return list;
}

std::string Numbered(const char* what, Index number) { return what + std::to_string(number); }

}  // namespace

const std::map<std::string, OutputFormat>& OutputFormats() {
  static const std::map<std::string, OutputFormat> kFormats = {
      {"table", OutputFormat::kTable}, {"csv", OutputFormat::kCsv}, {"json", OutputFormat::kJson}};
  return kFormats;
}

PredictionLayout LayoutOf(const client::ModelVersion& version, const client::Quantities& quantities,
                          const client::PredictionBlock& block) {
  const std::vector<std::string> inputs = Names(version.schema.inputs);
  return AskFor(quantities, {.answered_by = {"model_version", version.name},
                             .inputs = inputs,
                             .outputs = Chosen(Names(version.schema.outputs), block.outputs),
                             .derivative_inputs = Chosen(inputs, block.inputs),
                             .flag = "in_domain"});
}

PredictionLayout LayoutOf(const client::Program& program, const client::Quantities& quantities) {
  return AskFor(quantities, {.answered_by = {"program", program.name},
                             .inputs = ElementNames(program.inputs),
                             .outputs = ElementNames(program.outputs),
                             .derivative_inputs = ElementNames(program.inputs),
                             .flag = "valid"});
}

PredictionWriter::PredictionWriter(std::ostream& out, OutputFormat format, PredictionLayout layout)
    : out_(out),
      format_(format),
      layout_(std::move(layout)),
      n_(static_cast<Index>(layout_.derivative_inputs.size())),
      m_(static_cast<Index>(layout_.outputs.size())) {}

template <class F>
void PredictionWriter::ForEachColumn(const F& use) const {
  const std::vector<std::string>& inputs = layout_.derivative_inputs;
  const std::vector<std::string>& outputs = layout_.outputs;
  const auto use_all = [&](const std::string& prefix, const std::vector<std::string>& variables) {
    for (const std::string& variable : variables) use(prefix + variable);
  };
  const auto use_derivatives = [&](const std::string& prefix) {
    for (const std::string& output : outputs) {
      for (const std::string& input : inputs) use(prefix + DerivativeName(output, input));
    }
  };
  use_all("", layout_.inputs);
  use_all("", outputs);
  if (layout_.jacobian) use_derivatives("");
  for (const std::string& output : outputs) {
    if (!layout_.hessian) break;
    for (std::size_t j = 0; j < inputs.size(); ++j) {
      for (std::size_t k = j; k < inputs.size(); ++k) {
        use("d2" + output + "/d" + inputs[j] + "d" + inputs[k]);
      }
    }
  }
  for (Index k = 1; k <= layout_.p; ++k) use_all(Numbered("jvp", k) + ":", outputs);
  for (Index l = 1; l <= layout_.q; ++l) use_all(Numbered("vjp", l) + ":", inputs);
  for (Index l = 1; layout_.hvp && l <= layout_.q; ++l) {
    for (Index k = 1; k <= layout_.p; ++k) {
      use_all(Numbered("hvp", l) + Numbered(".", k) + ":", inputs);
    }
  }
  if (layout_.spread) use_all("spread:", outputs);
  if (layout_.jacobian_spread) use_derivatives("spread:");
  // Names of variables hold no colon.
  const auto names_flag = [&](const std::vector<std::string>& variables) {
    return std::ranges::find(variables, layout_.flag) != variables.end();
  };
  use((names_flag(layout_.inputs) || names_flag(outputs) ? "point:" : "") + layout_.flag);
}

void PredictionWriter::BeginOutput() {
  if (std::exchange(has_begun_, true)) return;
  if (format_ == OutputFormat::kJson) {
    out_ << "{" << Json(layout_.answered_by.first) << ":" << Json(layout_.answered_by.second)
         << ",\"inputs\":" << Json(layout_.inputs) << ",\"outputs\":" << Json(layout_.outputs);
    if (layout_.derivative_inputs != layout_.inputs) {
      out_ << ",\"derivative_inputs\":" << Json(layout_.derivative_inputs);
    }
    out_ << ",\"points\":[";
    return;
  }
  const bool is_table = format_ == OutputFormat::kTable;
  const char* separator = "";
  ForEachColumn([&](const std::string& name) {
    out_ << std::exchange(separator, is_table ? "  " : ",");
    if (is_table) {
      widths_.push_back(std::max(name.size(), kNumberWidth));
      out_ << std::string(widths_.back() - name.size(), ' ');
    }
    out_ << name;
  });
  out_ << '\n';
}

void PredictionWriter::Write(const Matrix& X, const client::Prediction& prediction) {
  Write({.X = X,
         .value = prediction.value,
         .jacobian = prediction.jacobian,
         .hessian = prediction.hessian,
         .jvp = prediction.jvp,
         .vjp = prediction.vjp,
         .hvp = prediction.hvp,
         .spread = prediction.spread,
         .jacobian_spread = prediction.jacobian_spread,
         .flags = prediction.in_domain});
}

void PredictionWriter::Write(const Matrix& X, const client::Evaluation& evaluation) {
  Write({.X = X,
         .value = evaluation.value,
         .jacobian = evaluation.jacobian,
         .hessian = evaluation.hessian,
         .jvp = evaluation.jvp,
         .vjp = evaluation.vjp,
         .hvp = evaluation.hvp,
         .spread = kNothing,
         .jacobian_spread = kNothing,
         .flags = evaluation.valid});
}

void PredictionWriter::Write(const Answers& answers) {
  BeginOutput();
  const Index p = layout_.p;
  const Index q = layout_.q;
  for (Index s = 0; s < answers.X.cols(); ++s) {
    if (format_ == OutputFormat::kJson) {
      WriteJson(answers, s);
      continue;
    }
    std::vector<double> numbers;
    AppendColumns(answers.X, s, 1, numbers);
    AppendColumns(answers.value, s, 1, numbers);
    if (layout_.jacobian) AppendColumns(answers.jacobian, s * m_, m_, numbers);
    for (Index i = 0; layout_.hessian && i < m_; ++i) {
      for (Index j = 0; j < n_; ++j) {
        const auto row = answers.hessian.col((s * m_ + i) * n_ + j).tail(n_ - j);
        numbers.insert(numbers.end(), row.begin(), row.end());
      }
    }
    AppendColumns(answers.jvp, s * p, p, numbers);
    AppendColumns(answers.vjp, s * q, q, numbers);
    if (layout_.hvp) AppendColumns(answers.hvp, s * p * q, p * q, numbers);
    if (layout_.spread) AppendColumns(answers.spread, s, 1, numbers);
    if (layout_.jacobian_spread) AppendColumns(answers.jacobian_spread, s * m_, m_, numbers);
    WriteLine(numbers, answers.flags[static_cast<std::size_t>(s)]);
  }
}

void PredictionWriter::WriteLine(const std::vector<double>& numbers, bool flag) {
  if (format_ == OutputFormat::kCsv) {
    for (const double number : numbers) out_ << FormatExact(number) << ',';
    out_ << (flag ? 1 : 0) << '\n';
    return;
  }
  const auto pad = [&](std::size_t column, const std::string& text) {
    return std::string(widths_[column] - text.size(), ' ') + text;
  };
  for (std::size_t i = 0; i < numbers.size(); ++i) out_ << pad(i, FormatShort(numbers[i])) << "  ";
  out_ << pad(numbers.size(), flag ? "yes" : "no") << '\n';
}

void PredictionWriter::WriteJson(const Answers& answers, Index s) {
  const Index p = layout_.p;
  const Index q = layout_.q;
  Json point = {{"x", ColumnsToJson(answers.X, s, 1)[0]},
                {"value", ColumnsToJson(answers.value, s, 1)[0]}};
  if (layout_.jacobian) point["jacobian"] = ColumnsToJson(answers.jacobian, s * m_, m_);
  if (layout_.hessian) point["hessian"] = GroupsToJson(answers.hessian, s * m_ * n_, m_, n_);
  if (p > 0) point["jvp"] = ColumnsToJson(answers.jvp, s * p, p);
  if (q > 0) point["vjp"] = ColumnsToJson(answers.vjp, s * q, q);
  if (layout_.hvp) point["hvp"] = GroupsToJson(answers.hvp, s * p * q, q, p);
  if (layout_.spread) point["spread"] = ColumnsToJson(answers.spread, s, 1)[0];
  if (layout_.jacobian_spread) {
    point["jacobian_spread"] = ColumnsToJson(answers.jacobian_spread, s * m_, m_);
  }
  point[layout_.flag] = static_cast<bool>(answers.flags[static_cast<std::size_t>(s)]);
  out_ << (std::exchange(has_points_, true) ? ",\n" : "\n") << point;
}

void PredictionWriter::Finish() {
  BeginOutput();
  if (format_ == OutputFormat::kJson) out_ << "\n]}\n";
  out_.flush();
}

}  // namespace sobolev::cli
