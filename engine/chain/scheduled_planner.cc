#include "engine/chain/scheduled_planner.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/stop.h"
#include "engine/chain/plan_extraction.h"

namespace sobolev::chain {
namespace {

using Time = std::uint64_t;

// Beyond that many the dynamic programme takes too long; more help the search below.
constexpr int kMaxSplitWorkers = 32;

// What every subchain could be made of, and bounds of what that costs.
class Options {
 public:
  Options(const JacobianChain& chain, const ChainRules& rules)
      : chain_(chain),
        rules_(rules),
        least_work_(Cells(chain.size())),
        shortest_path_(Cells(chain.size())) {
    for (int distance = 0; distance < size(); ++distance) {
      for (int i = 0; i + distance < size(); ++i) {
        const int j = i + distance;
        Time work = UINT64_MAX;
        Time path = UINT64_MAX;
        ForEach(j, i, [&](const BestStep& option) {
          Time of_operands = 0;
          Time longest = 0;
          ForEachOperand(option, [&](int last, int first) {
            of_operands += LeastWork(last, first);
            longest = std::max(longest, ShortestPath(last, first));
          });
          work = std::min(work, of_operands + option.step.cost.To64());
          path = std::min(path, longest + option.step.cost.To64());
        });
        least_work_[Cell(j, i)] = work;
        shortest_path_[Cell(j, i)] = path;
      }
    }
  }

  int size() const { return chain_.size(); }
  Time LeastWork(int j, int i) const { return least_work_[Cell(j, i)]; }
  Time ShortestPath(int j, int i) const { return shortest_path_[Cell(j, i)]; }

  std::size_t Cell(int j, int i) const {
    return static_cast<std::size_t>(j) * static_cast<std::size_t>(size()) +
           static_cast<std::size_t>(i);
  }

  // Calls visit(BestStep) for every step that could make F'_{j,i}.
  template <class Visit>
  void ForEach(int j, int i, const Visit& visit) const {
    const Cost n = chain_[i].n;
    const Cost m = chain_[j].m;
    const auto offer = [&](StepKind kind, Cost multiply_adds, int split) {
      const Cost cost = multiply_adds * Cost(rules_.weights.Of(kind));
      visit(BestStep{.step = {.kind = kind, .first = i, .last = j, .cost = cost}, .split = split});
    };
    const bool adjoint = chain_[i].edges <= rules_.tape_memory;
    if (i == j && rules_.given_factors) {
      offer(StepKind::kGiven, {}, i);
      return;
    }
    if (i == j) {
      const Cost edges = chain_[i].edges;
      // The dearer of the two never helps.
      if (n * Cost(rules_.weights.tangent) <= m * Cost(rules_.weights.adjoint) || !adjoint) {
        offer(StepKind::kAccumulateTangent, n * edges, i);
      } else {
        offer(StepKind::kAccumulateAdjoint, m * edges, i);
      }
      return;
    }
    for (int k = i; k < j; ++k) offer(StepKind::kProduct, m * chain_[k].m * n, k);
    if (!rules_.propagate) return;
    if (adjoint) offer(StepKind::kAdjoint, m * Cost(chain_[i].edges), i);
    offer(StepKind::kTangent, n * Cost(chain_[j].edges), j - 1);
  }

  // Calls visit(last, first) for each subchain that the step takes up.
  template <class Visit>
  static void ForEachOperand(const BestStep& option, const Visit& visit) {
    const PlanStep& step = option.step;
    if (step.first == step.last) return;
    if (step.kind != StepKind::kTangent) visit(step.last, option.split + 1);
    if (step.kind != StepKind::kAdjoint) visit(option.split, step.first);
  }

 private:
  static std::size_t Cells(int size) {
    return static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  }

  const JacobianChain& chain_;
  const ChainRules& rules_;
  std::vector<Time> least_work_;
  std::vector<Time> shortest_path_;
};

// g_{j,i,t}, and the plans that it stands for.
class SplitWorkers {
 public:
  SplitWorkers(const Options& options, int workers)
      : options_(options),
        workers_(workers),
        ends_(options.Cell(options.size() - 1, options.size() - 1) + 1),
        best_(ends_.size()) {
    for (int distance = 0; distance < options.size(); ++distance) {
      for (int i = 0; i + distance < options.size(); ++i) Solve(i + distance, i);
    }
  }

  ChainPlan Plan() const {
    // The workers that each subchain of the plan has.
    std::vector<int> available(best_.size());
    available[options_.Cell(options_.size() - 1, 0)] = workers_;
    return ExtractPlan(options_.size(), [&](int j, int i) {
      const Choice& choice = best_[options_.Cell(j, i)][At(available[options_.Cell(j, i)])];
      Options::ForEachOperand(choice.option, [&](int last, int first) {
        const int all = available[options_.Cell(j, i)];
        available[options_.Cell(last, first)] = choice.of_later == 0 ? all
                                                : first > i          ? choice.of_later
                                                                     : all - choice.of_later;
      });
      return choice.option;
    });
  }

 private:
  struct Choice {
    BestStep option;
    int of_later = 0;  // Workers of F'_{j,k+1} while F'_{k,i} has the others; 0: all, in turn.
  };

  static std::size_t At(int workers) { return static_cast<std::size_t>(workers - 1); }

  void Solve(int j, int i) {
    std::vector<Time>& ends = ends_[options_.Cell(j, i)];
    std::vector<Choice>& best = best_[options_.Cell(j, i)];
    ends.assign(static_cast<std::size_t>(workers_), UINT64_MAX);
    best.resize(ends.size());
    options_.ForEach(j, i, [&](const BestStep& option) {
      for (int t = 1; t <= workers_; ++t) {
        const auto consider = [&](Time operands, int of_later) {
          const Time end = operands + option.step.cost.To64();
          if (end >= ends[At(t)]) return;
          ends[At(t)] = end;
          best[At(t)] = {option, of_later};
        };
        Time in_turn = 0;
        Options::ForEachOperand(option, [&](int last, int first) {
          in_turn += ends_[options_.Cell(last, first)][At(t)];
        });
        consider(in_turn, 0);
        if (option.step.kind != StepKind::kProduct) continue;
        const std::vector<Time>& later = ends_[options_.Cell(j, option.split + 1)];
        const std::vector<Time>& earlier = ends_[options_.Cell(option.split, i)];
        for (int of_later = 1; of_later < t; ++of_later) {
          consider(std::max(later[At(of_later)], earlier[At(t - of_later)]), of_later);
        }
      }
    });
  }

  const Options& options_;
  const int workers_;
  std::vector<std::vector<Time>> ends_;
  std::vector<std::vector<Choice>> best_;
};

// Plans from the root on.
class PlanSearch {
 public:
  PlanSearch(const Options& options, int workers, std::int64_t effort, const std::stop_token& stop)
      : options_(options),
        workers_(workers),
        nodes_(effort),
        stop_(stop),
        chosen_(options.Cell(options.size() - 1, options.size() - 1) + 1) {}

  ScheduledPlan Run(ScheduledPlan start) {
    best_ = std::move(start);
    open_ = {{options_.size() - 1, 0, 0}};
    // Good plans first, by a quick look at each; then all that may be better, to their optimum.
    const std::int64_t all = nodes_;
    nodes_ = all / 4;
    Go(0);
    nodes_ += all - all / 4;
    exact_ = true;
    Go(0);
    best_.optimal = best_.schedule.makespan == best_.lower_bound || (proven_ && nodes_ > 0);
    if (best_.optimal) best_.lower_bound = best_.schedule.makespan;
    return std::move(best_);
  }

  void Try(const ChainPlan& plan) {
    Schedule schedule;
    if (exact_) {
      proven_ &= ImproveSchedule(plan, workers_, best_.schedule.makespan, nodes_, schedule);
    } else {
      schedule = ScheduleByLevel(plan, workers_);
    }
    if (schedule.makespan >= best_.schedule.makespan) return;
    best_.plan = plan;
    best_.schedule = std::move(schedule);
  }

 private:
  // A subchain to be made, and the time from its end to that of the root.
  struct Open {
    int last;
    int first;
    Time tail;
  };

  Time LowerBound(Time work) const {
    Time path = 0;
    for (const Open& open : open_) {
      work += options_.LeastWork(open.last, open.first);
      path = std::max(path, open.tail + options_.ShortestPath(open.last, open.first));
    }
    const auto workers = static_cast<Time>(workers_);
    return std::max(path, (work + workers - 1) / workers);
  }

  // All ways to make what is open, after steps of that much work.
  void Go(Time work) {
    if (--nodes_ <= 0) return;
    ThrowIfStopped(stop_);
    if (open_.empty()) {
      Try(ExtractPlan(options_.size(),
                      [this](int j, int i) { return chosen_[options_.Cell(j, i)]; }));
      return;
    }
    const Open next = open_.back();
    open_.pop_back();
    const std::size_t kept = open_.size();
    std::vector<std::pair<Time, BestStep>> options;
    options_.ForEach(next.last, next.first, [&](const BestStep& option) {
      AddOperands(option, next.tail);
      options.emplace_back(LowerBound(work + option.step.cost.To64()), option);
      open_.resize(kept);
    });
    // Long chains have many options, each judged by all that is open.
    nodes_ -= static_cast<std::int64_t>(options.size() * (kept + 2) / 32);
    std::ranges::stable_sort(options, {}, [](const auto& option) { return option.first; });
    for (const auto& [bound, option] : options) {
      if (bound >= best_.schedule.makespan || nodes_ <= 0) break;
      chosen_[options_.Cell(next.last, next.first)] = option;
      AddOperands(option, next.tail);
      Go(work + option.step.cost.To64());
      open_.resize(kept);
    }
    open_.push_back(next);
  }

  void AddOperands(const BestStep& option, Time tail) {
    Options::ForEachOperand(option, [&](int last, int first) {
      open_.push_back({last, first, tail + option.step.cost.To64()});
    });
  }

  const Options& options_;
  const int workers_;
  std::int64_t nodes_;
  const std::stop_token& stop_;
  std::vector<BestStep> chosen_;  // By subchain.
  std::vector<Open> open_;
  ScheduledPlan best_;
  bool exact_ = false;  // Whether plans are scheduled by search.
  bool proven_ = true;  // Whether those searches all ended.
};

void Check(const JacobianChain& chain, int workers, const ChainWeights& weights) {
  weights.Check();
  if (workers < 1 || workers > kMaxWorkers) {
    throw InvalidArgument(
        "OUT_OF_RANGE", "workers",
        "expected 1 to " + std::to_string(kMaxWorkers) + ", got " + std::to_string(workers));
  }
  if (chain.size() > kMaxScheduledFactors) {
    throw InvalidArgument("OUT_OF_RANGE", "factors",
                          "expected at most " + std::to_string(kMaxScheduledFactors) +
                              " on several workers, got " + std::to_string(chain.size()));
  }
  // A plan has fewer than 2 D steps.
  if (chain.StepBound() * Cost(weights.Largest()) * Cost(2 * chain.size()) < Cost(INT64_MAX)) {
    return;
  }
  throw InvalidArgument("OUT_OF_RANGE", "factors",
                        "expected sizes and edges with which no plan takes 2^63 multiply-adds");
}

}  // namespace

ScheduledPlan PlanScheduled(const JacobianChain& chain, int workers, const ChainRules& rules,
                            std::int64_t effort, const std::stop_token& stop) {
  Check(chain, workers, rules.weights);
  // As many as there are factors can all be busy at once.
  const int useful = std::min(workers, chain.size());
  const Options options(chain, rules);
  ScheduledPlan start;
  start.plan = PlanChain(chain, rules, stop);
  start.schedule = ScheduleByLevel(start.plan, useful);
  const int root = chain.size() - 1;
  const auto m = static_cast<std::uint64_t>(useful);
  start.lower_bound =
      std::max((options.LeastWork(root, 0) + m - 1) / m, options.ShortestPath(root, 0));
  const ChainPlan split = SplitWorkers(options, std::min(useful, kMaxSplitWorkers)).Plan();
  Schedule schedule = ScheduleByLevel(split, useful);
  if (schedule.makespan < start.schedule.makespan) {
    start.plan = split;
    start.schedule = std::move(schedule);
  }
  return PlanSearch(options, useful, effort, stop).Run(std::move(start));
}

}  // namespace sobolev::chain
