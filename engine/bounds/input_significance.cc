#include "engine/bounds/input_significance.h"

#include "engine/ad/interval.h"
#include "engine/ad/interval_rounding.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/intervals.h"

namespace sobolev::bounds {

Matrix InputSignificance(const Box& box, const Enclosure& enclosure) {
  const IntervalMatrix J = JacobianOf(enclosure);
  Matrix significance(J.rows(), J.cols());
  for (Index j = 0; j < J.rows(); ++j) {
    const double width = Interval(ad::Bounds{box.lo(j), box.hi(j)}).Width();
    for (Index i = 0; i < J.cols(); ++i) {
      significance(j, i) = ad::directed::MultiplyUp(width, J(j, i).Magnitude());
    }
  }
  return significance;
}

}  // namespace sobolev::bounds
