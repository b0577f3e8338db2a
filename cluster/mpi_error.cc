#include "cluster/mpi_error.h"

#include <mpi.h>
#if BESOM_MPI_HAS_ULFM
#include <mpi-ext.h>
#endif

#include <string>

namespace besom::cluster {
namespace {

int ClassOf(int code) {
  int error_class = MPI_ERR_UNKNOWN;
  MPI_Error_class(code, &error_class);
  return error_class;
}

const char* Cure(int error_class) {
  switch (error_class) {
    case MPI_ERR_NO_MEM:
      return "free memory on this host, or start fewer ranks on it";
    case MPI_ERR_TRUNCATE:
    case MPI_ERR_COUNT:
    case MPI_ERR_RANK:
    case MPI_ERR_TAG:
    case MPI_ERR_COMM:
      return "make sure that all ranks run the same build of this program";
    default:
      return "a rank or the network between hosts may be gone; the same "
             "command resumes";
  }
}

}  // namespace

Status MpiStatus(int code, std::string_view call) {
  if (code == MPI_SUCCESS) return Status::Ok();
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return IoError(std::string(call),
                 std::string(text, static_cast<std::size_t>(length)),
                 Cure(ClassOf(code)));
}

bool IsRankFailure(int code) {
  if (code == MPI_SUCCESS) return false;
#if BESOM_MPI_HAS_ULFM
  const int error_class = ClassOf(code);
  return error_class == MPIX_ERR_PROC_FAILED ||
         error_class == MPIX_ERR_PROC_FAILED_PENDING;
#else
  return false;
#endif
}

}  // namespace besom::cluster
