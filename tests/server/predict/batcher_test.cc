#include "server/predict/batcher.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "server/base/config.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"

namespace sobolev::server {
namespace {

constexpr Index kInputs = 4;
constexpr Index kOutputs = 3;

ModelRegistry::Handle MakeModel() {
  const nn::Architecture architecture{.n = kInputs, .m = kOutputs, .hidden = {8, 8}};
  auto surrogate =
      std::make_shared<nn::NetworkSurrogate>(architecture,
                                             nn::Scaling{.x_mean = Vector::Zero(kInputs),
                                                         .x_scale = Vector::Ones(kInputs),
                                                         .y_mean = Vector::Zero(kOutputs),
                                                         .y_scale = Vector::Ones(kOutputs)},
                                             nn::InitialParameters(architecture, 7));
  ServedModel model;
  model.model_id = "m";
  model.version = 1;
  model.surrogate = std::move(surrogate);
  model.domain_min = Vector::Constant(kInputs, -1);
  model.domain_max = Vector::Constant(kInputs, 1);
  return std::make_shared<const ServedModel>(std::move(model));
}

// A query for everything at its own points and in its own directions, with room for the answer.
class Everything {
 public:
  Everything(const ModelRegistry::Handle& model, Index N, bool per_point)
      : points_(Matrix::Random(kInputs, N)),
        tangents_(Matrix::Random(kInputs, per_point ? 2 * N : 2)),
        adjoints_(Matrix::Random(kOutputs, per_point ? N : 1)),
        query_{.model = model,
               .mask = {.value = true, .jacobian = true, .jvp = true, .vjp = true, .hvp = true},
               .X = ConstMatrixMap(points_.data(), kInputs, N)} {
    query_.tangents.emplace(
        Directions{.D = ConstMatrixMap(tangents_.data(), kInputs, tangents_.cols()),
                   .count = 2,
                   .per_point = per_point});
    query_.adjoints.emplace(
        Directions{.D = ConstMatrixMap(adjoints_.data(), kOutputs, adjoints_.cols()),
                   .count = 1,
                   .per_point = per_point});
    for (const AnswerPart& part : AnswerParts(query_)) {
      elements_.emplace_back(static_cast<std::size_t>(N * part.per_point()));
      out_.*part.buffer = elements_.back().data();
    }
  }
  Everything(const Everything&) = delete;
  Everything& operator=(const Everything&) = delete;

  const Query& query() const { return query_; }
  const PredictionBuffers& out() const { return out_; }
  const std::vector<std::vector<double>>& elements() const { return elements_; }
  Matrix& X() { return points_; }

  // The answer when asked alone.
  std::vector<std::vector<double>> Alone() const {
    std::vector<std::vector<double>> elements;
    PredictionBuffers out;
    for (const AnswerPart& part : AnswerParts(query_)) {
      elements.emplace_back(static_cast<std::size_t>(query_.num_points() * part.per_point()));
    }
    std::size_t p = 0;
    for (const AnswerPart& part : AnswerParts(query_)) out.*part.buffer = elements[p++].data();
    query_.model->surrogate->Predict(query_.X, query_.tangents, query_.adjoints, out);
    return elements;
  }

 private:
  Matrix points_;
  Matrix tangents_;
  Matrix adjoints_;
  Query query_;
  std::vector<std::vector<double>> elements_;
  PredictionBuffers out_;
};

class BatcherTest : public testing::Test {
 protected:
  // Keeps the only thread of the pool busy until Release, so that all queries wait.
  void Block() {
    pool_.Submit([this] {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return released_; });
    });
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    wake_.notify_all();
  }

  void Submit(const Everything& everything, const std::stop_token& stop = {}) {
    batcher_.Submit({.query = &everything.query(),
                     .out = everything.out(),
                     .stop = stop,
                     .arrival = {},
                     .done = [this](const std::exception_ptr& error) {
                       const std::lock_guard lock(mutex_);
                       errors_.push_back(error);
                       wake_.notify_all();
                     }});
  }
  void WaitFor(std::size_t answers) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return errors_.size() == answers; });
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool released_ = false;
  std::vector<std::exception_ptr> errors_;

  const ModelRegistry::Handle model_ = MakeModel();
  const ServerConfig config_{};
  Metrics metrics_{"test", "test"};
  const Predictor predictor_{metrics_, config_};
  ThreadPool pool_{1, 1000};
  Batcher batcher_{predictor_, pool_, metrics_};
};

TEST_F(BatcherTest, AnswersTogetherAreThoseOfEachAlone) {
  std::vector<std::unique_ptr<Everything>> queries;
  for (Index k = 0; k < 20; ++k) {
    queries.push_back(std::make_unique<Everything>(model_, 1 + k % 3, k % 2 == 0));
  }
  Block();
  for (const auto& query : queries) Submit(*query);
  Release();
  WaitFor(queries.size());
  for (const std::exception_ptr& error : errors_) EXPECT_EQ(error, nullptr);
  for (const auto& query : queries) {
    const std::vector<std::vector<double>> alone = query->Alone();
    for (std::size_t p = 0; p < alone.size(); ++p) {
      EXPECT_THAT(query->elements()[p], testing::Pointwise(testing::DoubleNear(1e-12), alone[p]));
    }
  }
  // All of them in one sweep.
  EXPECT_THAT(metrics_.Text(), testing::HasSubstr("sobolev_predict_batch_requests_count 1\n"));
  EXPECT_THAT(metrics_.Text(), testing::HasSubstr("sobolev_predict_batch_requests_sum 20\n"));
}

TEST_F(BatcherTest, OnlyTheCulpritHearsOfItsOverflow) {
  Everything good(model_, 2, false);
  Everything bad(model_, 2, false);
  Everything also_good(model_, 1, true);
  bad.X().setConstant(1e308);
  bad.X()(0, 0) = -1e308;
  Block();
  for (Everything* each : {&good, &bad, &also_good}) Submit(*each);
  Release();
  WaitFor(3);
  EXPECT_EQ(errors_[0], nullptr);
  EXPECT_EQ(errors_[2], nullptr);
  ASSERT_NE(errors_[1], nullptr);
  EXPECT_THROW(std::rethrow_exception(errors_[1]), Error);
}

TEST_F(BatcherTest, DifferentQuestionsAreAnsweredApart) {
  const ModelRegistry::Handle other = MakeModel();
  Everything one(model_, 1, false);
  Everything two(other, 1, false);
  Block();
  Submit(one);
  Submit(two);
  Release();
  WaitFor(2);
  EXPECT_THAT(metrics_.Text(), testing::HasSubstr("sobolev_predict_batch_requests_count 2\n"));
}

TEST_F(BatcherTest, WhatNobodyWaitsForIsNotComputed) {
  const Everything wanted(model_, 1, false);
  const Everything abandoned(model_, 1, false);
  std::stop_source stop;
  Block();
  Submit(abandoned, stop.get_token());
  Submit(wanted);
  stop.request_stop();
  Release();
  WaitFor(2);
  EXPECT_THROW(std::rethrow_exception(errors_[0]), Error);
  EXPECT_EQ(errors_[1], nullptr);
  EXPECT_EQ(abandoned.elements()[0], std::vector<double>(kOutputs));
}

}  // namespace
}  // namespace sobolev::server
