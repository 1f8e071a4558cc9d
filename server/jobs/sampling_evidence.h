// What a sampling job knows, in the coordinates of its unit cube, for the engine to place points
// by.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_EVIDENCE_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_EVIDENCE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/disagreement.h"
#include "engine/sampling/domain.h"
#include "engine/sampling/evidence.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Whether a point with these n inputs is in the box of the domain; samples of others may be
// anywhere.
bool IsInside(const sampling::Domain& domain, const double* x);

// The samples inside the domain, of whatever feasibility.
sampling::Evidence EvidenceOf(const train::SampleSet& samples, const sampling::Domain& domain);

// For each sample its column there; -1: outside the domain.
std::vector<Index> ColumnsOf(const train::SampleSet& samples, const sampling::Domain& domain);

// Those where the evaluation failed or there is no value (d×F).
Matrix FailedPoints(const std::vector<SamplingPointRecord>& points, const sampling::Domain& domain);

// Adds points of the job: results that are in none of the first `uploads` uploads, points that are
// being evaluated, and those where the evaluation failed.
void AddPoints(const std::vector<SamplingPointRecord>& points, std::int64_t uploads,
               const sampling::Domain& domain, sampling::Evidence& evidence);

// The surrogates whose disagreement tells where they are wrong: the members of an ensemble, else,
// where there are two, `model` and the one before. Empty: there is nothing to compare.
std::vector<sampling::Model> OpinionsOf(const std::shared_ptr<const Surrogate>& model,
                                        const std::shared_ptr<const Surrogate>& before,
                                        const sampling::Domain& domain);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_EVIDENCE_H_
