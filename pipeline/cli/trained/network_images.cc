#include "pipeline/cli/trained/network_images.h"

#include <span>

#include "pipeline/cli/trained/stored_pixels.h"
#include "pipeline/run/task_params.h"
#include "stages/data/decode.h"
#include "stages/data/resize.h"

namespace besom::cli {
namespace {

using stages::SheetTile;

Result<SheetTile> OfFile(const TrainedTrial& trial, const Path& path) {
  const Json& ingest = trial.config().at("ingest");
  stages::ResizeSettings resize{.size = trial.size};
  BESOM_ASSIGN_OR_RETURN(
      resize.mode,
      stages::ParseResizeMode(ingest.at("resize").get<std::string>()));
  BESOM_ASSIGN_OR_RETURN(resize.interpolation,
                         stages::ParseInterpolation(
                             ingest.at("interpolation").get<std::string>()));
  BESOM_ASSIGN_OR_RETURN(const stages::BitDepthRange range,
                         stages::ParseBitDepthRange(
                             ingest.at("bit_depth_range").get<std::string>()));
  BESOM_ASSIGN_OR_RETURN(const std::string file, ReadFile(path));
  BESOM_ASSIGN_OR_RETURN(
      const stages::DecodedImage image,
      stages::DecodeImage(std::as_bytes(std::span(file)), range,
                          stages::LeastSidesFor(resize)));
  return SheetTile{stages::ResizeImage(image, resize), trial.size,
                   image.channels};
}

Result<SheetTile> OfStore(const WorkspaceLayout& layout, db::Reader& reader,
                          const TrainedTrial& trial, const std::string& image) {
  BESOM_ASSIGN_OR_RETURN(
      const db::Table rows,
      reader.Query("SELECT content FROM images WHERE sweep = ? AND image = ? "
                   "AND content IS NOT NULL LIMIT 1",
                   {trial.record.sweep, image}));
  if (rows.rows.empty())
    return InvalidError(image, "is neither a file nor an image of the sweep",
                        "pass image files, or names that `besom mistakes` "
                        "prints");
  const std::string content = db::TextOf(rows.rows[0][0]);
  BESOM_ASSIGN_OR_RETURN(
      PixelsByContent pixels,
      LoadStoredPixels(
          layout, reader, trial.record.sweep,
          run::PixelSettings(trial.config().at("ingest"), trial.size),
          {content}));
  if (pixels.empty())
    return InvalidError(image, "its pixels are not in the store any more",
                        "pass the file itself");
  return std::move(pixels.begin()->second);
}

}  // namespace

std::vector<std::uint8_t> PlanesOf(const SheetTile& picture) {
  const std::size_t pixels =
      static_cast<std::size_t>(picture.size) * picture.size;
  std::vector<std::uint8_t> planes;
  planes.reserve(3 * pixels);
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (std::size_t i = 0; i < pixels; ++i)
      planes.push_back(picture.channels == 3 ? picture.pixels[3 * i + channel]
                                             : picture.pixels[i]);
  return planes;
}

Result<SheetTile> LoadNetworkImage(const WorkspaceLayout& layout,
                                   db::Reader& reader,
                                   const TrainedTrial& trial,
                                   const std::string& image) {
  std::error_code error;
  return std::filesystem::is_regular_file(image, error)
             ? OfFile(trial, image)
             : OfStore(layout, reader, trial, image);
}

}  // namespace besom::cli
