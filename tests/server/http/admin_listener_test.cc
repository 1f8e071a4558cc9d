#include "server/http/admin_listener.h"

#include <atomic>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using ::testing::HasSubstr;

class AdminListenerTest : public ::testing::Test {
 protected:
  std::atomic<bool> serving_ = true;
  AdminListener listener_{"127.0.0.1",
                          0,
                          {.metrics_text = [] { return std::string("up 1\n"); },
                           .serving = [this] { return serving_.load(); }}};
  httplib::Client client_{"127.0.0.1", listener_.port()};
};

TEST_F(AdminListenerTest, MetricsAreServedAsPrometheusText) {
  const httplib::Result result = client_.Get("/metrics");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->body, "up 1\n");
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(AdminListenerTest, HealthFollowsTheServer) {
  httplib::Result result = client_.Get("/healthz");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->body, R"({"status":"SERVING"})");
  serving_ = false;
  result = client_.Get("/healthz");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 503);
  EXPECT_EQ(result->body, R"({"status":"NOT_SERVING"})");
}

TEST_F(AdminListenerTest, OtherPathsAreNotFound) {
  const httplib::Result result = client_.Get("/etc/passwd");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 404);
}

TEST_F(AdminListenerTest, LargeBodiesAreRefused) {
  const httplib::Result result =
      client_.Post("/metrics", std::string(std::size_t{1} << 20, 'x'), "text/plain");
  EXPECT_TRUE(!result || result->status == 413) << result->status;
  EXPECT_EQ(client_.Get("/metrics")->status, 200);
}

TEST_F(AdminListenerTest, BodiesWithoutALengthAreRefused) {
  const httplib::Result result = client_.Post(
      "/metrics",
      [](std::size_t, httplib::DataSink& sink) {
        sink.write("x", 1);
        sink.done();
        return true;
      },
      "text/plain");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 411);
}

TEST_F(AdminListenerTest, OneConnectionServesManyRequests) {
  client_.set_keep_alive(true);
  for (int i = 0; i < 20; ++i) {
    const httplib::Result result = client_.Get("/metrics");
    ASSERT_TRUE(result);
    EXPECT_NE(result->get_header_value("Connection"), "close") << "request " << i;
  }
}

TEST_F(AdminListenerTest, ATakenPortIsAnErrorThatNamesIt) {
  try {
    const AdminListener second("127.0.0.1", listener_.port(), {});
    FAIL() << "two listeners share port " << listener_.port();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.reason(), "CANNOT_LISTEN");
    EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:" + std::to_string(listener_.port())));
  }
}

TEST_F(AdminListenerTest, AFailingCallbackIsAnErrorWithoutDetails) {
  const AdminListener failing(
      "127.0.0.1", 0,
      {.metrics_text = []() -> std::string { throw std::runtime_error("secret path"); },
       .serving = [] { return true; }});
  httplib::Client client("127.0.0.1", failing.port());
  const httplib::Result result = client.Get("/metrics");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 500);
  EXPECT_EQ(result->body.find("secret"), std::string::npos);
  for (const auto& [name, value] : result->headers) {
    EXPECT_EQ(value.find("secret"), std::string::npos) << name;
  }
}

TEST_F(AdminListenerTest, AfterStopThePortIsFreeAgain) {
  const int port = listener_.port();
  listener_.Stop();
  listener_.Stop();
  EXPECT_FALSE(client_.Get("/healthz"));
  const AdminListener next(
      "127.0.0.1", port,
      {.metrics_text = [] { return std::string("next\n"); }, .serving = [] { return true; }});
  EXPECT_EQ(client_.Get("/metrics")->body, "next\n");
}

TEST_F(AdminListenerTest, StopAtOnceAfterTheStartDoesNotHang) {
  for (int i = 0; i < 50; ++i) {
    AdminListener listener("127.0.0.1", 0, {});
    listener.Stop();
  }
}

}  // namespace
}  // namespace sobolev::server
