#include "pipeline/cli/looking/mistake_sheet.h"

#include <fmt/format.h>

#include <algorithm>

namespace besom::cli {
namespace {

using stages::Canvas;

constexpr int kColumns = 5, kSide = 168, kMargin = 8;
constexpr int kLine = Canvas::kLetterHeight + 4, kLines = 3;
constexpr int kStepX = kSide + kMargin;
constexpr int kStepY = kSide + kLines * kLine + 2 * kMargin;
constexpr std::size_t kLetters = kSide / Canvas::kLetterWidth;

/// The end of a long name tells more than its beginning.
std::string Tail(const std::string& name) {
  return name.size() <= kLetters ? name : name.substr(name.size() - kLetters);
}

}  // namespace

Result<std::string> MistakeSheet(std::span<const Mistake> mistakes,
                                 const PixelsByContent& pixels) {
  const int count = static_cast<int>(mistakes.size());
  const int columns = std::clamp(count, 1, kColumns);
  const int rows = std::max(1, (count + columns - 1) / columns);
  Canvas page(columns * kStepX + kMargin, rows * kStepY + kMargin);
  if (count == 0) page.Write(kMargin, kMargin, "no mistakes");
  for (int i = 0; i < count; ++i) {
    const Mistake& mistake = mistakes[static_cast<std::size_t>(i)];
    const int x = kMargin + i % columns * kStepX;
    const int y = kMargin + i / columns * kStepY;
    const auto picture = pixels.find(mistake.content);
    page.Draw(x, y, kSide,
              picture == pixels.end() ? stages::SheetTile() : picture->second);
    const std::string lines[kLines] = {
        fmt::format("is {} {:.2f}", mistake.actual, mistake.actual_probability),
        fmt::format("said {} {:.2f}", mistake.predicted,
                    mistake.predicted_probability),
        Tail(mistake.image)};
    for (int line = 0; line < kLines; ++line)
      page.Write(x, y + kSide + 4 + line * kLine,
                 lines[line].substr(0, kLetters));
  }
  return page.Encode();
}

}  // namespace besom::cli
