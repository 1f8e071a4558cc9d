#include "client/cli/report_text.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/json_format.h"

namespace sobolev::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// "12 times lower" for an error that falls from 12 to 1; empty if both are 0.
std::string Change(double before, double after) {
  if (before == 0 && after == 0) return "";
  const bool is_lower = after <= before;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.3g times %s",
                is_lower ? before / after : after / before, is_lower ? "lower" : "higher");
  return text.data();
}

void PrintTrials(std::ostream& out, const client::TrainingReport& report) {
  const client::Trial* winner = report.Winner();
  Rows rows = {{"tried", "value error", "Jacobian error", "state"}};
  rows.reserve(report.leaderboard.size() + 1);
  for (const client::Trial& trial : report.leaderboard) {
    rows.push_back({trial.recipe, ValueError(trial.validation), JacobianError(trial.validation),
                    std::string(&trial == winner ? "winner" : Name(trial.state))});
  }
  out << '\n';
  PrintTable(out, rows);
}

void PrintComparisons(std::ostream& out, const client::TrainingReport& report) {
  Rows rows = {{"winner trained on", "value error", "Jacobian error"}};
  const auto add = [&](const std::string& samples, const client::ErrorReport& errors) {
    rows.push_back({samples, ValueError(errors), JacobianError(errors)});
  };
  for (const client::ComparisonPoint& point : report.learning_curve) {
    add(std::to_string(point.sample_count) + " samples", point.validation);
  }
  add("all but the held-out samples", report.validation);
  const std::string worth = WorthOfDerivatives(report);
  if (!worth.empty()) add("their values alone", report.value_only->validation);
  out << '\n';
  PrintTable(out, rows);
  if (!worth.empty()) out << "derivatives are worth: " << worth << '\n';
}

}  // namespace

std::string ValueError(const client::ErrorReport& errors) {
  return errors.value_rmse.empty() ? "-" : FormatPercent(errors.value_relative);
}

std::string JacobianError(const client::ErrorReport& errors) {
  return errors.jacobian_rmse.empty() ? "-" : FormatPercent(errors.jacobian_relative);
}

std::string WorthOfDerivatives(const client::TrainingReport& report) {
  // Without a weight, or without labels, derivatives took no part, and only the folds differ.
  if (!report.value_only || report.beta + report.gamma == 0) return "";
  const client::ErrorReport& before = report.value_only->validation;
  const client::ErrorReport& after = report.validation;
  std::vector<std::string> parts;
  const auto add = [&](const char* what, const std::string& change) {
    if (!change.empty()) parts.push_back(what + change);
  };
  if (!before.value_rmse.empty() && !after.value_rmse.empty()) {
    add("value error ", Change(before.value_relative, after.value_relative));
  }
  if (!before.jacobian_rmse.empty() && !after.jacobian_rmse.empty()) {
    add("Jacobian error ", Change(before.jacobian_relative, after.jacobian_relative));
  }
  if (before.hvp_relative && after.hvp_relative) {
    add("Hessian product error ", Change(*before.hvp_relative, *after.hvp_relative));
  }
  return Join(parts, ", ");
}

void PrintSelection(std::ostream& out, const client::TrainingReport& report) {
  if (!report.leaderboard.empty()) PrintTrials(out, report);
  if (!report.learning_curve.empty() || !WorthOfDerivatives(report).empty()) {
    PrintComparisons(out, report);
  }
  if (!report.warnings.empty()) out << '\n';
  for (const client::LabelWarning& warning : report.warnings) {
    out << "warning: " << warning.message << '\n';
  }
}

}  // namespace sobolev::cli
