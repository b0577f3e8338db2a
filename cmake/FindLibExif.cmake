# LibExif::LibExif from the system's libexif (it ships no CMake package).
find_path(LibExif_INCLUDE_DIR libexif/exif-data.h)
find_library(LibExif_LIBRARY exif)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibExif DEFAULT_MSG
  LibExif_LIBRARY LibExif_INCLUDE_DIR)
if(LibExif_FOUND AND NOT TARGET LibExif::LibExif)
  add_library(LibExif::LibExif UNKNOWN IMPORTED)
  set_target_properties(LibExif::LibExif PROPERTIES
    IMPORTED_LOCATION ${LibExif_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${LibExif_INCLUDE_DIR})
endif()
