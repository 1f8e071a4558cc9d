// A function behind an UM-Bridge server (Seelinger et al. 2023, protocol 1.0), as its client.

#ifndef SOBOLEV_SERVER_JOBS_UM_BRIDGE_SIMULATOR_H_
#define SOBOLEV_SERVER_JOBS_UM_BRIDGE_SIMULATOR_H_

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "server/gateway/json.h"
#include "server/http/http_client.h"

namespace sobolev::server {

struct Evaluation {
  Vector y;         // m
  Matrix jacobian;  // n×m, the gradient of output i in column i; empty if it was not asked for.
};

// Its input vectors are put one behind the other, and so are its outputs.
class UmBridgeSimulator {
 public:
  // Asks for sizes and abilities. Throws as PostJson, Error(kFailedPrecondition) naming
  // "spec.um_bridge.model" unless it has n inputs and m outputs in all, and can tell the Jacobian
  // if that is wanted.
  UmBridgeSimulator(HttpUrl url, std::string model, Index n, Index m, bool jacobian,
                    const HttpLimits& limits, const std::stop_token& stop);

  // F(x), and m calls more for every input vector if the Jacobian is wanted. Throws as PostJson.
  Evaluation Evaluate(const std::vector<double>& x, const std::stop_token& stop) const;

 private:
  Json Call(const std::string& path, Json body, const std::stop_token& stop) const;
  std::vector<Index> Sizes(const std::string& path, const std::string& member,
                           const std::stop_token& stop) const;

  HttpUrl url_;
  std::string model_;
  bool jacobian_;
  HttpLimits limits_;
  std::vector<Index> input_sizes_;
  std::vector<Index> output_sizes_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_UM_BRIDGE_SIMULATOR_H_
