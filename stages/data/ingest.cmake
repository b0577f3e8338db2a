find_package(Re2 REQUIRED)

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
          ingest_stage.cc resize.cc scan.cc scan_contents.cc scan_folder.cc
          scan_settings.cc scan_steps.cc scan_table.cc thumbnail.cc
  HEADERS decode.h decode_formats.h ingest_stage.h resize.h scan.h
          scan_folder.h scan_settings.h scan_steps.h thumbnail.h
  DEPS besom::images
  PRIVATE_DEPS besom::csv JPEG::JPEG PNG::PNG LibExif::LibExif Re2::Re2
               Threads::Threads)
