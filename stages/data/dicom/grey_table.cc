#include "stages/data/dicom/grey_table.h"

#include <algorithm>
#include <cmath>

#include "stages/data/decode_formats.h"

namespace besom::stages {
namespace {

int LargestOf(int bits) { return (1 << bits) - 1; }

double EntryFor(const DicomLut& lut, double input) {
  const double last = static_cast<double>(lut.entries.size() - 1);
  const double index =
      std::clamp(std::floor(input + 0.5) - lut.first, 0.0, last);
  return lut.entries[static_cast<std::size_t>(index)];
}

/// The output, 0 to 1, of a window for a value (PS3.3, C.11.2.1.2.1,
/// C.11.2.1.3.1 and C.11.2.1.3.2).
double WindowOutput(const DicomWindow& window, double value) {
  switch (window.shape) {
    case WindowShape::kSigmoid:
      return 1 / (1 + std::exp(-4 * (value - window.center) / window.width));
    case WindowShape::kLinearExact:
      return std::clamp((value - window.center) / window.width + 0.5, 0.0, 1.0);
    default: {
      const double center = window.center - 0.5;
      const double width = window.width - 1;
      if (width == 0) return value <= center ? 0 : 1;
      return std::clamp((value - center) / width + 0.5, 0.0, 1.0);
    }
  }
}

Status CheckWindow(const DicomWindow& window) {
  const bool linear = window.shape == WindowShape::kLinear;
  if (std::isfinite(window.center) && std::isfinite(window.width) &&
      (linear ? window.width >= 1 : window.width > 0))
    return Status::Ok();
  return BadImage("a DICOM window without a width");
}

class TableMaker {
 public:
  explicit TableMaker(const GreyTransform& transform)
      : transform_(transform), numbers_(LargestOf(transform.bits)) {}

  GreyTable Run() {
    GreyTable table;
    if (!transform_.interest && !transform_.window)
      table.white = std::max(WhiteOfModality(), 255);
    table.levels.reserve(static_cast<std::size_t>(numbers_) + 1);
    for (int bits = 0; bits <= numbers_; ++bits) {
      const int level = LevelOf(bits, table.white);
      table.levels.push_back(static_cast<std::uint16_t>(
          transform_.inverted ? table.white - level : level));
    }
    return table;
  }

 private:
  int StoredNumber(int bits) const {
    const bool negative = transform_.is_signed && bits > numbers_ / 2;
    return negative ? bits - numbers_ - 1 : bits;
  }

  /// Most steps between the modality's least and largest output.
  int WhiteOfModality() const {
    return transform_.modality ? LargestOf(transform_.modality->bits)
                               : numbers_;
  }

  double ModalityOutput(int number) const {
    if (transform_.modality) return EntryFor(*transform_.modality, number);
    return transform_.slope * number + transform_.intercept;
  }

  int LevelOf(int bits, int white) const {
    const int number = StoredNumber(bits);
    double output = 0;  // 0 to 1.
    if (transform_.interest) {
      output = EntryFor(*transform_.interest, ModalityOutput(number)) /
               LargestOf(transform_.interest->bits);
    } else if (transform_.window) {
      output = WindowOutput(*transform_.window, ModalityOutput(number));
    } else if (transform_.modality) {
      output = ModalityOutput(number) / WhiteOfModality();
    } else {  // Only the slope's sign counts between least and largest.
      const int least = transform_.is_signed ? -(numbers_ / 2) - 1 : 0;
      const double share = static_cast<double>(number - least) / numbers_;
      output = transform_.slope > 0 ? share : 1 - share;
    }
    return std::clamp(static_cast<int>(std::lround(output * white)), 0, white);
  }

  const GreyTransform& transform_;
  const int numbers_;  ///< The largest that the stored bits can be.
};

}  // namespace

Result<GreyTable> MakeGreyTable(const GreyTransform& transform) {
  if (!std::isfinite(transform.slope) || !std::isfinite(transform.intercept) ||
      transform.slope == 0)
    return BadImage("a DICOM rescale slope of 0");
  if (transform.window) BESOM_RETURN_IF_ERROR(CheckWindow(*transform.window));
  return TableMaker(transform).Run();
}

}  // namespace besom::stages
