// Where the intermediate results of a chunk lie, for one kind of groups.
//
// Notation as in gram_sweep.h; l = 1 … D, a₀ = x. Arrays of features get a row more than there are
// features: of ones in a, of zeros in ȧ and t, so that biases are weights of a last input. With
// skips (network.h) x comes before that row in a, and its tangents in ȧ and t.

#ifndef SOBOLEV_ENGINE_NN_GRAM_LAYOUT_H_
#define SOBOLEV_ENGINE_NN_GRAM_LAYOUT_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/gram_points.h"
#include "engine/nn/network.h"

namespace sobolev::nn {

// Equal arrays, one per seed, direction or pair of them, `stride` apart.
struct GramArrays {
  Index first = 0;
  Index stride = 0;

  Index operator[](Index i) const { return first + i * stride; }
};

// Layer l of the parameters, for all kinds.
struct GramLayer {
  Index rows;
  Index cols;
  Index inner;            // Columns of a_{l−1}; those of x by a skip follow.
  bool residual;          // Whether a_l = a_{l−1} + φ(z_l).
  Index weights;          // In θ: W_l, row-major.
  Index bias;             // In θ: b_l.
  Index packed;           // In the packed weights: W_l.
  Index transposed;       // In the packed weights: W_lᵀ, of the inner columns,
  Index skip_transposed;  // and of the others.
  Index tiles;            // In the tiles of the gradient: [W_l b_l] in blocks.
};

struct GramNetwork {
  GramNetwork(const Architecture& architecture);  // NOLINT(google-explicit-constructor)

  const GramLayer& Layer(Index l) const { return layers[static_cast<std::size_t>(l - 1)]; }

  Index n;
  Index m;
  Index depth;
  Index num_parameters;
  bool skip;
  bool residual;
  std::vector<GramLayer> layers;  // layers[l − 1] is layer l.
  Index packed_size = 0;
  Index tiles_size = 0;
};

struct GramLayout {
  // `assemble`: whether the arrays that only Gauss-Newton matrices need are there.
  GramLayout(const GramNetwork& network, GramKind kind, Index lanes, bool assemble);

  Index A(Index l) const { return l == 0 ? data.x * lanes : layers[Hidden(l)].a; }
  // ȧ_l of direction j; l = 0 for kinds with a direction of their own only.
  Index ADot(Index l, Index j) const {
    return l == 0 ? data.direction * lanes : layers[Hidden(l)].a_dot[j];
  }
  // t_l of pair i, l = 0 … D − 1.
  Index T(Index l, Index i) const { return l == 0 ? t_0[i] : layers[Hidden(l)].t[i]; }

  // Of a hidden layer, l = 1 … D − 1.
  struct Arrays {
    Index a, p, h, z_bar;
    Index dz, da;             // Tangents of z and of a or g for a direction in θ.
    GramArrays g, c;          // Per seed, then one for the cotangent of a kTangent chunk.
    GramArrays t;             // Per pair.
    GramArrays z_dot, a_dot;  // Per direction.
    GramArrays dw, dv;        // Per seed: √c·g and √value weight·g.
    GramArrays d_dot;         // Per pair (i, j) of seed and direction, at i·directions + j.
    // Of kCurvature, tangents along v: of φ′(z), c, g, t and z̄, and of dz and da.
    Index p_dot, c_dot, g_dot, t_dot, z_bar_dot, dz_dot, da_dot;
  };
  const Arrays& Layer(Index l) const { return layers[Hidden(l)]; }

  GramKind kind;
  GramRows data;  // The chunk begins with a copy of its data.
  Index lanes;
  Index seeds;       // m or 1
  Index directions;  // n, 1 or 0
  Index pairs;       // Seeds that a tangent is pushed along with in a transposed sweep: m, 1 or 0.
  Index y = 0;       // m; then the cotangent of values.
  Index u_bar = 0;   // num_residuals
  Index sigma = 0;   // num_residuals
  GramArrays x_bar;  // Per seed, n. For kTangent ẏ, m.
  GramArrays t_0;    // Per pair, n + 1.
  GramArrays spare;  // Two arrays of any size that occurs.
  // In networks with residual layers: ā_l per direction, at least one; of kCurvature ā_l and its
  // tangent along v.
  GramArrays a_bar;
  std::vector<Arrays> layers;
  Index size = 0;

 private:
  static std::size_t Hidden(Index l) { return static_cast<std::size_t>(l - 1); }
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_LAYOUT_H_
