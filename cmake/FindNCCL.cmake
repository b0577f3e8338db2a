# NCCL::NCCL, with the CUDA runtime, from the Python package
# `nvidia-nccl-cu13`, or from NCCL_ROOT.
set(NCCL_ROOT "" CACHE PATH "Prefix of an NCCL (include/ and lib/)")
file(GLOB _besom_site ${BESOM_PACKAGES}/lib/python3*/site-packages)
if(NOT NCCL_ROOT)
  set(_nccl_root ${_besom_site}/nvidia/nccl)
else()
  set(_nccl_root ${NCCL_ROOT})
endif()
find_path(NCCL_INCLUDE_DIR nccl.h PATHS ${_nccl_root}/include NO_DEFAULT_PATH)
find_file(NCCL_LIBRARY NAMES libnccl.so.2 libnccl.so PATHS ${_nccl_root}/lib
          NO_DEFAULT_PATH)
# The CUDA runtime that LibTorch uses: there must be one in a process.
find_file(BESOM_CUDA_RUNTIME NAMES libcudart.so.13
          PATHS ${BESOM_CUDA_INCLUDE}/../lib NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NCCL DEFAULT_MSG NCCL_LIBRARY
                                  NCCL_INCLUDE_DIR BESOM_CUDA_RUNTIME)
if(NCCL_FOUND AND NOT TARGET NCCL::NCCL)
  add_library(NCCL::NCCL UNKNOWN IMPORTED)
  set_target_properties(NCCL::NCCL PROPERTIES
    IMPORTED_LOCATION ${NCCL_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES
      "${NCCL_INCLUDE_DIR};${BESOM_CUDA_INCLUDE}"
    INTERFACE_LINK_LIBRARIES ${BESOM_CUDA_RUNTIME})
endif()
