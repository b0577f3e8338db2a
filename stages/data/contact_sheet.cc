#include "stages/data/contact_sheet.h"

#include <algorithm>
#include <cstddef>

#include "pipeline/base/check.h"
#include "stages/data/canvas.h"

namespace besom::stages {
namespace {

constexpr int kMargin = 6;
constexpr int kLetter = Canvas::kLetterWidth;
constexpr int kLine = Canvas::kLetterHeight + 2 * kMargin;
constexpr std::size_t kLongestCaption = 24;

int CaptionWidth(const std::vector<SheetRow>& rows) {
  std::size_t longest = 0;
  for (const SheetRow& row : rows)
    longest = std::max(longest, std::min(row.caption.size(), kLongestCaption));
  return static_cast<int>(longest) * kLetter;
}

}  // namespace

Result<std::string> ContactSheet(const std::vector<std::string>& columns,
                                 const std::vector<SheetRow>& rows, int tile) {
  BESOM_CHECK(tile >= 8, std::to_string(tile));
  const int left = CaptionWidth(rows) + 2 * kMargin;
  const int step = tile + kMargin;
  Canvas page(left + static_cast<int>(columns.size()) * step,
              kLine + static_cast<int>(rows.size()) * step + kMargin);
  for (std::size_t c = 0; c < columns.size(); ++c)
    page.Write(left + static_cast<int>(c) * step, kMargin,
               columns[c].substr(0, kLongestCaption));
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const int y = kLine + static_cast<int>(r) * step;
    page.Write(kMargin, y + tile / 2,
               rows[r].caption.substr(0, kLongestCaption));
    for (std::size_t c = 0; c < rows[r].tiles.size() && c < columns.size(); ++c)
      page.Draw(left + static_cast<int>(c) * step, y, tile, rows[r].tiles[c]);
  }
  return page.Encode();
}

}  // namespace besom::stages
