#include "engine/program/product_requests.h"

namespace sobolev::program {
namespace {

// Rows of directions, as the lanes of a grid take them.
LaneRows<const double> DirectionRows(const Directions& directions, bool are_tangents) {
  const Index own = 1;
  return {.data = directions.D.data(),
          .width = directions.D.rows(),
          .per_point = directions.per_point ? directions.count : 0,
          .per_adjoint = are_tangents ? 0 : own,
          .per_tangent = are_tangents ? own : 0};
}

}  // namespace

ProductRequests MakeRequests(const ConstMatrixMap& X, Index m, const Directions* tangents,
                             const Directions* adjoints, const Results& results) {
  const Index n = X.rows();
  const LaneRows<const double> x = RowPerPoint(X.data(), n);
  ProductRequests requests{.once = {.grid = {.num_points = X.cols()}, .x = x}};
  // The request that products with these directions belong to.
  const auto with = [&](const Directions* x_dot, const Directions* y_bar) -> ProductRequest& {
    const LaneGrid grid{.num_points = X.cols(),
                        .q = y_bar == nullptr ? 1 : y_bar->count,
                        .p = x_dot == nullptr ? 1 : x_dot->count};
    ProductRequest& request =
        grid.size() == X.cols()
            ? requests.once
            : requests.several.emplace_back(ProductRequest{.grid = grid, .x = x});
    if (x_dot != nullptr) request.x_dot = DirectionRows(*x_dot, true);
    if (y_bar != nullptr) request.y_bar = DirectionRows(*y_bar, false);
    return request;
  };
  if (results.Y != nullptr) requests.once.y = RowPerPoint(results.Y, m);
  if (results.Y_dot != nullptr) {
    ProductRequest& request = with(tangents, nullptr);
    request.y_dot = RowPerLane(results.Y_dot, m, request.grid);
  }
  if (results.X_bar != nullptr) {
    ProductRequest& request = with(nullptr, adjoints);
    request.x_bar = RowPerLane(results.X_bar, n, request.grid);
  }
  if (results.X_bar_dot != nullptr) {
    ProductRequest& request = with(tangents, adjoints);
    request.x_bar_dot = RowPerLane(results.X_bar_dot, n, request.grid);
  }
  return requests;
}

bool IsTwoOfFirstOrder(const ProductRequest& request) {
  return request.x_dot.data != nullptr && request.y_bar.data != nullptr &&
         request.x_bar_dot.data == nullptr;
}

std::vector<ProductRequest> Separated(const ProductRequest& request) {
  return {{.grid = request.grid,
           .x = request.x,
           .x_dot = request.x_dot,
           .y = request.y,
           .y_dot = request.y_dot},
          {.grid = request.grid, .x = request.x, .y_bar = request.y_bar, .x_bar = request.x_bar}};
}

}  // namespace sobolev::program
