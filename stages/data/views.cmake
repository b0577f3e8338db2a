# Pictures without a download, the split, views of images.
besom_add_library(views LAYER 2
  SOURCES bitmap_font.cc phantom_anatomy.cc phantom_render.cc phantom_scan.cc
          phantom_spec.cc phantom_tissue.cc png_writer.cc
  HEADERS bitmap_font.h phantom.h phantom_anatomy.h phantom_spec.h
          phantom_tissue.h png_writer.h
  DEPS besom::base
  PRIVATE_DEPS PNG::PNG)
