#pragma once

#include <dcmtk/dcmdata/dctk.h>

#include "pipeline/base/result.h"
#include "stages/data/dicom/grey_table.h"

namespace besom::stages {

/// Reads what makes grey levels of the stored numbers of `data`: ModalityLUT
/// or rescale, the first VOI LUT or the first window, MONOCHROME1 or an
/// inverse PresentationLUTShape (either inverts, both do so once).
/// kFailed with the reason as its cause when a table is damaged or a window's
/// function unknown.
Result<GreyTransform> ReadGreyTransform(DcmItem& data, int bits,
                                        bool is_signed);

}  // namespace besom::stages
