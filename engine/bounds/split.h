// Where to cut a box.

#ifndef SOBOLEV_ENGINE_BOUNDS_SPLIT_H_
#define SOBOLEV_ENGINE_BOUNDS_SPLIT_H_

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"

namespace sobolev::bounds {

// The input that is most to blame for the width of what is proven on a finite box: by the
// enclosure's influence, else by the bounds of derivatives, else by the width relative to that of
// `root`. −1 if no input can be halved.
Index InputToSplit(const Box& box, const Enclosure& enclosure, const Box& root);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_SPLIT_H_
