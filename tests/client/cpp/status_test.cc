#include "client/cpp/status.h"

#include <gtest/gtest.h>

#include "proto/google/rpc/error_details.pb.h"
#include "proto/google/rpc/status.pb.h"

namespace sobolev::client {
namespace {

TEST(StatusTest, ReasonAndFieldViolationsComeFromTheDetails) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_reason("SHAPE_MISMATCH");
  info.set_domain("sobolev");
  details.add_details()->PackFrom(info);
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("x[17][3]");
  violation->set_description("expected a finite number, got nan");
  details.add_details()->PackFrom(bad_request);

  const RpcError error = ToRpcError(
      grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "x is wrong", details.SerializeAsString()));

  EXPECT_EQ(error.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(error.reason(), "SHAPE_MISMATCH");
  EXPECT_EQ(error.message(), "x is wrong");
  EXPECT_STREQ(error.what(), "INVALID_ARGUMENT (SHAPE_MISMATCH): x is wrong");
  ASSERT_EQ(error.field_violations().size(), 1U);
  EXPECT_EQ(error.field_violations()[0].field, "x[17][3]");
  EXPECT_EQ(error.field_violations()[0].description, "expected a finite number, got nan");
}

TEST(StatusTest, AStatusWithoutReadableDetailsKeepsItsCodeAndMessage) {
  for (const std::string details : {"", "\xFF\xFF\xFF not a message"}) {
    const RpcError error =
        ToRpcError(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection refused", details));
    EXPECT_EQ(error.code(), StatusCode::kUnavailable);
    EXPECT_EQ(error.reason(), "");
    EXPECT_STREQ(error.what(), "UNAVAILABLE: connection refused");
  }
}

TEST(StatusTest, AnOkStatusDoesNotThrow) { EXPECT_NO_THROW(ThrowUnlessOk(grpc::Status::OK)); }

TEST(StatusTest, AFailedJobSaysWhy) {
  const JobError error(JobStatus{.name = "jobs/7",
                                 .state = JobState::kFailed,
                                 .error_code = "INTERNAL",
                                 .error_reason = "DIVERGED",
                                 .error_message = "the loss became infinite",
                                 .dataset = {},
                                 .model = {},
                                 .progress = {}});
  EXPECT_STREQ(error.what(), "jobs/7 failed: INTERNAL (DIVERGED): the loss became infinite");
}

}  // namespace
}  // namespace sobolev::client
