# The values that the data stages exchange.
besom_add_library(images LAYER 1
  SOURCES image_table.cc pixel_shard.cc
  HEADERS image_table.h pixel_shard.h
  DEPS besom::base)
