// The answer of ProgramService.AnalyzeCurvature, whose work is a loop over points and tools.

#ifndef SOBOLEV_SERVER_RPC_CURVATURE_ANSWER_H_
#define SOBOLEV_SERVER_RPC_CURVATURE_ANSWER_H_

#include <stop_token>

#include "engine/program/program.h"
#include "proto/sobolev/v1/programs.pb.h"
#include "server/base/config.h"

namespace sobolev::server {

// Throws Error naming the field of the request that is wrong, and Error(kCancelled).
void AnalyzeCurvature(const program::Program& program, const v1::AnalyzeCurvatureRequest& request,
                      const ServerConfig& config, v1::AnalyzeCurvatureResponse& response,
                      const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_CURVATURE_ANSWER_H_
