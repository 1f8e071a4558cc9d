#include "server/rpc/read_call.h"

#include <algorithm>

#include "server/convert/grpc_status.h"
#include "server/convert/message_codec.h"
#include "server/convert/names.h"
#include "server/convert/sample_block.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

constexpr Index kPieceBytes = 1 << 20;

}  // namespace

ReadCall* ReadCall::Start(Store& store, MethodMetrics* metrics, ThreadPool& pool,
                          grpc::CallbackServerContext* context, const grpc::ByteBuffer& request) {
  auto* call = new ReadCall(store, metrics, pool, context);
  const grpc::Status entered = call->context_.Enter(*metrics, request.Length());
  if (!entered.ok()) {
    call->End(entered);
    return call;
  }
  pool.Submit([call, request] {
    const grpc::Status status = Guard([&] { call->Open(request); });
    if (status.ok()) {
      call->Continue();
    } else {
      call->End(status);
    }
  });
  return call;
}

ReadCall::ReadCall(Store& store, MethodMetrics* metrics, ThreadPool& pool,
                   grpc::CallbackServerContext* context)
    : store_(store), pool_(pool), context_(CallContext::Of(context)), meter_(metrics) {}

void ReadCall::Open(const grpc::ByteBuffer& request) {
  const TenantScope tenant(context_.tenant());
  meter_.Received();
  Parse(request, request_);
  RequireDataType(request_.data_type(), "data_type");
  RequireDatasetVersion(request_.version(), "version");
  snapshot_ = store_.OpenSnapshot(ParseDatasetName(request_.name(), "name"), request_.version());
}

void ReadCall::Continue() {
  const train::SampleSet& samples = snapshot_->samples();
  if (block_ == samples.blocks.size()) {
    End(grpc::Status::OK);
    return;
  }
  const grpc::Status status = Guard([&] {
    if (row_ == 0) snapshot_->Verify(block_);
    const train::SampleBlock& block = samples.blocks[block_];
    const Index row_bytes =
        static_cast<Index>(sizeof(double)) * LayoutOf(block).RowWidth(samples.n, samples.m);
    const Index count = std::min(block.rows - row_, std::max<Index>(1, kPieceBytes / row_bytes));
    v1::ReadSamplesResponse response;
    response.mutable_block()->set_block_id(pieces_++);
    FillBlock(block, samples.n, samples.m, row_, count, request_.data_type(),
              *response.mutable_block());
    outgoing_ = Serialize(response);
    row_ += count;
    if (row_ == block.rows) {
      row_ = 0;
      ++block_;
    }
  });
  if (status.ok()) {
    StartWrite(&outgoing_);
  } else {
    End(status);
  }
}

void ReadCall::OnWriteDone(bool ok) {
  if (!ok) {
    End(grpc::Status(grpc::StatusCode::CANCELLED, "the caller cancelled"));
    return;
  }
  meter_.Sent();
  pool_.Submit([this] { Continue(); });
}

void ReadCall::End(const grpc::Status& status) {
  context_.Leave(status);
  meter_.Finish(status);
  Finish(status);
}

}  // namespace sobolev::server
