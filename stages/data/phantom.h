#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "stages/data/image_table.h"

namespace besom::stages {

/// Goes into every generator; bump it when equal settings would give another
/// picture.
inline constexpr int kPhantomVersion = 1;

/// Least and most pixels a side.
inline constexpr int kSmallestPhantom = 32;
inline constexpr int kLargestPhantom = 1024;

/// Lists the images of a `phantom` source: procedural pictures that look like
/// chest radiographs, so that a sweep can run without a download. Three kinds:
/// `clear`, `consolidation` (one side, dense), `hazy` (both sides, peripheral,
/// faint).
///
/// Keys of `source` (all but `name` have defaults): `images` (total, 240),
/// `images_per_patient` (3), `size` (side in pixels, 32..1024, 256),
/// `difficulty` (0..1, 0.5: how faint the findings are), `seed` (0), `labels`
/// (kind -> class, or null to draw none of that kind; needed unless `classes`
/// names the kinds themselves), `marker` (kind -> share of its images, 0..1,
/// that carry a small letter on a dark plate in the lower right corner; none),
/// `patients`, `use`, `overlap`.
///
/// Patient p shows one kind, the used kinds in turn; all images of a patient
/// share the anatomy and differ in pose and exposure. Image i is a pure
/// function of (seed, size, difficulty, kind, patient, view), and of whether it
/// carries that letter, which is drawn by (seed, patient, view): all other
/// pixels stay as they are without it. `generator` holds these and the version;
/// `content` is the digest of `generator`. Paths are `patient007/view2.png`.
/// `external` is false: the caller sets it.
///
/// kInvalid for an ill-typed or out-of-range key, or a kind without a class.
Result<std::vector<ScanEntry>> ScanPhantom(
    const Json& source, const std::vector<std::string>& classes);

/// Draws the picture of ScanEntry::generator: 8-bit grey, `*height` rows of
/// `*width` bytes, top to bottom. The same bytes on every run, thread and
/// machine (only IEEE-exact arithmetic is used). Any thread.
/// kInvalid when `generator` is not one of this version.
Result<std::vector<std::uint8_t>> RenderPhantom(const Json& generator,
                                                int* width, int* height);

/// Writes all pictures of `source` as grey PNG files in the layout of the
/// Kaggle set "Chest X-Ray Images": `folder/CLASS/patient007_view2.png` (group
/// pattern `^(patient\d+)_`), for samples and tests. Returns their number.
Result<int> WritePhantomFolder(const Json& source,
                               const std::vector<std::string>& classes,
                               const Path& folder);

}  // namespace besom::stages
