// How what a caller asks of a program becomes requests of one product per lane.

#ifndef SOBOLEV_ENGINE_PROGRAM_PRODUCT_REQUESTS_H_
#define SOBOLEV_ENGINE_PROGRAM_PRODUCT_REQUESTS_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/program/program.h"
#include "engine/program/sweep.h"

namespace sobolev::program {

// By the lanes that are needed.
struct ProductRequests {
  ProductRequest once;  // One lane per point: values, and products with one direction.
  std::vector<ProductRequest> several;  // Products with several directions per point.
};

// X: n×N. Directions are null where they are not given; those that results need are given.
ProductRequests MakeRequests(const ConstMatrixMap& X, Index m, const Directions* tangents,
                             const Directions* adjoints, const Results& results);

// Whether the request has both kinds of directions and wants products with one kind each.
bool IsTwoOfFirstOrder(const ProductRequest& request);

// Such a request, cut into one with tangents, which has the values too, and one with adjoints.
std::vector<ProductRequest> Separated(const ProductRequest& request);

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_PRODUCT_REQUESTS_H_
