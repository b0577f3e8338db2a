# Dcmtk::Dcmtk: DCMTK's data sets, images and decoders. Its own CMake package
# would link all of it, network and XML included.
set(Dcmtk_names dcmjpls dcmjpeg dcmimage dcmimgle dcmdata oflog ofstd)
find_path(Dcmtk_INCLUDE_DIR dcmtk/dcmdata/dctk.h)
set(Dcmtk_LIBRARIES "")
set(Dcmtk_variables "")
foreach(name ${Dcmtk_names})
  find_library(Dcmtk_${name}_LIBRARY ${name})
  list(APPEND Dcmtk_variables Dcmtk_${name}_LIBRARY)
  list(APPEND Dcmtk_LIBRARIES ${Dcmtk_${name}_LIBRARY})
endforeach()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Dcmtk DEFAULT_MSG
  ${Dcmtk_variables} Dcmtk_INCLUDE_DIR)
if(Dcmtk_FOUND AND NOT TARGET Dcmtk::Dcmtk)
  add_library(Dcmtk::Dcmtk INTERFACE IMPORTED)
  set_target_properties(Dcmtk::Dcmtk PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES ${Dcmtk_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES "${Dcmtk_LIBRARIES}")
endif()
