#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sobolev/client.h>

#include "tests/client/cpp/client_testing.h"

namespace sobolev::client {
namespace {

const Schema kSchema{.inputs = {{.name = "a", .unit = "m", .lower = -10}, {.name = "b"}},
                     .outputs = {{.name = "u"}, {.name = "v", .unit = "Pa"}}};

// u = a² + a b, v = sin b at random points of [-1, 1]², with their Jacobians.
Samples MakeSamples(Index num_samples, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  const auto n = static_cast<Index>(kSchema.inputs.size());
  const auto m = static_cast<Index>(kSchema.outputs.size());
  Samples samples{.X = Matrix(n, num_samples),
                  .Y = Matrix(m, num_samples),
                  .jacobian = Matrix(n, m * num_samples),
                  .weight = Vector(num_samples)};
  for (Index s = 0; s < num_samples; ++s) {
    const double a = uniform(generator);
    const double b = uniform(generator);
    samples.X.col(s) << a, b;
    samples.Y.col(s) << a * a + a * b, std::sin(b);
    samples.jacobian.middleCols(2 * s, 2) << 2 * a + b, 0, a, std::cos(b);
    samples.weight(s) = 1 + 0.5 * uniform(generator);
  }
  return samples;
}

Matrix Append(const Matrix& A, const Matrix& B) {
  if (A.size() == 0) return B;
  if (B.size() == 0) return A;
  Matrix joined(A.rows(), A.cols() + B.cols());
  joined << A, B;
  return joined;
}

Samples ReadAll(const Client& client, const std::string& dataset, std::int64_t version = 0) {
  Samples all;
  client.ReadSamples(
      dataset,
      [&](const Samples& block) {
        all.X = Append(all.X, block.X);
        all.Y = Append(all.Y, block.Y);
        all.jacobian = Append(all.jacobian, block.jacobian);
        all.weight = Append(all.weight.transpose(), block.weight.transpose()).reshaped().eval();
      },
      version);
  return all;
}

class ClientTest : public WithServer {};

TEST_F(ClientTest, AServerThatIsUpServesAndOneThatIsDownIsUnavailable) {
  EXPECT_TRUE(client_.IsServing());
  server_.Kill();
  EXPECT_EQ(CodeOf([&] { client_.IsServing(); }), StatusCode::kUnavailable);
  EXPECT_EQ(CodeOf([&] { client_.Upload("d"); }), StatusCode::kUnavailable);
}

TEST_F(ClientTest, ADatasetKeepsItsSchema) {
  const Dataset created = client_.CreateDataset("d", kSchema);
  EXPECT_EQ(created.name, "datasets/d");
  EXPECT_EQ(client_.GetDataset("d").schema, kSchema);
  EXPECT_EQ(client_.GetDataset("datasets/d").uid, created.uid);
  EXPECT_EQ(client_.CreateDataset("d", kSchema).uid, created.uid);
  EXPECT_EQ(CodeOf([&] {
              client_.CreateDataset("d", {.inputs = kSchema.outputs, .outputs = kSchema.inputs});
            }),
            StatusCode::kAlreadyExists);
  client_.DeleteDataset("d");
  EXPECT_EQ(CodeOf([&] { client_.GetDataset("d"); }), StatusCode::kNotFound);
}

TEST_F(ClientTest, AListGoesOnBehindItsFirstPage) {
  constexpr int kCount = 103;  // A page holds 100.
  for (int i = 0; i < kCount; ++i) client_.CreateDataset("d" + std::to_string(i), kSchema);
  EXPECT_EQ(client_.ListDatasets().size(), static_cast<std::size_t>(kCount));
}

TEST_F(ClientTest, WhatIsUploadedIsReadBackExactly) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(50'000, 1);  // Several blocks of 1 MiB.
  Uploader uploader = client_.Upload("d");
  // In pieces that are no multiple of a block, the last without derivatives and weights.
  const std::vector<Index> ends = {1, 20'001, 49'000, 50'000};
  Index begin = 0;
  for (const Index end : ends) {
    const Index rows = end - begin;
    if (end < ends.back()) {
      uploader.Append(samples.X.middleCols(begin, rows), samples.Y.middleCols(begin, rows),
                      samples.jacobian.middleCols(2 * begin, 2 * rows),
                      samples.weight.segment(begin, rows));
    } else {
      uploader.Append(samples.X.middleCols(begin, rows), samples.Y.middleCols(begin, rows));
    }
    begin = end;
  }
  EXPECT_EQ(uploader.sample_count(), 50'000);
  EXPECT_EQ(uploader.Commit(), 1);

  const Samples read = ReadAll(client_, "d");
  EXPECT_EQ(read.X, samples.X);
  EXPECT_EQ(read.Y, samples.Y);
  EXPECT_EQ(read.jacobian, samples.jacobian.leftCols(2 * 49'000));
  EXPECT_EQ(read.weight, samples.weight.head(49'000));
  const DatasetStatistics statistics = client_.GetDataset("d").statistics;
  EXPECT_EQ(statistics.sample_count, 50'000);
  EXPECT_EQ(statistics.jacobian_count, 49'000);
  EXPECT_EQ(statistics.inputs[0].min, samples.X.row(0).minCoeff());
  EXPECT_EQ(statistics.outputs[1].max, samples.Y.row(1).maxCoeff());
}

// Of u = a² + a b, v = sin b at random points: directions drawn at random, results by hand.
TEST_F(ClientTest, LabelsOfEveryKindAreReadBackExactly) {
  Schema schema = kSchema;
  for (Variable& output : schema.outputs) output.allow_missing = true;
  schema.allow_missing_derivatives = true;
  EXPECT_EQ(client_.CreateDataset("d", schema).schema, schema);
  constexpr Index kRows = 5;
  Samples samples = MakeSamples(kRows, 8);
  samples.Y(1, 3) = std::nan("");
  samples.jacobian(0, 2) = std::nan("");
  samples.tangents = Matrix::Random(2, 3 * kRows);
  samples.jvp = Matrix(2, 3 * kRows);
  samples.adjoints = Matrix::Random(2, kRows);
  samples.vjp = Matrix(2, kRows);
  samples.hvp_adjoints = Matrix::Random(2, 2 * kRows);
  samples.hvp_tangents = Matrix::Random(2, 2 * kRows);
  samples.hvp = Matrix(2, 2 * kRows);
  for (Index s = 0; s < kRows; ++s) {
    const double a = samples.X(0, s);
    const double b = samples.X(1, s);
    const Eigen::Matrix2d J{{2 * a + b, a}, {0, std::cos(b)}};
    samples.jvp.middleCols(3 * s, 3) = J * samples.tangents.middleCols(3 * s, 3);
    samples.vjp.col(s) = J.transpose() * samples.adjoints.col(s);
    for (Index k = 2 * s; k < 2 * s + 2; ++k) {
      const Eigen::Matrix2d H_u{{2, 1}, {1, 0}};
      const Eigen::Matrix2d H_v{{0, 0}, {0, -std::sin(b)}};
      const Eigen::Matrix2d H = samples.hvp_adjoints(0, k) * H_u + samples.hvp_adjoints(1, k) * H_v;
      samples.hvp.col(k) = H * samples.hvp_tangents.col(k);
    }
  }
  samples.y_variance = Matrix::Constant(2, kRows, 0.25);
  samples.jacobian_variance = Matrix::Constant(2, 2 * kRows, 0.5);
  EXPECT_EQ(client_.Append("d", samples), 1);
  // And without values, in an upload of its own.
  Samples bare{.X = samples.X};
  bare.tangents = samples.tangents;
  bare.jvp = samples.jvp;
  EXPECT_EQ(client_.Append("d", bare), 2);

  std::vector<Samples> blocks;
  client_.ReadSamples("d", [&](const Samples& block) { blocks.push_back(block); });
  ASSERT_EQ(blocks.size(), 2U);
  const auto same = [](const Matrix& A, const Matrix& B) {
    return A.rows() == B.rows() && A.cols() == B.cols() &&
           ((A.array() == B.array()) || (A.array().isNaN() && B.array().isNaN())).all();
  };
  EXPECT_TRUE(same(blocks[0].Y, samples.Y));
  EXPECT_TRUE(same(blocks[0].jacobian, samples.jacobian));
  EXPECT_EQ(blocks[0].tangents, samples.tangents);
  EXPECT_EQ(blocks[0].jvp, samples.jvp);
  EXPECT_EQ(blocks[0].adjoints, samples.adjoints);
  EXPECT_EQ(blocks[0].vjp, samples.vjp);
  EXPECT_EQ(blocks[0].hvp_adjoints, samples.hvp_adjoints);
  EXPECT_EQ(blocks[0].hvp_tangents, samples.hvp_tangents);
  EXPECT_EQ(blocks[0].hvp, samples.hvp);
  EXPECT_EQ(blocks[0].y_variance, samples.y_variance);
  EXPECT_EQ(blocks[0].jacobian_variance, samples.jacobian_variance);
  EXPECT_EQ(blocks[1].Y.size(), 0);
  EXPECT_EQ(blocks[1].jvp, samples.jvp);
  const DatasetStatistics statistics = client_.GetDataset("d").statistics;
  EXPECT_EQ(statistics.missing_value_count, 1 + 10);
  EXPECT_EQ(statistics.missing_derivative_count, 1);
  EXPECT_EQ(statistics.jacobian_count, 5);
  EXPECT_EQ(statistics.tangent_count, 30);
  EXPECT_EQ(statistics.adjoint_count, 5);
  EXPECT_EQ(statistics.hvp_count, 10);
  EXPECT_EQ(statistics.y_variance_count, 5);
  EXPECT_EQ(statistics.jacobian_variance_count, 5);
}

TEST_F(ClientTest, AViewWithGapsBetweenItsColumnsIsUploadedWithoutThem) {
  client_.CreateDataset("d", kSchema);
  const Matrix table = Matrix::Random(5, 10);
  client_.Append("d", table.topRows(2), table.bottomRows(2));
  const Samples read = ReadAll(client_, "d");
  EXPECT_EQ(read.X, table.topRows(2));
  EXPECT_EQ(read.Y, table.bottomRows(2));
}

TEST_F(ClientTest, AnUploadWithoutCommitIsInvisible) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(30'000, 2);
  { client_.Upload("d").Append(samples.X, samples.Y, samples.jacobian); }
  const Dataset dataset = client_.GetDataset("d");
  EXPECT_EQ(dataset.version, 0);
  EXPECT_EQ(dataset.statistics.sample_count, 0);
}

TEST_F(ClientTest, AnUploadIsContinuedByItsId) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(60'000, 3);
  client_.Upload("d", "mine").Append(samples.X, samples.Y, samples.jacobian);

  Uploader second = client_.Upload("d", "mine");
  second.Append(samples.X, samples.Y, samples.jacobian);
  EXPECT_EQ(second.Commit(), 1);
  EXPECT_EQ(ReadAll(client_, "d").X, samples.X);

  // Committed already: the same samples are a no-op, others are refused.
  Uploader third = client_.Upload("d", "mine");
  third.Append(samples.X, samples.Y, samples.jacobian);
  EXPECT_EQ(third.Commit(), 1);
  Uploader fourth = client_.Upload("d", "mine");
  fourth.Append(samples.X.leftCols(10), samples.Y.leftCols(10));
  EXPECT_EQ(CodeOf([&] { fourth.Commit(); }), StatusCode::kAlreadyExists);
}

TEST_F(ClientTest, AnUploadOutlivesACrashAndADrainOfTheServer) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(400'000, 4);  // 25 MiB: beyond the window.
  constexpr Index kThird = 133'333;
  Uploader uploader = client_.Upload("d");
  const auto append = [&](Index begin, Index end) {
    uploader.Append(samples.X.middleCols(begin, end - begin),
                    samples.Y.middleCols(begin, end - begin),
                    samples.jacobian.middleCols(2 * begin, 2 * (end - begin)));
  };
  append(0, kThird);
  server_.Kill();
  std::thread restart([&] { server_.Start(); });
  append(kThird, 2 * kThird);
  restart.join();
  server_.Terminate();
  restart = std::thread([&] { server_.Start(); });
  append(2 * kThird, samples.X.cols());
  restart.join();

  EXPECT_EQ(uploader.Commit(), 1);
  const Samples read = ReadAll(client_, "d");
  EXPECT_EQ(read.X, samples.X);
  EXPECT_EQ(read.jacobian, samples.jacobian);
}

TEST_F(ClientTest, AnUploadOfBadSamplesFailsWithTheirPlace) {
  client_.CreateDataset("d", kSchema);
  Samples samples = MakeSamples(10, 5);
  samples.Y(1, 7) = std::nan("");
  Uploader uploader = client_.Upload("d");
  uploader.Append(samples.X, samples.Y);
  try {
    uploader.Commit();
    ADD_FAILURE() << "expected an RpcError";
  } catch (const RpcError& e) {
    EXPECT_EQ(e.code(), StatusCode::kInvalidArgument);
    ASSERT_EQ(e.field_violations().size(), 1U);
    EXPECT_NE(e.field_violations()[0].field.find("y[7][1]"), std::string::npos) << e.what();
  }
  EXPECT_EQ(client_.GetDataset("d").version, 0);
}

TEST_F(ClientTest, ShapesThatDisagreeAreRefusedBeforeTheyAreSent) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(4, 6);
  Uploader uploader = client_.Upload("d");
  EXPECT_EQ(CodeOf([&] { uploader.Append(samples.X, samples.Y.leftCols(3)); }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf([&] { uploader.Append(samples.X, samples.Y, samples.jacobian.leftCols(7)); }),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(
      CodeOf([&] { uploader.Append(samples.X, samples.Y, Matrix(), samples.weight.head(3)); }),
      StatusCode::kInvalidArgument);
  Samples directed = samples;
  directed.tangents = Matrix::Ones(2, 7);
  directed.jvp = Matrix::Ones(2, 7);
  EXPECT_EQ(CodeOf([&] { uploader.Append(directed); }), StatusCode::kInvalidArgument);
  directed.tangents = Matrix::Ones(2, 8);
  EXPECT_EQ(CodeOf([&] { uploader.Append(directed); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(uploader.sample_count(), 0);
}

TEST_F(ClientTest, AModelPredictsValuesAndDerivatives) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(4096, 7);
  client_.Append("d", samples.X, samples.Y, samples.jacobian);
  const ModelVersion version =
      client_.Train("d", {.kind = TrainingKind::kNetwork, .seed = 3}, {.model = "m"}).Wait();
  EXPECT_EQ(version.name, "models/m/versions/1");
  EXPECT_EQ(version.kind, ModelKind::kNetwork);
  EXPECT_TRUE(version.report.leaderboard.empty());
  EXPECT_EQ(version.report.Winner(), nullptr);
  EXPECT_EQ(version.schema, kSchema);
  EXPECT_EQ(version.report.seed, 3U);
  EXPECT_EQ(version.hidden, std::vector<int>({20, 20, 20, 20}));
  EXPECT_EQ(client_.GetModelVersion("m").weights_sha256, version.weights_sha256);
  EXPECT_EQ(client_.GetModelVersion(version.name).weights_sha256, version.weights_sha256);
  EXPECT_EQ(client_.ListModelVersions("m").size(), 1U);
  EXPECT_EQ(client_.ListModels().size(), 1U);

  // Truth: the samples' own formulas at points that were not trained on.
  const Samples truth = MakeSamples(5, 8);
  const Matrix tangents{{1, 2, 3}, {0, -1, 4}};  // n×p, p = 3
  const Matrix adjoints{{1, 0.5}, {-2, 1}};      // m×q, q = 2
  const Prediction shared =
      client_.Predict("m", truth.X, {.jacobian = true, .tangents = tangents, .adjoints = adjoints});
  EXPECT_EQ(shared.model_version, version.name);
  EXPECT_LT((shared.value - truth.Y).cwiseAbs().maxCoeff(), 0.1);
  EXPECT_LT((shared.jacobian - truth.jacobian).cwiseAbs().maxCoeff(), 0.3);
  EXPECT_EQ(shared.in_domain, std::vector<bool>(5, true));
  for (Index s = 0; s < 5; ++s) {
    const Matrix J = shared.JacobianAt(s);
    EXPECT_TRUE(shared.jvp.middleCols(3 * s, 3).isApprox(J * tangents, 1e-12));
    EXPECT_TRUE(shared.vjp.middleCols(2 * s, 2).isApprox(J.transpose() * adjoints, 1e-12));
  }

  // One direction for each point: column s of the matrix belongs to point s.
  const Matrix directions = truth.Y.cwiseAbs();
  const Prediction per_point = client_.Predict("m", truth.X,
                                               {.value = false,
                                                .tangents = directions,
                                                .tangents_per_point = true,
                                                .adjoints = directions,
                                                .adjoints_per_point = true});
  EXPECT_EQ(per_point.value.size(), 0);
  for (Index s = 0; s < 5; ++s) {
    const Matrix J = shared.JacobianAt(s);
    EXPECT_TRUE(per_point.jvp.col(s).isApprox(J * directions.col(s), 1e-12));
    EXPECT_TRUE(per_point.vjp.col(s).isApprox(J.transpose() * directions.col(s), 1e-12));
  }
  EXPECT_EQ(CodeOf([&] {
              client_.Predict("m", truth.X, {.tangents = tangents, .tangents_per_point = true});
            }),
            StatusCode::kInvalidArgument);

  const Prediction outside = client_.Predict("m", Matrix{{0, 5}, {0, 0}});
  EXPECT_EQ(outside.in_domain, std::vector<bool>({true, false}));

  client_.DeleteModel("m");
  EXPECT_EQ(CodeOf([&] { client_.Predict("m", truth.X); }), StatusCode::kNotFound);
}

TEST_F(ClientTest, AWatchCanBeTakenUpBehindAnyEvent) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(256, 9);
  client_.Append("d", samples.X, samples.Y, samples.jacobian);
  const Job job = client_.Train("d", {.epochs = 50});
  std::vector<JobEvent> events;
  const JobStatus ended = job.Watch([&](const JobEvent& event) { events.push_back(event); });
  EXPECT_EQ(ended.state, JobState::kSucceeded);
  ASSERT_GE(events.size(), 2U);
  for (std::size_t i = 1; i < events.size(); ++i) {
    EXPECT_GT(events[i].number, events[i - 1].number);
  }
  EXPECT_EQ(events.back().state, JobState::kSucceeded);

  std::vector<JobEvent> rest;
  job.Watch([&](const JobEvent& event) { rest.push_back(event); }, events[0].number);
  ASSERT_EQ(rest.size(), events.size() - 1);
  EXPECT_EQ(rest.front().number, events[1].number);
  EXPECT_EQ(client_.ListJobs().size(), 1U);
}

TEST_F(ClientTest, AWatchOutlivesACrashOfTheServer) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(4096, 10);
  client_.Append("d", samples.X, samples.Y, samples.jacobian);
  const Job job = client_.Train("d", {.epochs = 400, .patience = 0});
  std::thread restart;
  const ModelVersion version = job.Wait([&](const JobEvent& event) {
    if (event.progress && !restart.joinable()) {
      server_.Kill();
      restart = std::thread([&] { server_.Start(); });
    }
  });
  ASSERT_TRUE(restart.joinable());
  restart.join();
  EXPECT_EQ(version.report.epochs, 400);
  EXPECT_EQ(job.Get().attempt, 2);
}

TEST_F(ClientTest, AStoppedWatchLeavesTheJobAloneAndACancelledJobThrows) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(20'000, 11);
  client_.Append("d", samples.X, samples.Y, samples.jacobian);
  const Job job = client_.Train("d", {.epochs = 100'000, .patience = 0});
  std::stop_source stop;
  const JobStatus status = job.Watch(
      [&](const JobEvent& event) {
        if (event.state == JobState::kRunning) stop.request_stop();
      },
      0, stop.get_token());
  EXPECT_EQ(status.state, JobState::kRunning);

  EXPECT_TRUE(job.Cancel().cancel_requested);
  try {
    job.Wait();
    ADD_FAILURE() << "expected a JobError";
  } catch (const JobError& e) {
    EXPECT_EQ(e.status().state, JobState::kCancelled);
  }
}

TEST_F(ClientTest, AnExceptionFromACallbackEndsTheStreamAndGoesOn) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(50'000, 12);
  client_.Append("d", samples.X, samples.Y);
  EXPECT_THROW(client_.ReadSamples("d", [](const Samples&) { throw std::runtime_error("enough"); }),
               std::runtime_error);
  EXPECT_EQ(ReadAll(client_, "d").X, samples.X);
}

TEST_F(ClientTest, RepeatingARequestIdReturnsTheSameJob) {
  client_.CreateDataset("d", kSchema);
  const Samples samples = MakeSamples(64, 13);
  client_.Append("d", samples.X, samples.Y);
  const TrainOptions options{.model = "m", .request_id = "once"};
  EXPECT_EQ(client_.Train("d", {.epochs = 2}, options).name(),
            client_.Train("d", {.epochs = 2}, options).name());
  EXPECT_EQ(CodeOf([&] { client_.Train("d", {.epochs = 3}, options); }),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sobolev::client
