// Samples one by one, as sampling jobs keep what they are told.

#ifndef SOBOLEV_SERVER_CONVERT_SAMPLE_ROWS_H_
#define SOBOLEV_SERVER_CONVERT_SAMPLE_ROWS_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "server/storage/block_layout.h"

namespace sobolev::server {

// One sample with whatever derivatives come with it: a v1::SampleBlock of a single row, in bytes
// that are equal for equal samples.
using SampleRow = std::string;

// The rows of a block that CheckBlock let through.
std::vector<SampleRow> SplitRows(const SampleBlockData& block, Index n, Index m);

// The sample of a program or another function that gives value and Jacobian: x is n, y m, and
// jacobian, null if there is none, m×n row-major.
SampleRow MakeRow(const Vector& x, const double* y, Index m, const double* jacobian);

// Row `row` as it is on the wire. Throws Error(kDataLoss) if these bytes are not a row.
v1::SampleBlock ParseRow(const SampleRow& row);

// Rows as blocks of moderate size with checksums, numbered from 0: each of rows with the same kinds
// of labels, in the order in which they first appear.
std::vector<std::shared_ptr<const v1::SampleBlock>> JoinRows(const std::vector<SampleRow>& rows);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_SAMPLE_ROWS_H_
