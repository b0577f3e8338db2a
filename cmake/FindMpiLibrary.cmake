# MpiLibrary::MpiLibrary: the pinned Open MPI of BESOM_PACKAGES, or the MPI
# under BESOM_MPI. Sets BESOM_MPIRUN (its launcher), BESOM_MPI_HAS_ULFM,
# BESOM_MPI_IS_OPEN_MPI_5 and BESOM_MPI_IS_OPEN_MPI_4 (whose options its
# launcher takes).
if(BESOM_MPI)
  set(_mpi_root ${BESOM_MPI})
else()
  set(_mpi_root ${BESOM_PACKAGES})
endif()
find_program(BESOM_MPICXX mpicxx PATHS ${_mpi_root}/bin NO_DEFAULT_PATH)
find_program(BESOM_MPIRUN mpirun PATHS ${_mpi_root}/bin NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MpiLibrary DEFAULT_MSG BESOM_MPICXX
                                  BESOM_MPIRUN)
if(MpiLibrary_FOUND AND NOT TARGET MpiLibrary::MpiLibrary)
  execute_process(COMMAND ${BESOM_MPICXX} --showme:incdirs
                  OUTPUT_VARIABLE _includes OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND ${BESOM_MPICXX} --showme:libdirs
                  OUTPUT_VARIABLE _libdirs OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND ${BESOM_MPICXX} --showme:libs
                  OUTPUT_VARIABLE _libs OUTPUT_STRIP_TRAILING_WHITESPACE)
  separate_arguments(_includes)
  separate_arguments(_libdirs)
  separate_arguments(_libs)
  add_library(MpiLibrary::MpiLibrary INTERFACE IMPORTED)
  set_target_properties(MpiLibrary::MpiLibrary PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_includes}"
    INTERFACE_LINK_DIRECTORIES "${_libdirs}")
  # Without the C++ interface of old, which nothing uses.
  set_property(TARGET MpiLibrary::MpiLibrary PROPERTY
               INTERFACE_COMPILE_DEFINITIONS OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
  set(_mpi_links)
  foreach(lib IN LISTS _libs)
    if(lib MATCHES "^mpi" AND NOT lib MATCHES "cxx$")
      list(APPEND _mpi_links ${lib})
    endif()
  endforeach()
  set_property(TARGET MpiLibrary::MpiLibrary PROPERTY
               INTERFACE_LINK_LIBRARIES ${_mpi_links})
  foreach(dir IN LISTS _libdirs)
    set_property(TARGET MpiLibrary::MpiLibrary APPEND PROPERTY
                 INTERFACE_LINK_OPTIONS "-Wl,-rpath,${dir}")
  endforeach()
  include(CheckCXXSourceCompiles)
  # What an earlier MPI, or a configure that was broken off, could not do.
  foreach(_answer BESOM_MPI_HAS_ULFM BESOM_MPI_IS_OPEN_MPI_5
                  BESOM_MPI_IS_OPEN_MPI_4)
    if(NOT ${_answer})
      unset(${_answer} CACHE)
    endif()
  endforeach()
  set(CMAKE_REQUIRED_LIBRARIES MpiLibrary::MpiLibrary)
  check_cxx_source_compiles("
    #include <mpi.h>
    #include <mpi-ext.h>
    int main() { return MPIX_Comm_failure_ack(MPI_COMM_WORLD); }"
    BESOM_MPI_HAS_ULFM)
  check_cxx_source_compiles("
    #include <mpi.h>
    static_assert(OMPI_MAJOR_VERSION >= 5);
    int main() { return 0; }"
    BESOM_MPI_IS_OPEN_MPI_5)
  check_cxx_source_compiles("
    #include <mpi.h>
    static_assert(OMPI_MAJOR_VERSION == 4);
    int main() { return 0; }"
    BESOM_MPI_IS_OPEN_MPI_4)
  unset(CMAKE_REQUIRED_LIBRARIES)
endif()
