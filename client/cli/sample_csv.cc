#include "client/cli/sample_csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "client/cli/format.h"
#include "client/cli/schema_text.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;
using client::Samples;

constexpr Index kMaxDirections = 64;                 // As the server has it.
constexpr std::string_view kVariance = "variance:";  // Names of variables hold no colon.
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

Index Size(const std::vector<client::Variable>& variables) {
  return static_cast<Index>(variables.size());
}

// A kind of columns that are numbered and named by variables.
struct DirectionalKind {
  const char* name;
  Matrix Samples::*matrix;
  std::size_t group;  // Of kinds with as many directions.
  bool of_inputs;     // Or of outputs.
  bool is_label;      // Or a direction.
};

constexpr std::array<DirectionalKind, 7> kDirectionalKinds = {{
    {"tangent", &Samples::tangents, 0, true, false},
    {"jvp", &Samples::jvp, 0, false, true},
    {"adjoint", &Samples::adjoints, 1, false, false},
    {"vjp", &Samples::vjp, 1, true, true},
    {"hvp_adjoint", &Samples::hvp_adjoints, 2, false, false},
    {"hvp_tangent", &Samples::hvp_tangents, 2, true, false},
    {"hvp", &Samples::hvp, 2, true, true},
}};

std::string DirectionalName(const DirectionalKind& kind, Index number,
                            const client::Variable& variable) {
  return kind.name + std::to_string(number) + ":" + variable.name;
}

bool IsNan(std::string_view text) {
  constexpr std::string_view kNan = "nan";
  return std::ranges::equal(text, kNan, {}, [](char c) { return c | 0x20; });
}

}  // namespace

SampleCsv::SampleCsv(std::istream& in, const std::string& file_name, const client::Schema& schema,
                     Content content)
    : reader_(in, file_name),
      content_(content),
      schema_(schema),
      n_(Size(schema.inputs)),
      m_(Size(schema.outputs)) {
  NameColumns();
  ReadHeader();
  CheckComplete();
  SetTargets();
}

void SampleCsv::NameColumns() {
  const bool may_miss = schema_.allow_missing_derivatives;
  for (Index j = 0; j < n_; ++j) {
    const std::string& input = schema_.inputs[static_cast<std::size_t>(j)].name;
    input_numbers_[input] = j;
    known_[input] = {&Samples::X, j, 0, false};
  }
  for (Index i = 0; i < m_; ++i) {
    const client::Variable& output = schema_.outputs[static_cast<std::size_t>(i)];
    output_numbers_[output.name] = i;
    known_[output.name] = {&Samples::Y, i, 0, output.allow_missing};
    for (Index j = 0; j < n_; ++j) {
      const std::string name =
          DerivativeName(output.name, schema_.inputs[static_cast<std::size_t>(j)].name);
      known_[name] = {&Samples::jacobian, j, i, may_miss};
    }
  }
  known_.try_emplace("weight", Column{});
}

std::optional<SampleCsv::Column> SampleCsv::Find(const std::string& name) {
  if (const auto column = known_.find(name); column != known_.end()) return column->second;
  if (!name.starts_with(kVariance)) return FindDirectional(name);
  const auto varying = known_.find(name.substr(kVariance.size()));
  if (varying == known_.end()) return std::nullopt;
  Column column = varying->second;
  if (column.matrix == &Samples::Y) {
    column.matrix = &Samples::y_variance;
  } else if (column.matrix == &Samples::jacobian) {
    column.matrix = &Samples::jacobian_variance;
  } else {
    return std::nullopt;
  }
  return column;
}

std::optional<SampleCsv::Column> SampleCsv::FindDirectional(std::string_view name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string variable(name.substr(colon + 1));
  for (const DirectionalKind& kind : kDirectionalKinds) {
    const std::string_view prefix = kind.name;
    if (!name.starts_with(prefix)) continue;
    const std::string_view digits = name.substr(prefix.size(), colon - prefix.size());
    Index number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool is_number = error == std::errc() && end == digits.data() + digits.size() &&
                           digits.front() != '0' && number >= 1 && number <= kMaxDirections;
    const Numbers& numbers = kind.of_inputs ? input_numbers_ : output_numbers_;
    const auto row = numbers.find(variable);
    if (!is_number || row == numbers.end()) continue;
    num_directions_[kind.group] = std::max(num_directions_[kind.group], number);
    return Column{kind.matrix, row->second, number - 1,
                  kind.is_label && schema_.allow_missing_derivatives};
  }
  return std::nullopt;
}

void SampleCsv::ReadHeader() {
  std::unordered_set<std::string> seen;
  if (!reader_.Next())
    throw reader_.ErrorAt({}, "expected a header with column names, got nothing");
  for (std::size_t field = 0; field < reader_.size(); ++field) {
    const std::string name(reader_.text(field));
    const std::optional<Column> column = Find(name);
    if (!column) {
      throw reader_.ErrorAt(
          reader_.position(field),
          "unknown column " + Quoted(name) +
              "; expected inputs, outputs, d<output>/d<input>, weight, tangent1:<input>, "
              "jvp1:<output>, ... (see sobolev dataset append --help)");
    }
    if (!seen.insert(name).second) {
      throw reader_.ErrorAt(reader_.position(field), "column " + Quoted(name) + " appears twice");
    }
    names_.push_back(name);
    columns_.push_back(*column);
    has_jacobian_ = has_jacobian_ || column->matrix == &Samples::jacobian;
    has_weight_ = has_weight_ || column->matrix == nullptr;
  }
  if (content_ == Content::kPoints) {
    has_jacobian_ = has_weight_ = false;
    num_directions_ = {};
  }
}

void SampleCsv::CheckComplete() const {
  const std::unordered_set<std::string> present(names_.begin(), names_.end());
  const auto require = [&](const std::string& name, const std::string& why) {
    if (present.contains(name)) return;
    throw reader_.ErrorAt({}, "column " + Quoted(name) + " is missing" + why);
  };
  for (const client::Variable& input : schema_.inputs) require(input.name, "");
  if (content_ == Content::kPoints) return;
  const bool has_y_variance = IsThere(&Samples::y_variance);
  for (const client::Variable& output : schema_.outputs) {
    if (!output.allow_missing) require(output.name, "");
    if (has_y_variance && (!output.allow_missing || present.contains(output.name))) {
      require(std::string(kVariance) + output.name,
              "; variances must be there for all outputs or for none");
    }
  }
  const bool has_jacobian_variance = IsThere(&Samples::jacobian_variance);
  for (const client::Variable& output : schema_.outputs) {
    for (const client::Variable& input : schema_.inputs) {
      const std::string name = DerivativeName(output.name, input.name);
      if (has_jacobian_ && !schema_.allow_missing_derivatives) {
        require(name, "; columns d<output>/d<input> must be there for all pairs or for none");
      }
      if (has_jacobian_variance && present.contains(name)) {
        require(std::string(kVariance) + name,
                "; variances must be there for all derivatives or for none");
      }
    }
  }
  CheckDirections(present);
}

void SampleCsv::CheckDirections(const std::unordered_set<std::string>& present) const {
  for (const DirectionalKind& kind : kDirectionalKinds) {
    const bool is_one = kind.matrix == &Samples::hvp_adjoints && m_ == 1 && !IsThere(kind.matrix);
    if (is_one || (kind.is_label && schema_.allow_missing_derivatives)) continue;
    for (Index number = 1; number <= num_directions_[kind.group]; ++number) {
      for (const client::Variable& variable : kind.of_inputs ? schema_.inputs : schema_.outputs) {
        const std::string name = DirectionalName(kind, number, variable);
        if (present.contains(name)) continue;
        throw reader_.ErrorAt({}, "column " + Quoted(name) +
                                      " is missing; directions and their results must be there "
                                      "for all variables, numbered from 1");
      }
    }
  }
}

bool SampleCsv::IsThere(Matrix Samples::*matrix) const {
  return std::ranges::any_of(columns_, [=](const Column& c) { return c.matrix == matrix; });
}

Index SampleCsv::ColumnsOf(Matrix Samples::*matrix) const {
  if (matrix == &Samples::jacobian || matrix == &Samples::jacobian_variance) return m_;
  const auto* kind = std::ranges::find(kDirectionalKinds, matrix, &DirectionalKind::matrix);
  return kind == kDirectionalKinds.end() ? 1 : num_directions_[kind->group];
}

void SampleCsv::SetTargets() {
  for (Column& column : columns_) {
    if (column.matrix == nullptr) continue;
    if (content_ == Content::kPoints && column.matrix != &Samples::X) continue;
    column.columns = ColumnsOf(column.matrix);
    if (std::ranges::find(targets_, column.matrix, &Target::matrix) != targets_.end()) continue;
    const auto outputs = {&Samples::Y, &Samples::y_variance, &Samples::jvp, &Samples::adjoints,
                          &Samples::hvp_adjoints};
    const bool of_outputs = std::ranges::find(outputs, column.matrix) != outputs.end();
    targets_.push_back({column.matrix, of_outputs ? m_ : n_, column.columns});
  }
}

Index SampleCsv::row_bytes() const {
  Index numbers = has_weight_ ? 1 : 0;
  for (const Target& target : targets_) numbers += target.rows * target.columns;
  return static_cast<Index>(sizeof(double)) * numbers;
}

client::Samples SampleCsv::Read(Index max_rows) {
  Samples samples;
  // What has no column is missing.
  for (const Target& target : targets_) {
    samples.*target.matrix = Matrix::Constant(target.rows, target.columns * max_rows, kMissing);
  }
  if (has_weight_) samples.weight.resize(max_rows);
  Index row = 0;
  for (; row < max_rows && reader_.Next(); ++row) {
    if (reader_.size() != columns_.size()) {
      throw reader_.ErrorAt(reader_.position(std::min(reader_.size(), columns_.size())),
                            "expected " + std::to_string(columns_.size()) + " fields, got " +
                                std::to_string(reader_.size()));
    }
    for (std::size_t field = 0; field < columns_.size(); ++field) {
      const Column& column = columns_[field];
      if (content_ == Content::kPoints && column.matrix != &Samples::X) continue;
      const double value = Number(field);
      if (column.matrix == nullptr) {
        samples.weight(row) = value;
      } else {
        (samples.*column.matrix)(column.row, row * column.columns + column.column) = value;
      }
    }
  }
  if (row < max_rows) {
    for (const Target& target : targets_) {
      (samples.*target.matrix).conservativeResize(Eigen::NoChange, target.columns * row);
    }
    if (has_weight_) samples.weight.conservativeResize(row);
  }
  return samples;
}

double SampleCsv::Number(std::size_t field) const {
  const std::string_view text = reader_.text(field);
  if (columns_[field].may_miss && (text.empty() || IsNan(text))) return kMissing;
  const auto fail = [&](const std::string& expected) {
    return reader_.ErrorAt(reader_.position(field),
                           "column " + Quoted(names_[field]) + ": expected " + expected + ", got " +
                               (text.empty() ? "an empty field" : Quoted(text.substr(0, 40))));
  };
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) throw fail("a number in the range of float64");
  if (error != std::errc() || end != text.data() + text.size()) throw fail("a number");
  if (!std::isfinite(value)) throw fail("a finite number");
  return value;
}

}  // namespace sobolev::cli
