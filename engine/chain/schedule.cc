#include "engine/chain/schedule.h"

#include <algorithm>
#include <cstddef>
#include <queue>
#include <tuple>
#include <utility>

namespace sobolev::chain {
namespace {

// The steps as scheduling sees them.
struct Tasks {
  explicit Tasks(const ChainPlan& plan) {
    const std::size_t count = plan.steps.size();
    parent.assign(count, -1);
    operands.assign(count, 0);
    tail.assign(count, 0);
    duration.reserve(count);
    for (std::size_t s = 0; s < count; ++s) {
      const PlanStep& step = plan.steps[s];
      duration.push_back(step.cost.To64());
      for (const int operand : {step.later, step.earlier}) {
        if (operand < 0) continue;
        parent[static_cast<std::size_t>(operand)] = static_cast<int>(s);
        ++operands[s];
      }
      work += duration.back();
    }
    for (std::size_t s = count; s-- > 0;) {
      tail[s] = duration[s] + (parent[s] < 0 ? 0 : tail[static_cast<std::size_t>(parent[s])]);
    }
  }

  std::size_t size() const { return duration.size(); }

  std::vector<int> parent;  // −1 for the root.
  std::vector<int> operands;
  std::vector<std::uint64_t> duration;
  std::vector<std::uint64_t> tail;  // From its start on to the end of the root at best.
  std::uint64_t work = 0;
};

std::uint64_t LowerBound(const Tasks& tasks, int workers) {
  const auto m = static_cast<std::uint64_t>(workers);
  return std::max((tasks.work + m - 1) / m, *std::ranges::max_element(tasks.tail));
}

// Branch and bound: steps are placed in the order of their starts, each as early as it can.
class Search {
 public:
  Search(const Tasks& tasks, int workers, std::uint64_t limit, std::int64_t& nodes)
      : tasks_(tasks),
        limit_(limit),
        nodes_(nodes),
        free_(static_cast<std::size_t>(workers)),
        missing_(tasks.operands),
        ready_(tasks.size()),
        slots_(tasks.size()),
        work_left_(tasks.work) {
    for (std::size_t s = 0; s < tasks.size(); ++s) {
      if (missing_[s] == 0) open_.push_back(s);
    }
  }

  // Whether the whole tree was searched.
  bool Run(Schedule& schedule) {
    Place(0, 0);
    if (found_) {
      schedule.slots = best_;
      schedule.makespan = limit_;
    }
    return nodes_ > 0;
  }

 private:
  // All ways to go on after `placed` steps, of which the last started then.
  void Place(std::size_t placed, std::uint64_t last_start) {
    if (--nodes_ <= 0) return;
    if (placed == tasks_.size()) {
      limit_ = *std::ranges::max_element(free_);
      best_ = slots_;
      found_ = true;
      return;
    }
    const auto worker = std::ranges::min_element(free_);
    const std::uint64_t free = *worker;
    std::uint64_t idle = 0;
    for (const std::uint64_t time : free_) idle += time;
    if ((idle + work_left_ + free_.size() - 1) / free_.size() >= limit_) return;
    for (const std::size_t s : open_) {
      if (std::max(free, ready_[s]) + tasks_.tail[s] >= limit_) return;
    }
    std::vector<std::size_t> candidates = open_;
    std::ranges::sort(candidates, [this](std::size_t a, std::size_t b) {
      return std::pair(tasks_.tail[a], b) > std::pair(tasks_.tail[b], a);
    });
    for (const std::size_t s : candidates) {
      const std::uint64_t start = std::max(free, ready_[s]);
      if (start < last_start || start + tasks_.tail[s] >= limit_) continue;
      Start(s, worker - free_.begin(), start);
      Place(placed + 1, start);
      Undo(s, worker - free_.begin(), free);
      if (nodes_ <= 0) return;
    }
  }

  void Start(std::size_t s, std::ptrdiff_t worker, std::uint64_t start) {
    const std::uint64_t end = start + tasks_.duration[s];
    slots_[s] = {static_cast<int>(worker), start};
    free_[static_cast<std::size_t>(worker)] = end;
    work_left_ -= tasks_.duration[s];
    std::erase(open_, s);
    if (tasks_.parent[s] < 0) return;
    const auto parent = static_cast<std::size_t>(tasks_.parent[s]);
    if (--missing_[parent] > 0) return;
    ready_[parent] = end;
    for (std::size_t other = 0; other < tasks_.size(); ++other) {
      if (tasks_.parent[other] != tasks_.parent[s]) continue;
      ready_[parent] = std::max(ready_[parent], slots_[other].start + tasks_.duration[other]);
    }
    open_.push_back(parent);
  }

  void Undo(std::size_t s, std::ptrdiff_t worker, std::uint64_t free) {
    if (tasks_.parent[s] >= 0) {
      const auto parent = static_cast<std::size_t>(tasks_.parent[s]);
      if (missing_[parent]++ == 0) std::erase(open_, parent);
    }
    open_.push_back(s);
    work_left_ += tasks_.duration[s];
    free_[static_cast<std::size_t>(worker)] = free;
  }

  const Tasks& tasks_;
  std::uint64_t limit_;
  std::int64_t& nodes_;
  std::vector<std::uint64_t> free_;  // When each worker is.
  std::vector<int> missing_;         // Operands that are not placed yet.
  std::vector<std::uint64_t> ready_;
  std::vector<std::size_t> open_;  // All operands placed, itself not.
  std::vector<Schedule::Slot> slots_;
  std::uint64_t work_left_;
  std::vector<Schedule::Slot> best_;
  bool found_ = false;
};

}  // namespace

Schedule ScheduleByLevel(const ChainPlan& plan, int workers) {
  const Tasks tasks(plan);
  Schedule schedule{.slots = std::vector<Schedule::Slot>(tasks.size()),
                    .lower_bound = LowerBound(tasks, workers)};
  std::vector<int> missing = tasks.operands;
  // By tail, ties to the earlier step.
  std::priority_queue<std::pair<std::uint64_t, std::ptrdiff_t>> ready;
  const auto add = [&](std::size_t s) {
    ready.emplace(tasks.tail[s], -static_cast<std::ptrdiff_t>(s));
  };
  for (std::size_t s = 0; s < tasks.size(); ++s) {
    if (missing[s] == 0) add(s);
  }
  // Ends of running steps, soonest first.
  using Running = std::tuple<std::uint64_t, std::size_t, int>;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running;
  std::vector<int> idle;
  for (int worker = workers; worker-- > 0;) idle.push_back(worker);
  std::uint64_t now = 0;
  while (!ready.empty() || !running.empty()) {
    while (!ready.empty() && !idle.empty()) {
      const auto s = static_cast<std::size_t>(-ready.top().second);
      ready.pop();
      schedule.slots[s] = {idle.back(), now};
      running.emplace(now + tasks.duration[s], s, idle.back());
      idle.pop_back();
    }
    now = std::get<0>(running.top());
    while (!running.empty() && std::get<0>(running.top()) == now) {
      const auto [end, s, worker] = running.top();
      running.pop();
      idle.push_back(worker);
      if (tasks.parent[s] < 0) continue;
      const auto parent = static_cast<std::size_t>(tasks.parent[s]);
      if (--missing[parent] == 0) add(parent);
    }
  }
  schedule.makespan = now;
  return schedule;
}

bool ImproveSchedule(const ChainPlan& plan, int workers, std::uint64_t limit, std::int64_t& nodes,
                     Schedule& schedule) {
  schedule = ScheduleByLevel(plan, workers);
  if (schedule.makespan == schedule.lower_bound || schedule.lower_bound >= limit) return true;
  const Tasks tasks(plan);
  return Search(tasks, workers, std::min(limit, schedule.makespan), nodes).Run(schedule);
}

}  // namespace sobolev::chain
