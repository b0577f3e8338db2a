# Files that show the same picture.
besom_add_library(duplicates LAYER 2
  SOURCES duplicates_stage.cc near_duplicates.cc registration.cc
  HEADERS duplicates_stage.h near_duplicates.h registration.h
  DEPS besom::images)
