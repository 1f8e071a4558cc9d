// The tables of the metadata store and how older ones are brought up to date.

#ifndef SOBOLEV_SERVER_STORAGE_SCHEMA_H_
#define SOBOLEV_SERVER_STORAGE_SCHEMA_H_

#include "server/storage/sqlite.h"

namespace sobolev::server {

// The version that this program writes; kept in SQLite's user_version.
inline constexpr int kSchemaVersion = 6;

// Brings the tables from whatever version they have (0: an empty file) to version `target`, each
// step in a transaction of its own; tests make old stores with older targets. Throws
// kFailedPrecondition STORE_TOO_NEW, touching nothing, if a newer program wrote them.
void MigrateSchema(Database& db, int target = kSchemaVersion);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_SCHEMA_H_
