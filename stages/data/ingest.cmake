# The values that the data stages exchange: below the stages, so that each of
# these can link to them.
besom_add_library(images LAYER 1
  SOURCES image_table.cc pixel_shard.cc
  HEADERS image_table.h pixel_shard.h
  DEPS besom::base)

besom_add_library(ingest LAYER 2
  SOURCES decode.cc decode_exif.cc decode_jpeg.cc decode_png.cc resize.cc
  HEADERS decode.h decode_formats.h resize.h
  DEPS besom::images
  PRIVATE_DEPS JPEG::JPEG PNG::PNG LibExif::LibExif)
