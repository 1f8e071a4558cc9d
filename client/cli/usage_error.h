// What the user typed, or a file that was read, is wrong. The command ends with exit code 2.

#ifndef SOBOLEV_CLIENT_CLI_USAGE_ERROR_H_
#define SOBOLEV_CLIENT_CLI_USAGE_ERROR_H_

#include <stdexcept>

namespace sobolev::cli {

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_USAGE_ERROR_H_
