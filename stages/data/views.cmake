# Pictures without a download, the split, views of images.
besom_add_library(views LAYER 2
  SOURCES augment_stage.cc bitmap_font.cc canvas.cc contact_sheet.cc phantom_anatomy.cc
          phantom_render.cc phantom_scan.cc phantom_spec.cc phantom_tissue.cc
          png_writer.cc split_assertions.cc split_assign.cc split_deal.cc
          split_duplicates.cc split_externals.cc split_file.cc
          split_given.cc split_groups.cc split_options.cc split_parts.cc
          split_receipt.cc split_stage.cc split_table.cc view.cc
          view_render.cc view_rows.cc
  HEADERS augment_stage.h bitmap_font.h canvas.h contact_sheet.h phantom.h
          phantom_anatomy.h phantom_spec.h phantom_tissue.h png_writer.h
          split_assertions.h split_assign.h split_deal.h split_duplicates.h
          split_externals.h split_file.h split_groups.h
          split_parts.h split_receipt.h split_stage.h split_table.h view.h
          view_rows.h
  DEPS besom::images besom::store
  PRIVATE_DEPS besom::csv PNG::PNG)
