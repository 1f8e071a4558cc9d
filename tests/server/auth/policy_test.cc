#include "server/auth/policy.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor_database.h>
#include <gtest/gtest.h>

#include "server/app/server.h"
#include "server/base/config.h"

namespace sobolev::server {
namespace {

// Links all that a server is made of.
[[maybe_unused]] std::unique_ptr<Server> MakeServer(const ServerConfig& config) {
  return std::make_unique<Server>(config);
}
[[gnu::used]] std::unique_ptr<Server> (*volatile const kMakeServer)(const ServerConfig&) =
    &MakeServer;

// What grpc itself answers, to everyone.
const std::set<std::string> kOpen = {"grpc.health.v1.Health"};

// Every service of every .proto that is linked, whoever made it.
std::vector<const google::protobuf::ServiceDescriptor*> LinkedServices() {
  std::vector<std::string> files;
  google::protobuf::DescriptorPool::internal_generated_database()->FindAllFileNames(&files);
  std::vector<const google::protobuf::ServiceDescriptor*> services;
  for (const std::string& name : files) {
    const google::protobuf::FileDescriptor* file =
        google::protobuf::DescriptorPool::generated_pool()->FindFileByName(name);
    for (int i = 0; file != nullptr && i < file->service_count(); ++i) {
      services.push_back(file->service(i));
    }
  }
  return services;
}

std::set<std::string> LinkedMethods() {
  std::set<std::string> methods;
  for (const google::protobuf::ServiceDescriptor* service : LinkedServices()) {
    if (kOpen.contains(service->full_name())) continue;
    for (int i = 0; i < service->method_count(); ++i) {
      methods.insert("/" + service->full_name() + "/" + service->method(i)->name());
    }
  }
  return methods;
}

TEST(PolicyTest, EveryMethodThatIsLinkedHasARule) {
  const std::set<std::string> methods = LinkedMethods();
  EXPECT_TRUE(methods.contains("/sobolev.v1.PredictionService/Predict"));
  EXPECT_TRUE(methods.contains("/sobolev.v1.TrainingService/Train"));
  for (const std::string& method : methods) {
    EXPECT_NE(FindRule(method), nullptr) << method << " is not in server/auth/policy.cc";
  }
}

TEST(PolicyTest, EveryRuleIsOfAMethodThatIsLinked) {
  const std::set<std::string> methods = LinkedMethods();
  for (const Rule& rule : Rules()) {
    if (rule.method == "/gateway") continue;  // Which is none of gRPC's.
    EXPECT_TRUE(methods.contains(std::string(rule.method))) << rule.method;
  }
}

TEST(PolicyTest, WhatHasNoRuleIsNotFound) {
  for (const char* method : {"", "/", "/sobolev.v1.PredictionService/", "/a.B/C",
                             "/sobolev.v1.PredictionService/Predict2", "/zzz"}) {
    EXPECT_EQ(FindRule(method), nullptr) << method;
  }
}

TEST(PolicyTest, RolesMayDoWhatTheirNamesSay) {
  using enum Permission;
  const std::vector<Permission> all = {kRead, kPredict, kUpload, kWrite, kAdmin};
  const auto allowed = [&all](Role role) {
    std::vector<Permission> permissions;
    for (const Permission permission : all) {
      if (Allows(role, permission)) permissions.push_back(permission);
    }
    return permissions;
  };
  EXPECT_EQ(allowed(Role::kViewer), (std::vector{kRead}));
  EXPECT_EQ(allowed(Role::kPredictor), (std::vector{kRead, kPredict}));
  EXPECT_EQ(allowed(Role::kWorker), (std::vector{kRead, kPredict, kUpload}));
  EXPECT_EQ(allowed(Role::kWriter), (std::vector{kRead, kPredict, kUpload, kWrite}));
  EXPECT_EQ(allowed(Role::kAdmin), all);
}

TEST(PolicyTest, RolesHaveNames) {
  for (const Role role :
       {Role::kViewer, Role::kPredictor, Role::kWorker, Role::kWriter, Role::kAdmin}) {
    EXPECT_EQ(ParseRole(Name(role)), role);
  }
  EXPECT_EQ(ParseRole("root"), std::nullopt);
  EXPECT_EQ(ParseRole(""), std::nullopt);
}

}  // namespace
}  // namespace sobolev::server
