// Learns y = x1² + x1 x2 from 512 samples with gradients, then asks for value and Jacobian.
//
//   sobolev-predict [HOST:PORT]

#include <exception>
#include <iostream>
#include <string>

#include <sobolev/client.h>

namespace {

void Run(const std::string& server) {
  using sobolev::client::Matrix;
  std::srand(1);  // Eigen's Random draws from it.
  const Matrix X = Matrix::Random(2, 512);
  const Matrix Y = X.row(0).array().square() + X.row(0).array() * X.row(1).array();
  Matrix jacobian(2, 512);
  jacobian << 2 * X.row(0) + X.row(1), X.row(0);

  sobolev::client::Client client(server);
  client.CreateDataset("saddle", {.inputs = {{"x1"}, {"x2"}}, .outputs = {{"y"}}});
  client.Append("saddle", X, Y, jacobian);
  const auto model = client.Train("saddle", {}, {.model = "saddle"}).Wait();

  const Matrix point{{0.5}, {0.25}};
  const auto prediction = client.Predict(model.name, point, {.jacobian = true});
  std::cout << "y = " << prediction.value << ", dy/dx = " << prediction.JacobianAt(0) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Run(argc > 1 ? argv[1] : "localhost:50551");
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
  return 0;
}
