// What requests for guarantees have in common: a model or a program, and a box of its inputs.

#ifndef SOBOLEV_SERVER_RPC_BOXED_FUNCTION_H_
#define SOBOLEV_SERVER_RPC_BOXED_FUNCTION_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/surrogate/surrogate.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "server/convert/pipeline.h"
#include "server/models/model_registry.h"
#include "server/models/pipeline_parts.h"
#include "server/storage/store.h"

namespace sobolev::server {

struct BoxedFunction {
  PipelinePart part;
  std::string field;  // Of the request that names it: "model" or "program".
  bounds::Box box;    // Finite.

  const Surrogate& surrogate() const { return *part.function; }
  // "models/{model}/versions/{version}" or "programs/{program}".
  const std::string& name() const {
    return part.stage.has_model() ? part.stage.model() : part.stage.program();
  }
};

// The box that was asked for, or the domain. Throws Error(kInvalidArgument) naming "box",
// "box[j].min", "box[j].max" or "box[j]": a number of ranges that is not that of the inputs,
// numbers that are not finite, ranges that are upside down or, of models, outside the domain, and
// inputs without bounds of their own if no box is given; Error(kFailedPrecondition) if the domain
// is empty.
bounds::Box ToBox(const google::protobuf::RepeatedPtrField<v1::Range>& ranges,
                  const PipelinePart& part);
void ToProto(const bounds::Box& box, google::protobuf::RepeatedPtrField<v1::Range>& ranges);

// The part for a name of either kind. Throws as FindModelPart.
PipelinePart FindPart(const std::string& name, const std::string& field, ModelRegistry& models,
                      Store& store);

template <class Request>
BoxedFunction FindBoxedFunction(const Request& request, ModelRegistry& models, Store& store) {
  BoxedFunction function;
  switch (request.function_case()) {
    case Request::kModel:
      function.field = "model";
      function.part = FindModelPart(request.model(), function.field, models, store);
      break;
    case Request::kProgram:
      function.field = "program";
      function.part = FindProgramPart(request.program(), function.field, store);
      break;
    case Request::FUNCTION_NOT_SET:
      throw InvalidArgument("MISSING_FIELD", "function", "expected a model or a program, got none");
  }
  function.box = ToBox(request.box(), function.part);
  return function;
}

// Names of inputs or outputs, in the order of the schema.
std::vector<std::string> NamesOf(const google::protobuf::RepeatedPtrField<v1::Variable>& variables);
// The position of a name. Throws Error(kInvalidArgument UNKNOWN_NAME) naming `field`.
Index PositionOf(const std::string& name, const std::vector<std::string>& names,
                 const std::string& field);

// Whether one box of the function can be enclosed in seconds and in memory; else what is too much.
std::optional<Error> WhyNotEnclosable(const BoxedFunction& function, bool jacobian);

// The number that was asked for, or the default, at most the limit, which is 1000000 or what fits
// into memory. Throws Error(kInvalidArgument) naming "max_boxes".
Index ToMaxBoxes(std::optional<std::int64_t> requested, Index usual, const Surrogate& surrogate,
                 bool jacobian);

// Throws Error(kInvalidArgument OUT_OF_RANGE) unless least <= number <= most.
void RequireRange(const std::string& field, double number, double least, double most);

// Does work that takes long beside predictions, which go first. Called from one thread, it uses
// others as well.
template <class Work>
auto InBackground(const Work& work) {
  oneapi::tbb::task_arena arena(oneapi::tbb::task_arena::automatic, 1,
                                oneapi::tbb::task_arena::priority::low);
  return arena.execute(work);
}

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_BOXED_FUNCTION_H_
