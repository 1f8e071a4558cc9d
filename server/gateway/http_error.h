// Exceptions as HTTP sees them.

#ifndef SOBOLEV_SERVER_GATEWAY_HTTP_ERROR_H_
#define SOBOLEV_SERVER_GATEWAY_HTTP_ERROR_H_

#include <exception>
#include <string>

namespace sobolev::server {

struct HttpError {
  int status = 500;
  std::string reason;   // "SHAPE_MISMATCH".
  std::string field;    // Of the request that is wrong; may be empty.
  std::string message;  // Begins with the field.
};

// 400 for what is wrong in the request, 404 for what does not exist, 503 for what may work later
// (too large a reply is 413), 500 for the rest, whose text goes to the log only.
HttpError ToHttpError(const std::exception_ptr& error);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_HTTP_ERROR_H_
