# OpenVINO::Runtime from the Python package `openvino` in BESOM_PACKAGES, or
# from a package folder named by OPENVINO_ROOT. The package's own CMake files
# are not used: they want its TBB as a development package. The run path finds
# the library; its CPU plugin and its own TBB stand beside it and are found by
# the library's run path.
set(OPENVINO_ROOT "" CACHE PATH "Folder of OpenVINO (include/ and libs/)")
if(OPENVINO_ROOT)
  set(_openvino_root ${OPENVINO_ROOT})
else()
  file(GLOB _openvino_root
       ${BESOM_PACKAGES}/lib/python3*/site-packages/openvino)
endif()
find_path(OpenVINO_INCLUDE_DIR openvino/core/version.hpp
          PATHS ${_openvino_root}/include NO_DEFAULT_PATH)
file(GLOB OpenVINO_LIBRARY ${_openvino_root}/libs/libopenvino.so.*)
find_library(OpenVINO_CPU_PLUGIN openvino_intel_cpu_plugin
             PATHS ${_openvino_root}/libs NO_DEFAULT_PATH)
if(OpenVINO_INCLUDE_DIR)
  file(STRINGS ${OpenVINO_INCLUDE_DIR}/openvino/core/version.hpp _lines
       REGEX "define OPENVINO_VERSION_(MAJOR|MINOR|PATCH)")
  string(REGEX REPLACE "[^0-9;]" "" _numbers "${_lines}")
  string(REPLACE ";" "." OpenVINO_VERSION "${_numbers}")
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenVINO
  REQUIRED_VARS OpenVINO_LIBRARY OpenVINO_INCLUDE_DIR OpenVINO_CPU_PLUGIN
  VERSION_VAR OpenVINO_VERSION)
if(OpenVINO_FOUND AND NOT TARGET OpenVINO::Runtime)
  add_library(OpenVINO::Runtime INTERFACE IMPORTED)
  set_target_properties(OpenVINO::Runtime PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${OpenVINO_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "${OpenVINO_LIBRARY}"
    INTERFACE_LINK_OPTIONS
      "-Wl,--allow-shlib-undefined;-Wl,-rpath,${_openvino_root}/libs")
endif()
