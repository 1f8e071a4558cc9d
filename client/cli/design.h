// Where to sample a function: points of a box by one of a few simple designs.
//
// A Latin hypercube cuts each side of the box into as many slices as there are points and puts one
// point into every slice of every side, so that each input by itself is covered evenly.

#ifndef SOBOLEV_CLIENT_CLI_DESIGN_H_
#define SOBOLEV_CLIENT_CLI_DESIGN_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <sobolev/types.h>

namespace sobolev::cli {

enum class Design {
  kLatinHypercube,
  kRandom,  // Independent and uniform.
  kGrid,    // k points a side, the corners included.
};

// As written on the command line.
const std::map<std::string, Design>& Designs();
std::string_view Name(Design design);

// An n-dimensional box.
struct Box {
  client::Vector low;
  client::Vector high;
};

// n×count points of the box. The same arguments give the same bits, on every machine. Throws
// UsageError naming --count if a grid has no such number of points.
client::Matrix MakeDesign(Design design, const Box& box, client::Index count, std::uint64_t seed);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_DESIGN_H_
