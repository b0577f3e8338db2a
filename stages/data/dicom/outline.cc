#include "stages/data/dicom/outline.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "stages/data/decode_formats.h"

namespace besom::stages {
namespace {

constexpr std::size_t kPreamble = 128;
constexpr std::string_view kMagic = "DICM";
constexpr std::uint32_t kUndefined = 0xFFFFFFFF;
/// Far beyond any image; DCMTK recurses once a level.
constexpr std::size_t kMaxDepth = 32;
/// DCMTK keeps an object of some 200 bytes for each.
constexpr std::size_t kMaxElements = 200'000;

constexpr std::uint32_t kTransferSyntax = 0x00020010;
constexpr std::uint32_t kPixelData = 0x7FE00010;
constexpr std::uint32_t kItem = 0xFFFEE000;
constexpr std::uint32_t kItemEnd = 0xFFFEE00D;
constexpr std::uint32_t kSequenceEnd = 0xFFFEE0DD;

constexpr std::string_view kImplicitLittle = "1.2.840.10008.1.2";
constexpr std::string_view kExplicitBig = "1.2.840.10008.1.2.2";
constexpr std::string_view kDeflated = "1.2.840.10008.1.2.1.99";

/// Value representations whose length takes two bytes (PS3.5, 7.1.2).
constexpr std::array<std::string_view, 21> kShortLengths = {
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO",
    "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"};

struct Encoding {
  bool big = false;
  bool implicit = false;
};

struct Element {
  std::uint32_t tag = 0;
  std::string_view representation;  ///< Empty when implicit, and for items.
  std::uint32_t length = 0;
  std::size_t value = 0;  ///< Offset of the value.
};

/// What is open around the current place.
struct Level {
  enum class Kind { kDataSet, kSequence, kItem, kFragments };
  Kind kind = Kind::kDataSet;
  std::size_t end = 0;     ///< Its elements end there at the latest.
  bool delimited = false;  ///< They end with a delimiter.
  Encoding encoding;
};

class Walk {
 public:
  Walk(std::span<const std::byte> bytes, DicomDepth depth)
      : text_(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
        depth_(depth) {}

  Result<DicomOutline> Run() {
    at_ = kPreamble + kMagic.size();
    BESOM_RETURN_IF_ERROR(ReadMeta());
    Encoding encoding;
    encoding.implicit = outline_.transfer_syntax == kImplicitLittle;
    encoding.big = outline_.transfer_syntax == kExplicitBig;
    levels_.push_back(
        {Level::Kind::kDataSet, text_.size(), /*delimited=*/false, encoding});
    while (!done_) {
      if (at_ >= levels_.back().end && !levels_.back().delimited) {
        if (levels_.size() == 1) return BadImage("a DICOM file without pixels");
        levels_.pop_back();
        continue;
      }
      BESOM_RETURN_IF_ERROR(Step());
    }
    return outline_;
  }

 private:
  static Status CutOff() {
    return BadImage("damaged DICOM: the file is cut off");
  }
  static Status Damaged(std::string_view what) {
    return BadImage(fmt::format("damaged DICOM: {}", what));
  }

  std::uint32_t Number(std::size_t at, std::size_t bytes, bool big) const {
    std::uint32_t number = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      number = number << 8 | static_cast<unsigned char>(
                                 text_[at + (big ? i : bytes - 1 - i)]);
    return number;
  }

  std::uint32_t TagAt(std::size_t at, bool big) const {
    return Number(at, 2, big) << 16 | Number(at + 2, 2, big);
  }

  /// Reads tag, representation and length of the element at `at_`.
  Result<Element> ReadElement(const Encoding& encoding, std::size_t end) {
    if (++elements_ > kMaxElements)
      return BadImage(
          fmt::format("a DICOM file of more than {} elements", kMaxElements));
    Element element;
    if (at_ + 8 > end) return CutOff();
    element.tag = TagAt(at_, encoding.big);
    const bool item = element.tag >> 16 == kItem >> 16;
    if (item || encoding.implicit) {
      element.length = Number(at_ + 4, 4, encoding.big);
      element.value = at_ + 8;
      return element;
    }
    element.representation = text_.substr(at_ + 4, 2);
    for (const std::string_view known : kShortLengths)
      if (element.representation == known) {
        element.length = Number(at_ + 6, 2, encoding.big);
        element.value = at_ + 8;
        return element;
      }
    for (const char c : element.representation)
      if (c < 'A' || c > 'Z') return Damaged("an element without a type");
    if (at_ + 12 > end) return CutOff();
    element.length = Number(at_ + 8, 4, encoding.big);
    element.value = at_ + 12;
    return element;
  }

  Status ReadMeta() {
    const Encoding little;
    while (at_ + 8 <= text_.size() && TagAt(at_, false) >> 16 == 0x0002) {
      BESOM_ASSIGN_OR_RETURN(const Element element,
                             ReadElement(little, text_.size()));
      if (element.length > text_.size() - element.value) return CutOff();
      std::string_view value = text_.substr(element.value, element.length);
      while (value.ends_with('\0') || value.ends_with(' '))
        value.remove_suffix(1);
      if (element.tag == kTransferSyntax) outline_.transfer_syntax = value;
      at_ = element.value + element.length;
    }
    if (at_ + 8 > text_.size()) return CutOff();
    if (outline_.transfer_syntax.empty())
      return Damaged("its header names no transfer syntax");
    if (outline_.transfer_syntax == kDeflated)
      return BadImage("a deflated DICOM data set, which is not read");
    return Status::Ok();
  }

  Status Step() {
    const Level level = levels_.back();
    BESOM_ASSIGN_OR_RETURN(const Element element,
                           ReadElement(level.encoding, level.end));
    if (levels_.size() == 1 && element.tag == kPixelData) {
      outline_.header_end = at_;
      if (depth_ == DicomDepth::kHeader) {
        done_ = true;
        return Status::Ok();
      }
    }
    switch (level.kind) {
      case Level::Kind::kSequence:
        return StepSequence(level, element);
      case Level::Kind::kFragments:
        return StepFragments(level, element);
      default:
        return StepElement(level, element);
    }
  }

  Status StepSequence(const Level& level, const Element& element) {
    at_ = element.value;
    if (element.tag == kSequenceEnd && level.delimited) return Leave(element);
    if (element.tag != kItem) return Damaged("a sequence holds no item");
    return Enter(Level::Kind::kItem, level, element, level.encoding);
  }

  Status StepFragments(const Level& level, const Element& element) {
    at_ = element.value;
    if (element.tag == kSequenceEnd) {
      if (levels_.size() == 2 && outline_.header_end > 0) FinishPixels();
      return Leave(element);
    }
    if (element.tag != kItem || element.length == kUndefined)
      return Damaged("its fragments do not add up");
    if (element.length > level.end - at_) return CutOff();
    if (outline_.header_end > 0)
      outline_.fragments.push_back({at_, element.length});
    at_ += element.length;
    return Status::Ok();
  }

  Status StepElement(const Level& level, const Element& element) {
    at_ = element.value;
    if (element.tag == kItemEnd && level.kind == Level::Kind::kItem &&
        level.delimited)
      return Leave(element);
    if (element.tag >> 16 == kItem >> 16)
      return Damaged("an item outside of a sequence");
    if (element.length == kUndefined) return EnterUndefined(level, element);
    if (element.length > level.end - at_) return CutOff();
    if (outline_.header_end > 0) {  // PixelData itself: nothing else is met.
      outline_.pixel_bytes = element.length;
      at_ += element.length;
      FinishPixels();
      return Status::Ok();
    }
    // Without representations only the dictionary knows sequences; what begins
    // with an item is taken for one, as the library may do.
    const bool sequence = element.representation == "SQ" ||
                          (level.encoding.implicit && element.length >= 8 &&
                           TagAt(at_, level.encoding.big) == kItem);
    if (sequence)
      return Enter(Level::Kind::kSequence, level, element, level.encoding);
    at_ += element.length;
    return Status::Ok();
  }

  Status EnterUndefined(const Level& level, const Element& element) {
    if (outline_.header_end > 0) outline_.encapsulated = true;
    const bool sequence =
        level.encoding.implicit
            ? outline_.header_end == 0
            : element.representation == "SQ" || element.representation == "UN";
    Encoding encoding = level.encoding;
    // PS3.5, 6.2.2: a UN of undefined length is in implicit little endian.
    if (element.representation == "UN") encoding = {false, true};
    return Enter(sequence ? Level::Kind::kSequence : Level::Kind::kFragments,
                 level, element, encoding);
  }

  Status Enter(Level::Kind kind, const Level& outer, const Element& element,
               Encoding encoding) {
    if (levels_.size() >= kMaxDepth)
      return BadImage(fmt::format(
          "a DICOM file with sequences nested deeper than {}", kMaxDepth));
    const bool delimited = element.length == kUndefined;
    if (!delimited && element.length > outer.end - at_) return CutOff();
    levels_.push_back({kind, delimited ? outer.end : at_ + element.length,
                       delimited, encoding});
    return Status::Ok();
  }

  Status Leave(const Element& delimiter) {
    if (delimiter.length != 0) return Damaged("a delimiter with a length");
    levels_.pop_back();
    return Status::Ok();
  }

  void FinishPixels() {
    outline_.end = at_;
    done_ = true;
  }

  const std::string_view text_;
  const DicomDepth depth_;
  std::size_t at_ = 0;
  std::size_t elements_ = 0;
  bool done_ = false;
  std::vector<Level> levels_;
  DicomOutline outline_;
};

std::string_view TextOf(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool IsDicom(std::span<const std::byte> bytes) {
  const std::string_view text = TextOf(bytes);
  return text.size() >= kPreamble + kMagic.size() &&
         text.substr(kPreamble, kMagic.size()) == kMagic;
}

bool IsBareDicom(std::span<const std::byte> bytes) {
  // The identifying group 0008 (or a meta header, 0002) stands at the start,
  // in either byte order; its elements are below 0x0100.
  const std::string_view text = TextOf(bytes);
  if (text.size() < 8) return false;
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const bool little =
      (byte(0) == 8 || byte(0) == 2) && byte(1) == 0 && byte(3) == 0;
  const bool big =
      byte(0) == 0 && (byte(1) == 8 || byte(1) == 2) && byte(2) == 0;
  return little || big;
}

Result<DicomOutline> OutlineDicom(std::span<const std::byte> bytes,
                                  DicomDepth depth) {
  return Walk(bytes, depth).Run();
}

}  // namespace besom::stages
