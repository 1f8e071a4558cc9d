// Tasks for the threads of the current oneTBB arena, with a workspace for each thread that helps.

#ifndef SOBOLEV_ENGINE_NN_GRAM_WORKERS_H_
#define SOBOLEV_ENGINE_NN_GRAM_WORKERS_H_

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev::nn {

class GramWorkers {
 public:
  GramWorkers()
      : size_(std::clamp<Index>(static_cast<Index>(std::thread::hardware_concurrency()), 1, 16)) {}

  // Workers there are at most.
  Index size() const { return size_; }

  // visit(task, worker) for every task < count, each worker < size() doing one task after another.
  // Which worker gets which task must not matter.
  template <class Visit>
  void ForEach(Index count, const Visit& visit) const {
    const Index num_workers = std::min(size_, count);
    std::atomic<Index> next = 0;
    const auto work = [&](Index worker) {
      for (Index task = next++; task < count; task = next++) visit(task, worker);
    };
    if (num_workers <= 1) {
      work(0);
    } else {
      oneapi::tbb::parallel_for(Index{0}, num_workers, work);
    }
  }

 private:
  Index size_;
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_WORKERS_H_
