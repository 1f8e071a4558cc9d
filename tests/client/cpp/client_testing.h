// What the tests of the C++ client share: a server of their own, and the codes of its errors.

#ifndef SOBOLEV_TESTS_CLIENT_CPP_CLIENT_TESTING_H_
#define SOBOLEV_TESTS_CLIENT_CPP_CLIENT_TESTING_H_

#include <functional>

#include <gtest/gtest.h>
#include <sobolev/client.h>

#include "tests/client/cpp/server_process.h"

namespace sobolev::client {

// Of the error that the call throws.
inline StatusCode CodeOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const RpcError& e) {
    return e.code();
  }
  ADD_FAILURE() << "expected an RpcError";
  return StatusCode::kUnknown;
}

// A server for each test: the process is up within milliseconds.
class WithServer : public testing::Test {
 protected:
  tests::ServerProcess server_;
  Client client_{server_.target()};
};

}  // namespace sobolev::client

#endif  // SOBOLEV_TESTS_CLIENT_CPP_CLIENT_TESTING_H_
