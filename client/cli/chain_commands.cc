// `sobolev chain`: plans for Jacobian chains from anywhere. Asks no server.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "client/cli/chain_file.h"
#include "client/cli/commands.h"
#include "client/cli/files.h"
#include "client/cli/json_format.h"
#include "client/cli/option_values.h"
#include "client/cli/usage_error.h"
#include "engine/base/error.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/chain_text.h"
#include "engine/chain/memory_plan.h"
#include "engine/chain/memory_planner.h"
#include "engine/chain/scheduled_planner.h"
#include "engine/chain/sparse_planner.h"

namespace sobolev::cli {
namespace {

enum class Kind { kGeneralized, kDense, kSparse };

struct SolveOptions {
  std::string file;
  Kind kind = Kind::kGeneralized;
  std::optional<std::uint64_t> tape_memory;
  std::optional<std::uint64_t> memory;
  bool compress = false;
  int workers = 1;
  std::string weights;
};

struct RandomOptions {
  int length = 10;
  std::uint64_t max_size = 10;
  std::uint64_t seed = 1;
};

// The plan that is best with weights.
struct Weighted {
  chain::ChainWeights weights;
  chain::ChainPlan plan;
  std::optional<chain::ScheduledPlan> scheduled;
  std::optional<chain::MemoryPlan> within;

  chain::Cost cost() const { return within ? within->cost : plan.cost; }
};

// A plan for a chain, what to compare it with, for several workers when it ends, and within a
// memory what is held when.
struct Answer {
  chain::HomogeneousCosts homogeneous;
  chain::ChainPlan plan;
  std::optional<chain::ScheduledPlan> scheduled;
  std::optional<chain::MemoryPlan> within;
  std::optional<Weighted> weighted;

  chain::Cost optimum() const {
    if (within) return within->cost;
    return scheduled ? chain::Cost(scheduled->schedule.makespan) : plan.cost;
  }
};

// Options that say nothing about this chain would be a mistake.
void RequireFitting(const ChainFile& file, const SolveOptions& options) {
  const bool generalized = options.kind == Kind::kGeneralized;
  if (options.kind == Kind::kSparse && file.patterns.empty()) {
    throw UsageError("--kind=sparse: expected a chain with patterns");
  }
  if (options.compress && (!generalized || file.patterns.empty())) {
    throw UsageError("--compress: only with --kind=generalized, for a chain with patterns");
  }
  if (options.tape_memory && !generalized) {
    throw UsageError("--tape-memory: only with --kind=generalized");
  }
  if (!options.memory) return;
  if (!generalized || !file.patterns.empty()) {
    throw UsageError("--memory: only with --kind=generalized, for a chain without patterns");
  }
  if (options.tape_memory || options.workers > 1) {
    throw UsageError("--memory: not with --tape-memory or --workers");
  }
}

chain::ChainWeights ParseWeights(const std::string& text) {
  const auto weights = ParseList<std::uint64_t>("--weights", text);
  if (weights.size() != 3) {
    throw UsageError("--weights: expected three whole numbers, of tangents, adjoints and products");
  }
  return {.tangent = weights[0], .adjoint = weights[1], .product = weights[2]};
}

Answer Solve(const ChainFile& file, const SolveOptions& options) {
  RequireFitting(file, options);
  chain::ChainRules rules;
  if (options.kind != Kind::kGeneralized) {
    rules = {.given_factors = true, .propagate = false};
  }
  if (options.tape_memory) rules.tape_memory = *options.tape_memory;
  const bool sparse = !file.patterns.empty() && options.kind != Kind::kDense;
  if (sparse && options.workers > 1) throw UsageError("--workers: not for chains with patterns");
  const auto plan_by = [&](const chain::ChainRules& by,
                           std::optional<chain::ScheduledPlan>& scheduled) {
    if (options.workers > 1) {
      scheduled = chain::PlanScheduled(file.chain, options.workers, by);
      return scheduled->plan;
    }
    return sparse ? chain::PlanSparseChain(file.chain, file.patterns, by, options.compress)
                  : chain::PlanChain(file.chain, by);
  };
  Answer answer;
  if (options.memory) {
    answer.within = chain::PlanWithinMemory(file.chain, *options.memory);
    answer.plan = answer.within->plan;
  } else {
    answer.plan = plan_by(rules, answer.scheduled);
  }
  if (!options.weights.empty()) {
    answer.weighted.emplace();
    answer.weighted->weights = ParseWeights(options.weights);
    chain::ChainRules weighted = rules;
    weighted.weights = answer.weighted->weights;
    if (options.memory) {
      answer.weighted->within =
          chain::PlanWithinMemory(file.chain, *options.memory, {.weights = weighted.weights});
      answer.weighted->plan = answer.weighted->within->plan;
    } else {
      answer.weighted->plan = plan_by(weighted, answer.weighted->scheduled);
    }
  }
  if (rules.given_factors) {
    answer.homogeneous = chain::AccumulationCosts(file.chain);
    answer.homogeneous.preaccumulation =
        answer.scheduled ? chain::PlanChain(file.chain, rules).cost : answer.plan.cost;
  } else {
    answer.homogeneous = sparse ? chain::PlanSparseHomogeneous(file.chain, file.patterns)
                                : chain::PlanHomogeneous(file.chain);
  }
  return answer;
}

const char* Name(chain::StepKind kind) {
  switch (kind) {
    case chain::StepKind::kZero:
      return "zero";
    case chain::StepKind::kGiven:
      return "given";
    case chain::StepKind::kAccumulateTangent:
      return "accumulate_tangent";
    case chain::StepKind::kAccumulateAdjoint:
      return "accumulate_adjoint";
    case chain::StepKind::kTangent:
      return "tangent";
    case chain::StepKind::kAdjoint:
      return "adjoint";
    case chain::StepKind::kProduct:
      return "product";
  }
  return "";
}

Json StepsToJson(const chain::ChainPlan& plan,
                 const std::optional<chain::ScheduledPlan>& scheduled) {
  Json steps = Json::array();
  for (std::size_t s = 0; s < plan.steps.size(); ++s) {
    const chain::PlanStep& step = plan.steps[s];
    Json json = {{"kind", Name(step.kind)},
                 {"first", step.first + 1},
                 {"last", step.last + 1},
                 {"cost", CostToJson(step.cost)}};
    if (step.later >= 0) json["later"] = step.later;
    if (step.earlier >= 0) json["earlier"] = step.earlier;
    if (scheduled) {
      json["worker"] = scheduled->schedule.slots[s].worker;
      json["start"] = CostToJson(chain::Cost(scheduled->schedule.slots[s].start));
    }
    steps.push_back(std::move(json));
  }
  return steps;
}

Json MovesToJson(const chain::MemoryPlan& plan) {
  Json moves = Json::array();
  for (const chain::MemoryMove& move : plan.moves) {
    Json json = {{"cost", CostToJson(move.cost)}, {"memory", CostToJson(move.memory)}};
    switch (move.kind) {
      case chain::MemoryMove::Kind::kEvaluate:
        json["kind"] = "evaluate";
        json["value"] = move.index + 1;
        break;
      case chain::MemoryMove::Kind::kDrop:
        json["kind"] = "drop";
        json["value"] = move.index;
        break;
      case chain::MemoryMove::Kind::kStep:
        json["kind"] = "step";
        json["step"] = move.index;
        break;
    }
    moves.push_back(std::move(json));
  }
  return moves;
}

// Of a plan without weights, evaluations included.
chain::Cost CostOfOptimum(const Answer& answer) {
  const chain::ChainWeights& weights = answer.weighted->weights;
  const chain::Cost cost = CostWith(answer.plan, {}, weights);
  return answer.within ? cost + answer.within->evaluation * chain::Cost(weights.tangent) : cost;
}

// What the best plan with weights costs with them, and what the one without does.
Json WeightedToJson(const Answer& answer) {
  const Weighted& weighted = *answer.weighted;
  chain::Cost multiply_adds = CostWith(weighted.plan, weighted.weights, {});
  if (weighted.within) {
    multiply_adds += weighted.within->evaluation / chain::Cost(weighted.weights.tangent);
  }
  Json json = {
      {"weights", {weighted.weights.tangent, weighted.weights.adjoint, weighted.weights.product}},
      {"cost", CostToJson(weighted.cost())},
      {"cost_of_optimum", CostToJson(CostOfOptimum(answer))},
      {"multiply_adds", CostToJson(multiply_adds)},
      {"plan", ToText(weighted.plan)},
      {"steps", StepsToJson(weighted.plan, weighted.scheduled)}};
  if (weighted.scheduled) json["makespan"] = CostToJson(weighted.scheduled->schedule.makespan);
  if (weighted.within) {
    json["memory"] = CostToJson(weighted.within->memory);
    json["moves"] = MovesToJson(*weighted.within);
  }
  return json;
}

Json AnswerToJson(const Answer& answer) {
  const chain::HomogeneousCosts& costs = answer.homogeneous;
  Json json = {{"optimum", CostToJson(answer.optimum())},
               {"tangent", CostToJson(costs.tangent)},
               {"adjoint", CostToJson(costs.adjoint)},
               {"preaccumulation", CostToJson(costs.preaccumulation)}};
  if (answer.scheduled) {
    json["work"] = CostToJson(answer.plan.cost);
    json["lower_bound"] = CostToJson(chain::Cost(answer.scheduled->lower_bound));
    json["proven_optimal"] = answer.scheduled->optimal;
  }
  if (answer.within) {
    json["evaluation"] = CostToJson(answer.within->evaluation);
    json["memory"] = CostToJson(answer.within->memory);
    json["proven_optimal"] = answer.within->optimal;
    json["moves"] = MovesToJson(*answer.within);
  }
  json["saturated"] = answer.optimum().saturated() || costs.tangent.saturated() ||
                      costs.adjoint.saturated() || costs.preaccumulation.saturated() ||
                      (answer.weighted && answer.weighted->cost().saturated());
  json["plan"] = ToText(answer.plan);
  json["steps"] = StepsToJson(answer.plan, answer.scheduled);
  if (answer.weighted) json["weighted"] = WeightedToJson(answer);
  return json;
}

std::string CostText(chain::Cost cost) {
  return cost.saturated() ? "at least 2^128 - 1" : cost.ToString();
}

void Print(const Answer& answer) {
  const chain::HomogeneousCosts& costs = answer.homogeneous;
  std::cout << "tangent          " << CostText(costs.tangent) << '\n'
            << "adjoint          " << CostText(costs.adjoint) << '\n'
            << "preaccumulation  " << CostText(costs.preaccumulation) << '\n'
            << "optimum          " << CostText(answer.optimum());
  if (answer.scheduled) {
    std::cout << (answer.scheduled->optimal
                      ? " (proven)"
                      : " (at least " + std::to_string(answer.scheduled->lower_bound) + ")")
              << ", with work of " << CostText(answer.plan.cost);
  }
  if (answer.within) {
    std::cout << (answer.within->optimal ? " (proven)" : "") << ", with "
              << CostText(answer.within->evaluation) << " to evaluate values\n"
              << "memory           " << CostText(answer.within->memory);
  }
  std::cout << "\n\n" << ToTree(answer.plan);
  if (answer.within) std::cout << '\n' << ToText(*answer.within);
  if (!answer.weighted) return;
  const Weighted& weighted = *answer.weighted;
  std::cout << "\nWith weights " << weighted.weights.tangent << " for tangents, "
            << weighted.weights.adjoint << " for adjoints and " << weighted.weights.product
            << " for products it costs " << CostText(CostOfOptimum(answer)) << ". The best then";
  if (weighted.scheduled) {
    std::cout << " ends at " << weighted.scheduled->schedule.makespan << " and";
  }
  std::cout << " costs " << CostText(weighted.cost()) << ":\n\n" << ToTree(weighted.plan);
  if (weighted.within) std::cout << '\n' << ToText(*weighted.within);
}

// Runs engine code, whose complaints are about what the user gave.
template <class Action>
void Guarded(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

void AddSolve(CLI::App& group, Context& context) {
  CLI::App* solve =
      group.add_subcommand("solve", "Find the plan with the fewest multiply-adds.")->fallthrough();
  const auto options = std::make_shared<SolveOptions>();
  solve->add_option("FILE", options->file, "The chain, JSON or plain text; - is standard input")
      ->required();
  solve
      ->add_option("--kind", options->kind,
                   "generalized: factors can be propagated through and accumulated; dense, sparse: "
                   "their Jacobians are given")
      ->transform(OneOf<Kind>({{"generalized", Kind::kGeneralized},
                               {"dense", Kind::kDense},
                               {"sparse", Kind::kSparse}}))
      ->type_name("KIND")
      ->default_str("generalized");
  solve
      ->add_option("--tape-memory", options->tape_memory,
                   "Adjoints only through factors with at most that many edges")
      ->type_name("EDGES")
      ->check(CLI::Validator(IsUint64, ""));
  solve
      ->add_option("--memory", options->memory,
                   "Hold at most that many numbers of values, Jacobians and tapes at a time, and "
                   "count what it takes to evaluate values")
      ->type_name("NUMBERS")
      ->check(CLI::Validator(IsUint64, ""));
  solve
      ->add_option("--weights", options->weights,
                   "Also find the plan that is best if multiply-adds of tangents, adjoints and "
                   "products cost that much; evaluations within a memory cost as tangents do")
      ->type_name("T,A,P");
  solve->add_flag("--compress", options->compress,
                  "Carry columns (rows) of a result together that share no row (column), as the "
                  "patterns tell");
  solve
      ->add_option("--workers", options->workers,
                   "Find the plan that ends earliest on that many workers")
      ->type_name("COUNT")
      ->check(CLI::Range(1, chain::kMaxWorkers))
      ->capture_default_str();
  solve->footer(
      "A chain is {\"factors\": [{\"n\": 2, \"m\": 3, \"edges\": 6}, ...]} from the input side on; "
      "n\n"
      "inputs, m outputs, and the multiply-adds of one tangent or adjoint. \"pattern\": [\"101\", "
      "...],\n"
      "a string for each of m rows, makes it sparse. Plain text is the number of factors and a "
      "line\n"
      "\"m n edges\" for each.\n\n"
      "Example:\n"
      "  sobolev chain random --length 10 --max-size 10 | sobolev chain solve -");
  solve->callback([options, &context] {
    Guarded([&] {
      const Answer answer = Solve(ParseChainFile(ReadText(options->file)), *options);
      if (context.json) {
        std::cout << AnswerToJson(answer).dump() << '\n';
      } else {
        Print(answer);
      }
    });
  });
}

void AddRandom(CLI::App& group, Context& context) {
  CLI::App* random =
      group.add_subcommand("random", "Draw a chain; plain text, or JSON with --json.")
          ->fallthrough();
  const auto options = std::make_shared<RandomOptions>();
  random->add_option("--length", options->length, "The number of factors")
      ->type_name("COUNT")
      ->capture_default_str();
  random->add_option("--max-size", options->max_size, "The most inputs and outputs of a factor")
      ->type_name("COUNT")
      ->check(CLI::Validator(IsUint64, ""))
      ->capture_default_str();
  random->add_option("--seed", options->seed, "The same seed draws the same chain")
      ->type_name("SEED")
      ->check(CLI::Validator(IsUint64, ""))
      ->capture_default_str();
  random->callback([options, &context] {
    Guarded([&] {
      const chain::JacobianChain chain =
          chain::RandomChain(options->length, options->max_size, options->seed);
      std::cout << (context.json ? ToJson(chain).dump() + "\n" : ToText(chain));
    });
  });
}

}  // namespace

void AddChainCommands(CLI::App& app, Context& context) {
  CLI::App* group =
      app.add_subcommand("chain", "Plan derivatives of chains of functions; no server is asked.");
  group->require_subcommand(1)->fallthrough();
  AddSolve(*group, context);
  AddRandom(*group, context);
}

}  // namespace sobolev::cli
