// Waiting for a job with its progress on standard error.

#ifndef SOBOLEV_CLIENT_CLI_AWAIT_JOB_H_
#define SOBOLEV_CLIENT_CLI_AWAIT_JOB_H_

#include <optional>
#include <stop_token>

#include <sobolev/client.h>

#include "client/cli/commands.h"

namespace sobolev::cli {

// Follows a job until it succeeds. Ctrl-C leaves it running, says how to go on, sets the exit code
// kInterrupted and gives nothing. Throws client::JobError if the job fails or is cancelled.
std::optional<client::JobStatus> AwaitJob(const client::Job& job, Context& context,
                                          const std::stop_token& interrupt);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_AWAIT_JOB_H_
