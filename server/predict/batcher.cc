#include "server/predict/batcher.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

constexpr Index kMaxPointsOfOne = 64;
constexpr Index kMaxPointsOfBatch = 1024;
// Numbers of a joint answer: 64 MiB.
constexpr double kMaxElements = 1 << 23;

unsigned Bits(const DerivativeMask& mask) {
  unsigned bits = 0;
  for (const bool asked : {mask.value, mask.jacobian, mask.jvp, mask.vjp, mask.hessian, mask.hvp,
                           mask.spread, mask.jacobian_spread}) {
    bits = 2 * bits + (asked ? 1 : 0);
  }
  return bits;
}

// The directions of all queries point by point, d×(k·N).
class JointDirections {
 public:
  JointDirections(const std::vector<PendingQuery>& batch,
                  const std::optional<Directions> Query::*directions, Index num_points) {
    const std::optional<Directions>& first = batch.front().query->*directions;
    if (!first) return;
    const Index k = first->count;
    data_.resize(first->D.rows(), k * num_points);
    Index column = 0;
    for (const PendingQuery& pending : batch) {
      const Directions& own = *(pending.query->*directions);
      for (Index s = 0; s < pending.query->num_points(); ++s, column += k) {
        data_.middleCols(column, k) = own.At(s);
      }
    }
    joint_.emplace(Directions{.D = ConstMatrixMap(data_.data(), data_.rows(), data_.cols()),
                              .count = k,
                              .per_point = true});
  }

  const std::optional<Directions>& get() const { return joint_; }

 private:
  Matrix data_;
  std::optional<Directions> joint_;
};

}  // namespace

bool Batcher::Takes(const Query& query) {
  return query.block.IsWhole() && query.num_points() <= kMaxPointsOfOne;
}

Batcher::Key Batcher::KeyOf(const Query& query) {
  return {query.model.get(), Bits(query.mask), query.tangents ? query.tangents->count : 0,
          query.adjoints ? query.adjoints->count : 0};
}

void Batcher::Submit(PendingQuery pending) {
  const Key key = KeyOf(*pending.query);
  {
    const std::lock_guard lock(waiting_->mutex);
    waiting_->queries[key].push_back(std::move(pending));
  }
  // There are as many tasks as queries; those whose query was answered along with others find none.
  pool_.Submit([this, waiting = waiting_, key] {
    const std::vector<PendingQuery> batch = TakeBatch(*waiting, key);
    if (!batch.empty()) Answer(batch);
  });
}

std::vector<PendingQuery> Batcher::TakeBatch(Waiting& waiting, const Key& key) {
  std::vector<PendingQuery> batch;
  std::vector<PendingQuery> given_up;
  {
    const std::lock_guard lock(waiting.mutex);
    const auto found = waiting.queries.find(key);
    if (found == waiting.queries.end()) return batch;
    std::vector<PendingQuery>& all = found->second;
    double elements = 0;
    Index points = 0;
    auto last = all.begin();
    for (; last != all.end(); ++last) {
      elements += AnswerParts(*last->query).NumElements();
      points += last->query->num_points();
      const bool fits = elements <= kMaxElements && points <= kMaxPointsOfBatch;
      if (last != all.begin() && !fits) break;
      (last->stop.stop_requested() ? given_up : batch).push_back(std::move(*last));
    }
    all.erase(all.begin(), last);
    if (all.empty()) waiting.queries.erase(found);
  }
  for (const PendingQuery& pending : given_up) {
    pending.done(std::make_exception_ptr(
        Error(ErrorCode::kCancelled, "CANCELLED", "", "the caller cancelled")));
  }
  return batch;
}

void Batcher::Answer(const std::vector<PendingQuery>& batch) const {
  metrics_.Batched(static_cast<std::int64_t>(batch.size()));
  const auto now = std::chrono::steady_clock::now();
  for (const PendingQuery& pending : batch) {
    metrics_.PredictWaited(pending.query->mask.order(),
                           std::chrono::duration<double>(now - pending.arrival).count());
  }
  const bool answered = batch.size() > 1 && TryAnswerTogether(batch);
  for (const PendingQuery& pending : batch) {
    std::exception_ptr error;
    try {
      if (!answered) predictor_.Answer(*pending.query, pending.out, pending.stop);
    } catch (...) {
      error = std::current_exception();
    }
    pending.done(error);
  }
}

bool Batcher::TryAnswerTogether(const std::vector<PendingQuery>& batch) const {
  try {
    AnswerTogether(batch);
    return true;
  } catch (...) {
    return false;  // Somebody's points: each alone then, so that only they hear of it.
  }
}

void Batcher::AnswerTogether(const std::vector<PendingQuery>& batch) const {
  const Query& first = *batch.front().query;
  Index N = 0;
  for (const PendingQuery& pending : batch) N += pending.query->num_points();
  Matrix X(first.X.rows(), N);
  Index column = 0;
  for (const PendingQuery& pending : batch) {
    X.middleCols(column, pending.query->num_points()) = pending.query->X;
    column += pending.query->num_points();
  }
  const JointDirections tangents(batch, &Query::tangents, N);
  const JointDirections adjoints(batch, &Query::adjoints, N);
  Query joint{.model = first.model,
              .mask = first.mask,
              .X = ConstMatrixMap(X.data(), X.rows(), N),
              .x_field = first.x_field};
  if (tangents.get()) joint.tangents.emplace(*tangents.get());
  if (adjoints.get()) joint.adjoints.emplace(*adjoints.get());
  const AnswerParts parts(joint);
  std::array<std::vector<double>, 8> elements;
  PredictionBuffers out;
  std::size_t p = 0;
  for (const AnswerPart& part : parts) {
    elements[p].resize(static_cast<std::size_t>(N * part.per_point()));
    out.*part.buffer = elements[p++].data();
  }
  predictor_.Answer(joint, out, {});
  Index point = 0;
  for (const PendingQuery& pending : batch) {
    for (const AnswerPart& part : parts) {
      std::copy_n(out.*part.buffer + point * part.per_point(),
                  pending.query->num_points() * part.per_point(), pending.out.*part.buffer);
    }
    point += pending.query->num_points();
  }
}

}  // namespace sobolev::server
