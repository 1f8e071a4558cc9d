#include "client/cli/app.h"

int main(int argc, char** argv) { return sobolev::cli::RunApp(argc, argv); }
