// Joins small queries to the same model while all threads are busy.

#ifndef SOBOLEV_SERVER_PREDICT_BATCHER_H_
#define SOBOLEV_SERVER_PREDICT_BATCHER_H_

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <tuple>
#include <vector>

#include "engine/surrogate/surrogate.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/predict/predictor.h"
#include "server/predict/query.h"

namespace sobolev::server {

// A query that waits for its answer. Query and buffers live until `done` is called.
struct PendingQuery {
  const Query* query = nullptr;  // After Predictor::Check.
  PredictionBuffers out;
  std::stop_token stop;
  std::chrono::steady_clock::time_point arrival;
  // Called once from a thread of the pool: null, or the Error.
  std::function<void(const std::exception_ptr& error)> done;
};

// A thread that becomes free takes every query that waits for the same answer from the same model,
// and answers them in one sweep. So nothing ever waits for company: while threads are free each
// query is answered at once and alone, and the more wait the cheaper each becomes. Thread-safe.
class Batcher {
 public:
  // The references outlive the batcher, and the batcher every query that was submitted.
  Batcher(const Predictor& predictor, ThreadPool& pool, Metrics& metrics)
      : predictor_(predictor), pool_(pool), metrics_(metrics) {}

  // Whether the query may be joined with others; large ones and blocks are not.
  static bool Takes(const Query& query);

  void Submit(PendingQuery pending);

 private:
  // Model, what is asked, numbers of tangents and adjoints. The model lives as long as a query for
  // it waits.
  using Key = std::tuple<const ServedModel*, unsigned, Index, Index>;

  // Outlives the batcher in tasks that find nothing left to do.
  struct Waiting {
    std::mutex mutex;
    std::map<Key, std::vector<PendingQuery>> queries;  // Guarded by mutex.
  };

  static Key KeyOf(const Query& query);
  // Those that go together, with nobody's whose caller has gone; these are done.
  static std::vector<PendingQuery> TakeBatch(Waiting& waiting, const Key& key);
  void Answer(const std::vector<PendingQuery>& batch) const;
  // Whether it could be done.
  bool TryAnswerTogether(const std::vector<PendingQuery>& batch) const;
  void AnswerTogether(const std::vector<PendingQuery>& batch) const;

  const Predictor& predictor_;
  ThreadPool& pool_;
  Metrics& metrics_;
  const std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_PREDICT_BATCHER_H_
