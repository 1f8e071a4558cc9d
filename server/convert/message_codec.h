// Messages to and from the byte buffers of raw gRPC methods.
//
// Requests are parsed here and not by gRPC so that a malformed one is answered INVALID_ARGUMENT:
// gRPC's callback API would say UNIMPLEMENTED, and on a stream a broken message would look like a
// clean end.

#ifndef SOBOLEV_SERVER_CONVERT_MESSAGE_CODEC_H_
#define SOBOLEV_SERVER_CONVERT_MESSAGE_CODEC_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

namespace sobolev::server {

// Throws Error(kInvalidArgument MALFORMED_MESSAGE) naming the message type.
void Parse(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);

grpc::ByteBuffer Serialize(const google::protobuf::Message& message);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_MESSAGE_CODEC_H_
