// Results of a sampling job on their way into its dataset.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_UPLOAD_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_UPLOAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/sobolev/v1/datasets.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Appends what was told since the last upload to the dataset, as the job's upload of this number,
// once however often it is called. Returns the points of that upload; without any there is none.
std::vector<SamplingPointRecord> UploadResults(Store& store, const Lease& lease,
                                               const std::string& dataset_id,
                                               const v1::Schema& schema, std::int64_t number);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_UPLOAD_H_
