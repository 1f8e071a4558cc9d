// Ends with 0 if the installed library works as far as it can without a server.

#include <iostream>

#include <sobolev/client.h>

int main() {
  using sobolev::client::RpcError;
  using sobolev::client::StatusCode;
  const sobolev::client::Client client("127.0.0.1:1");
  try {
    client.Predict("models/none", Eigen::MatrixXd::Zero(2, 1), {.jacobian = true});
  } catch (const RpcError& e) {
    std::cout << e.what() << '\n';
    return e.code() == StatusCode::kUnavailable ? 0 : 1;
  }
  return 1;
}
