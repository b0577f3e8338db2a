# LibTorch::LibTorch from the Python package `torch` in BESOM_PACKAGES, or from
# a LibTorch named by LIBTORCH_ROOT. torch's own CMake package is not used: it
# wants a CUDA toolkit and links that toolkit's NCCL, which is older than the
# one that torch was built against.
set(LIBTORCH_ROOT "" CACHE PATH "Prefix of a LibTorch (include/ and lib/)")
file(GLOB _besom_site ${BESOM_PACKAGES}/lib/python3*/site-packages)
list(GET _besom_site 0 _besom_site)
if(NOT LIBTORCH_ROOT)
  set(_torch_root ${_besom_site}/torch)
else()
  set(_torch_root ${LIBTORCH_ROOT})
endif()
find_path(LibTorch_INCLUDE_DIR torch/headeronly/version.h PATHS ${_torch_root}/include
          NO_DEFAULT_PATH)
find_library(LibTorch_CPU torch_cpu PATHS ${_torch_root}/lib NO_DEFAULT_PATH)
find_library(LibTorch_C10 c10 PATHS ${_torch_root}/lib NO_DEFAULT_PATH)
find_library(LibTorch_CUDA torch_cuda PATHS ${_torch_root}/lib NO_DEFAULT_PATH)
find_library(LibTorch_C10_CUDA c10_cuda PATHS ${_torch_root}/lib
             NO_DEFAULT_PATH)
set(BESOM_CUDA_INCLUDE "${_besom_site}/nvidia/cu13/include" CACHE PATH
    "CUDA runtime headers")
if(LibTorch_INCLUDE_DIR)
  file(STRINGS ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h _lines
       REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
  string(REGEX REPLACE "[^0-9;]" "" _numbers "${_lines}")
  string(REPLACE ";" "." LibTorch_VERSION "${_numbers}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU LibTorch_C10 LibTorch_CUDA LibTorch_C10_CUDA
                LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION)
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # The package brings its own {fmt} headers, newer than the system's library
  # and found before it: without the library they work in any mixture.
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES
      "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include;${BESOM_CUDA_INCLUDE}"
    INTERFACE_COMPILE_DEFINITIONS "_GLIBCXX_USE_CXX11_ABI=1;FMT_HEADER_ONLY=1")
  # The CUDA half registers itself when it is loaded: keep it although no
  # symbol of it is named. The CUDA libraries are found by its own run path.
  set_property(TARGET LibTorch::LibTorch PROPERTY INTERFACE_LINK_LIBRARIES
    ${LibTorch_CPU} ${LibTorch_C10}
    -Wl,--no-as-needed ${LibTorch_CUDA} ${LibTorch_C10_CUDA} -Wl,--as-needed)
  set_property(TARGET LibTorch::LibTorch PROPERTY INTERFACE_LINK_OPTIONS
    -Wl,--allow-shlib-undefined "-Wl,-rpath,${_torch_root}/lib")
endif()
