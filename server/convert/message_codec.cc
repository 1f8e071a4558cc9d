#include "server/convert/message_codec.h"

#include <limits>

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

constexpr int kMaxNesting = 32;

}  // namespace

void Parse(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  // The reader consumes its buffer; this copy shares the slices.
  grpc::ByteBuffer shared = bytes;
  grpc::ProtoBufferReader reader(&shared);
  google::protobuf::io::CodedInputStream stream(&reader);
  stream.SetRecursionLimit(kMaxNesting);
  stream.SetTotalBytesLimit(std::numeric_limits<int>::max());
  if (reader.status().ok() && message.ParseFromCodedStream(&stream) &&
      stream.ConsumedEntireMessage()) {
    return;
  }
  throw InvalidArgument("MALFORMED_MESSAGE", "request",
                        "expected the bytes of a " + std::string(message.GetTypeName()) +
                            ", got something else; strings must be valid UTF-8 and messages nest "
                            "at most " +
                            std::to_string(kMaxNesting) + " deep");
}

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  const grpc::Status status =
      grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(message, &bytes,
                                                                                 &own_buffer);
  if (!status.ok()) {
    throw Error(ErrorCode::kResourceExhausted, "REPLY_TOO_LARGE", "",
                "the reply does not fit into one message; ask for fewer rows");
  }
  return bytes;
}

}  // namespace sobolev::server
