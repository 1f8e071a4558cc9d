#include "client/cli/sample_csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <unordered_set>

#include "client/cli/schema_text.h"

namespace sobolev::cli {
namespace {

using client::Index;

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

Index Size(const std::vector<client::Variable>& variables) {
  return static_cast<Index>(variables.size());
}

}  // namespace

SampleCsv::SampleCsv(std::istream& in, const std::string& file_name, const client::Schema& schema,
                     Content content)
    : reader_(in, file_name), content_(content), schema_(schema) {
  Columns known;
  for (Index j = 0; j < Size(schema.inputs); ++j) {
    known[schema.inputs[static_cast<std::size_t>(j)].name] = {Kind::kX, j, 0};
  }
  for (Index i = 0; i < Size(schema.outputs); ++i) {
    const std::string& output = schema.outputs[static_cast<std::size_t>(i)].name;
    known[output] = {Kind::kY, i, i};
    for (Index j = 0; j < Size(schema.inputs); ++j) {
      const std::string& input = schema.inputs[static_cast<std::size_t>(j)].name;
      known[DerivativeName(output, input)] = {Kind::kJacobian, j, i};
    }
  }
  known.try_emplace("weight", Column{Kind::kWeight, 0, 0});
  ReadHeader(known);
  CheckComplete();
}

void SampleCsv::ReadHeader(const Columns& known) {
  std::unordered_set<std::string> seen;
  if (!reader_.Next())
    throw reader_.ErrorAt({}, "expected a header with column names, got nothing");
  for (std::size_t field = 0; field < reader_.size(); ++field) {
    const std::string name(reader_.text(field));
    const auto column = known.find(name);
    if (column == known.end()) {
      throw reader_.ErrorAt(reader_.position(field),
                            "unknown column " + Quoted(name) +
                                "; expected inputs, outputs, d<output>/d<input> or weight");
    }
    if (!seen.insert(name).second) {
      throw reader_.ErrorAt(reader_.position(field), "column " + Quoted(name) + " appears twice");
    }
    names_.push_back(name);
    columns_.push_back(column->second);
    has_jacobian_ = has_jacobian_ || column->second.kind == Kind::kJacobian;
    has_weight_ = has_weight_ || column->second.kind == Kind::kWeight;
  }
  if (content_ == Content::kPoints) has_jacobian_ = has_weight_ = false;
}

void SampleCsv::CheckComplete() const {
  std::vector<std::string> present = names_;
  std::ranges::sort(present);
  const auto require = [&](const std::string& name, const std::string& why) {
    if (!std::ranges::binary_search(present, name)) {
      throw reader_.ErrorAt({}, "column " + Quoted(name) + " is missing" + why);
    }
  };
  for (const client::Variable& input : schema_.inputs) require(input.name, "");
  if (content_ == Content::kPoints) return;
  for (const client::Variable& output : schema_.outputs) require(output.name, "");
  if (!has_jacobian_) return;
  for (const client::Variable& output : schema_.outputs) {
    for (const client::Variable& input : schema_.inputs) {
      require(DerivativeName(output.name, input.name),
              "; columns d<output>/d<input> must be there for all pairs or for none");
    }
  }
}

client::Samples SampleCsv::Read(Index max_rows) {
  const Index n = Size(schema_.inputs);
  const Index m = Size(schema_.outputs);
  client::Samples samples{.X = client::Matrix(n, max_rows),
                          .Y = client::Matrix(m, max_rows),
                          .jacobian = client::Matrix(n, has_jacobian_ ? m * max_rows : 0),
                          .weight = client::Vector(has_weight_ ? max_rows : 0)};
  Index row = 0;
  for (; row < max_rows && reader_.Next(); ++row) {
    if (reader_.size() != columns_.size()) {
      throw reader_.ErrorAt(reader_.position(std::min(reader_.size(), columns_.size())),
                            "expected " + std::to_string(columns_.size()) + " fields, got " +
                                std::to_string(reader_.size()));
    }
    for (std::size_t field = 0; field < columns_.size(); ++field) {
      const Column& column = columns_[field];
      if (content_ == Content::kPoints && column.kind != Kind::kX) continue;
      const double value = Number(field);
      switch (column.kind) {
        case Kind::kX:
          samples.X(column.i, row) = value;
          break;
        case Kind::kY:
          samples.Y(column.i, row) = value;
          break;
        case Kind::kJacobian:
          samples.jacobian(column.i, m * row + column.output) = value;
          break;
        case Kind::kWeight:
          samples.weight(row) = value;
          break;
      }
    }
  }
  if (row < max_rows) {
    samples.X.conservativeResize(Eigen::NoChange, row);
    samples.Y.conservativeResize(Eigen::NoChange, row);
    if (has_jacobian_) samples.jacobian.conservativeResize(Eigen::NoChange, m * row);
    if (has_weight_) samples.weight.conservativeResize(row);
  }
  return samples;
}

double SampleCsv::Number(std::size_t field) const {
  const std::string_view text = reader_.text(field);
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
