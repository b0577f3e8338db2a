find_package(Re2 REQUIRED)
add_subdirectory(dicom)

# The values that the data stages exchange: below the stages, so that each of
# these can link to them.
besom_add_library(images LAYER 1
  SOURCES duplicate_pairs.cc image_table.cc perceptual_hash.cc pixel_shard.cc
          thumbnail_shard.cc
  HEADERS duplicate_pairs.h image_table.h perceptual_hash.h pixel_shard.h
          thumbnail_shard.h
  DEPS besom::base)

besom_add_library(csv LAYER 1
  SOURCES csv_table.cc
  HEADERS csv_table.h
  DEPS besom::base
  PRIVATE_DEPS LibCsv::LibCsv)

besom_add_library(ingest LAYER 2
  SOURCES decode.cc decode_exif.cc decode_jpeg.cc decode_png.cc
          dicom/header.cc dicom/load_module.cc ingest_stage.cc resize.cc
          scan.cc scan_contents.cc scan_dicom.cc scan_folder.cc scan_rows.cc
          scan_settings.cc scan_steps.cc scan_table.cc thumbnail.cc
  HEADERS dicom/header.h ingest_stage.h resize.h scan.h scan_dicom.h
          scan_folder.h scan_rows.h scan_settings.h scan_steps.h thumbnail.h
  DEPS besom::images besom::dicom_parts
  PRIVATE_DEPS besom::csv JPEG::JPEG PNG::PNG LibExif::LibExif Re2::Re2
               Threads::Threads)
target_link_libraries(besom_ingest PRIVATE ${CMAKE_DL_LIBS})
# Not linked, but loaded at run time.
add_dependencies(besom_ingest besom_dicom)
