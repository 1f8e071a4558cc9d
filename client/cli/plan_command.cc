// `sobolev model plan`: how the Jacobian of a model is made.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"

namespace sobolev::cli {
namespace {

using client::DerivativePlan;
using client::PlanStepKind;

// Of a value, an entry of a Jacobian, or the partial derivative of an edge on a tape.
constexpr std::int64_t kBytesOfNumber = 8;

// Steps of the tree; below, it goes straight down.
constexpr int kMaxIndent = 40;

struct PlanArguments {
  std::string model;
  std::optional<std::int64_t> tape_memory;
  std::optional<std::int64_t> memory;
  int workers = 1;
};

const char* Name(PlanStepKind kind) {
  switch (kind) {
    case PlanStepKind::kAccumulateTangent:
      return "accumulate_tangent";
    case PlanStepKind::kAccumulateAdjoint:
      return "accumulate_adjoint";
    case PlanStepKind::kTangent:
      return "tangent";
    case PlanStepKind::kAdjoint:
      return "adjoint";
    case PlanStepKind::kProduct:
      return "product";
  }
  return "";
}

Json ToJson(const DerivativePlan::Move& move) {
  Json json = {{"cost", move.cost}, {"memory", move.memory * kBytesOfNumber}};
  switch (move.kind) {
    case DerivativePlan::Move::Kind::kEvaluate:
      json["kind"] = "evaluate";
      break;
    case DerivativePlan::Move::Kind::kDrop:
      json["kind"] = "drop";
      break;
    case DerivativePlan::Move::Kind::kStep:
      json["kind"] = "step";
      break;
  }
  if (move.value) json["value"] = *move.value;
  if (move.step) json["step"] = *move.step;
  return json;
}

// What the whole costs: with several workers when it ends, within a memory with evaluations.
std::int64_t Optimum(const DerivativePlan& plan) {
  return plan.makespan.value_or(plan.cost + plan.evaluation_cost.value_or(0));
}

Json ToJson(const DerivativePlan& plan) {
  Json json = {{"model", plan.model},
               {"tangent", plan.tangent_cost},
               {"adjoint", plan.adjoint_cost},
               {"preaccumulation", plan.preaccumulation_cost},
               {"dense_product", plan.dense_product_cost},
               {"optimum", Optimum(plan)},
               {"work", plan.cost},
               {"plan", plan.bracketing},
               {"method", plan.method},
               {"factors", Json::array()},
               {"steps", Json::array()},
               {"timings", Json::array()}};
  for (const DerivativePlan::Factor& factor : plan.factors) {
    json["factors"].push_back(
        {{"label", factor.label}, {"n", factor.n}, {"m", factor.m}, {"edges", factor.edges}});
  }
  for (const DerivativePlan::Step& step : plan.steps) {
    Json added = {
        {"kind", Name(step.kind)}, {"first", step.first}, {"last", step.last}, {"cost", step.cost}};
    if (step.later) added["later"] = *step.later;
    if (step.earlier) added["earlier"] = *step.earlier;
    if (step.worker) added["worker"] = *step.worker;
    if (step.start) added["start"] = *step.start;
    json["steps"].push_back(std::move(added));
  }
  for (const DerivativePlan::Timing& timing : plan.timings) {
    Json added = {{"mode", timing.mode},
                  {"cost", timing.cost},
                  {"predicted_seconds", timing.predicted_seconds}};
    if (timing.measured_seconds) added["measured_seconds"] = *timing.measured_seconds;
    json["timings"].push_back(std::move(added));
  }
  if (plan.makespan) {
    json["makespan"] = *plan.makespan;
    json["makespan_lower_bound"] = *plan.makespan_lower_bound;
  }
  if (plan.proven_optimal) json["proven_optimal"] = *plan.proven_optimal;
  if (plan.memory) {
    json["evaluation"] = *plan.evaluation_cost;
    json["memory"] = *plan.memory * kBytesOfNumber;
    json["moves"] = Json::array();
    for (const DerivativePlan::Move& move : plan.moves) json["moves"].push_back(ToJson(move));
  }
  if (plan.calibrated) {
    json["calibrated"] = {{"tangent_seconds", plan.calibrated->tangent_seconds},
                          {"adjoint_seconds", plan.calibrated->adjoint_seconds},
                          {"product_seconds", plan.calibrated->product_seconds},
                          {"optimum_seconds", plan.calibrated->optimum_seconds},
                          {"fastest_seconds", plan.calibrated->fastest_seconds},
                          {"fastest_cost", plan.calibrated->fastest_cost},
                          {"fastest_plan", plan.calibrated->fastest_bracketing}};
  }
  return json;
}

std::string Label(const DerivativePlan& plan, int factor) {
  return plan.factors.at(static_cast<std::size_t>(factor - 1)).label;
}

// "affine 1 .. tanh 3"
std::string Range(const DerivativePlan& plan, const DerivativePlan::Step& step) {
  if (step.first == step.last) return Label(plan, step.first);
  return Label(plan, step.first) + " .. " + Label(plan, step.last);
}

std::string Description(const DerivativePlan& plan, const DerivativePlan::Step& step) {
  switch (step.kind) {
    case PlanStepKind::kAccumulateTangent:
      return "tangents";
    case PlanStepKind::kAccumulateAdjoint:
      return "adjoints";
    case PlanStepKind::kTangent:
      return "tangents through " + Label(plan, step.last) + " of";
    case PlanStepKind::kAdjoint:
      return "adjoints through " + Label(plan, step.first) + " of";
    case PlanStepKind::kProduct:
      return "product of";
  }
  return "";
}

void PrintTree(const DerivativePlan& plan) {
  std::vector<std::pair<int, int>> left{{static_cast<int>(plan.steps.size()) - 1, 0}};
  while (!left.empty()) {
    const auto [place, depth] = left.back();
    left.pop_back();
    const DerivativePlan::Step& step = plan.steps.at(static_cast<std::size_t>(place));
    std::cout << std::string(2 * static_cast<std::size_t>(std::min(depth, kMaxIndent)), ' ')
              << Range(plan, step) << ": " << Description(plan, step) << "  (" << step.cost;
    if (step.worker) std::cout << ", worker " << *step.worker << " from " << *step.start;
    std::cout << ")\n";
    if (step.earlier) left.emplace_back(*step.earlier, depth + 1);
    if (step.later) left.emplace_back(*step.later, depth + 1);
  }
}

std::string Microseconds(double seconds) {
  std::ostringstream text;
  text.precision(3);
  text << seconds * 1e6 << " us";
  return text.str();
}

void PrintMoves(const DerivativePlan& plan) {
  if (plan.moves.empty()) return;
  std::vector<std::vector<std::string>> rows = {{"move", "multiply-adds", "bytes held"}};
  for (const DerivativePlan::Move& move : plan.moves) {
    std::string text;
    switch (move.kind) {
      case DerivativePlan::Move::Kind::kEvaluate:
        text = "evaluate " + Label(plan, move.value.value_or(1));
        break;
      case DerivativePlan::Move::Kind::kDrop:
        text = "drop outputs of " + Label(plan, move.value.value_or(1));
        break;
      case DerivativePlan::Move::Kind::kStep: {
        const auto& step = plan.steps.at(static_cast<std::size_t>(move.step.value_or(0)));
        text = Range(plan, step) + ": " + Description(plan, step);
        break;
      }
    }
    rows.push_back(
        {std::move(text), std::to_string(move.cost), std::to_string(move.memory * kBytesOfNumber)});
  }
  std::cout << '\n';
  PrintTable(std::cout, rows);
}

void PrintCalibrated(const DerivativePlan& plan) {
  if (!plan.calibrated) return;
  const DerivativePlan::Calibrated& c = *plan.calibrated;
  std::cout << '\n';
  PrintFields(std::cout, {{"at measured speeds", Microseconds(c.optimum_seconds)},
                          {"fastest", Microseconds(c.fastest_seconds) + " with " +
                                          std::to_string(c.fastest_cost) + " multiply-adds"},
                          {"fastest plan", c.fastest_bracketing}});
}

void Print(const DerivativePlan& plan) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"model", plan.model},
      {"tangent", std::to_string(plan.tangent_cost)},
      {"adjoint", std::to_string(plan.adjoint_cost)},
      {"preaccumulation", std::to_string(plan.preaccumulation_cost)},
      {"products alone", std::to_string(plan.dense_product_cost)},
      {"optimum", std::to_string(plan.cost)}};
  if (plan.makespan) {
    fields.emplace_back(
        "ends at",
        std::to_string(*plan.makespan) +
            (*plan.proven_optimal ? " (proven)"
                                  : ", at least " + std::to_string(*plan.makespan_lower_bound)));
  }
  if (plan.memory) {
    fields.emplace_back("evaluations", std::to_string(*plan.evaluation_cost) +
                                           (*plan.proven_optimal ? " (proven least of both)" : ""));
    fields.emplace_back("memory", std::to_string(*plan.memory * kBytesOfNumber) + " bytes");
  }
  fields.emplace_back("predict by", plan.method);
  PrintFields(std::cout, fields);
  std::cout << '\n';
  PrintTree(plan);
  PrintMoves(plan);
  PrintCalibrated(plan);
  std::vector<std::vector<std::string>> rows = {
      {"Jacobian of a point", "multiply-adds", "predicted", "measured"}};
  for (const DerivativePlan::Timing& timing : plan.timings) {
    rows.push_back({timing.mode, std::to_string(timing.cost),
                    Microseconds(timing.predicted_seconds),
                    timing.measured_seconds ? Microseconds(*timing.measured_seconds) : "-"});
  }
  std::cout << '\n';
  PrintTable(std::cout, rows);
}

}  // namespace

void AddPlanCommand(CLI::App& group, Context& context) {
  CLI::App* plan =
      group
          .add_subcommand("plan",
                          "Show how the Jacobian is made with the fewest multiply-adds, what that "
                          "saves, and what it takes on the server.")
          ->fallthrough();
  const auto arguments = std::make_shared<PlanArguments>();
  plan->add_option("MODEL", arguments->model, "Model, or models/MODEL/versions/N")->required();
  plan->add_option("--memory", arguments->memory,
                   "Hold at most that many bytes of values, Jacobians and tapes of a point at a "
                   "time, and evaluate again what was not kept")
      ->type_name("BYTES")
      ->check(CLI::NonNegativeNumber);
  plan->add_option("--tape-memory", arguments->tape_memory,
                   "Adjoints only through layers and stages whose tape fits into that many bytes")
      ->type_name("BYTES")
      ->check(CLI::NonNegativeNumber);
  plan->add_option("--workers", arguments->workers, "The plan that ends first on that many workers")
      ->type_name("COUNT")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  plan->callback([arguments, &context] {
    client::PlanOptions options{.workers = arguments->workers};
    if (arguments->tape_memory) options.tape_memory = *arguments->tape_memory / kBytesOfNumber;
    if (arguments->memory) options.memory = *arguments->memory / kBytesOfNumber;
    const DerivativePlan answer = context.Connect().PlanDerivatives(arguments->model, options);
    if (context.json) {
      std::cout << ToJson(answer).dump(2) << '\n';
    } else {
      Print(answer);
    }
  });
}

}  // namespace sobolev::cli
