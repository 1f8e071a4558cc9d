// What holds for the whole process, not for one server in it.

#ifndef SOBOLEV_SERVER_APP_PROCESS_H_
#define SOBOLEV_SERVER_APP_PROCESS_H_

namespace sobolev::server {

// Sets memory and locks up for serving. Called before there are other threads.
void TuneProcess();

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_APP_PROCESS_H_
