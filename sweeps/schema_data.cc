#include <string>
#include <vector>

#include "sweeps/form.h"
#include "sweeps/schema.h"

namespace besom::sweeps {
namespace {

const std::vector<std::string> kTables = {"metadata_csv", "csv"};
const std::vector<std::string> kDicom = {"dicom_folder"};
const std::vector<std::string> kRows = {"metadata_csv", "csv", "dicom_folder"};
const std::vector<std::string> kFiles = {"metadata_csv", "image_folder", "csv",
                                         "dicom_folder"};
const std::vector<std::string> kPhantom = {"phantom"};

/// Keys of one element of `ingest.sources` or `evaluate.external`.
std::vector<Key> SourceKeys(const std::string& list) {
  const std::string at = list + "[].";
  Form labels = TableOf({Text()});
  labels.null_allowed = true;
  return {
      {at + "name", {Text()}, {}, "", "Name of the source; unique."},
      {at + "format",
       {Words(
           {"metadata_csv", "image_folder", "csv", "dicom_folder", "phantom"},
           {"idx"})},
       {},
       "",
       "How its images and labels are stored."},
      {at + "path",
       {PathEnding("")},
       {},
       "",
       "Its folder (csv: the CSV file).",
       kFiles},
      {at + "image_folder",
       {Text()},
       "",
       "",
       "Folder of the images; relative to the source's (csv: to the file's).",
       kTables},
      {at + "image_column",
       {Text()},
       "filename",
       "",
       "Column that holds the file's name; of dicom_folder: its path, its name "
       "where unique, or its SOPInstanceUID.",
       kRows},
      {at + "where",
       {TableOf({OneOrMore({Text()})})},
       Json::object(),
       "",
       "Column (dicom_folder: tag) -> pattern (`*`, `?`) or list of them; all "
       "must match.",
       kRows},
      {at + "label", {Text()}, "", "", "Class of all its images.", kFiles},
      {at + "label_column",
       {Text()},
       "",
       "",
       "Column that holds the label.",
       kRows},
      {at + "label_tag",
       {Text()},
       "",
       "",
       "DICOM tag that holds the label: its keyword, or (gggg,eeee).",
       kDicom},
      {at + "table",
       {PathEnding("")},
       "",
       "",
       "CSV file that names the images' labels or patients.",
       kDicom},
      {at + "labels",
       {labels},
       Json::object(),
       "",
       "Label found -> class; null leaves those images out. image_folder: the "
       "folder's name is the label; phantom: clear, consolidation, hazy."},
      {at + "group_column",
       {Text()},
       "",
       "",
       "Column that holds the patient.",
       kRows},
      {at + "group_tag",
       {Text()},
       "PatientID",
       "",
       "DICOM tag that tells the patient, where neither group_column nor "
       "group_pattern is given; empty: none.",
       kDicom},
      {at + "store_patient_ids",
       {Boolean()},
       false,
       "",
       "Whether what group_tag holds is stored as it is; else a digest of it.",
       kDicom},
      {at + "group_pattern",
       {Text()},
       "",
       "",
       "Regular expression (RE2) on the file name; the first capture group "
       "that matched is the patient.",
       kFiles},
      {at + "group_unmatched",
       {Words({"error", "own"})},
       "error",
       "",
       "A name that the pattern does not match: an error, or a group of its "
       "own.",
       kFiles},
      {at + "patients",
       {Text()},
       "",
       "",
       "Id space of its groups; equal names share ids. Empty: the source's "
       "name."},
      {at + "images",
       {Integer(3, 1e6)},
       240,
       "images",
       "How many are drawn in all.",
       kPhantom},
      {at + "images_per_patient",
       {Integer(1, 1000)},
       3,
       "images",
       "Images of one patient.",
       kPhantom},
      {at + "size",
       {Integer(32, 1024)},
       256,
       "pixels",
       "Side of an image.",
       kPhantom},
      {at + "difficulty",
       {Number(0, 1)},
       0.5,
       "",
       "How faint the findings are.",
       kPhantom},
      {at + "seed", {Integer(0)}, 0, "", "Which phantoms are drawn.", kPhantom},
      {at + "marker",
       {TableOf({Number(0, 1)})},
       Json::object(),
       "shares of images",
       "Kind -> share of its images that carry a small letter on a dark plate "
       "in the lower right corner: a shortcut to try the audit with.",
       kPhantom},
  };
}

void Append(std::vector<Key>& keys, std::vector<Key> more) {
  for (Key& key : more) keys.push_back(std::move(key));
}

std::vector<Key> SplitKeys() {
  return {
      {"split.test",
       {NumberBelow(0, 1)},
       0.2,
       "share of all images",
       "Test set."},
      {"split.validation",
       {NumberBelow(0, 1)},
       0.2,
       "share of all images",
       "Validation set; 0 = none: the last epoch is taken."},
      {"split.stratify",
       {Boolean()},
       true,
       "",
       "Equal class shares in all parts."},
      {"split.group",
       {Boolean()},
       true,
       "",
       "Images of one patient stay together."},
      {"split.folds",
       {Integer(1, 1000)},
       1,
       "",
       "Cross-validation; with a test set, folds are of validation."},
      {"split.repeats",
       {Integer(1, 1000)},
       1,
       "",
       "Splits drawn anew; a trial has repeats x folds fits."},
      {"split.file",
       {PathEnding("")},
       "",
       "",
       "CSV `image,split[,fold]` that gives the split."},
  };
}

std::vector<Key> AugmentKeys() {
  return {
      {"augment.views",
       {Integer(0, 10000)},
       5,
       "views an image",
       "Augmented views; 0 = train on the plain image."},
      {"augment.rotation",
       {Number(0, 180)},
       0.0,
       "± degrees",
       "Rotation about the centre."},
      {"augment.shift",
       {Number(0, 1)},
       0.0,
       "± share of the side",
       "Shift along both axes."},
      {"augment.zoom",
       {NumberBelow(0, 1)},
       0.0,
       "± share",
       "Scale between 1 - zoom and 1 + zoom."},
      {"augment.horizontal_flip", {Boolean()}, false, "", "Mirror half."},
      {"augment.brightness",
       {Number(0, 1)},
       0.0,
       "± share of full scale",
       "Added to every pixel."},
      {"augment.contrast",
       {Number(0, 1)},
       0.0,
       "± share",
       "Factor about the mean."},
      {"augment.fill",
       {Words({"nearest", "black", "reflect"})},
       "nearest",
       "",
       "What comes in from outside."},
  };
}

}  // namespace

std::vector<Key> ExternalKeys() {
  std::vector<Key> keys = SourceKeys("evaluate.external");
  keys.push_back({"evaluate.external[].overlap",
                  {Words({"exclude", "keep", "error"})},
                  "exclude",
                  "",
                  "Images whose patient or duplicate was trained or validated "
                  "on."});
  return keys;
}

std::vector<Key> DataKeys() {
  std::vector<Key> keys = {
      {"name",
       {Text()},
       {},
       "",
       "Name of the sweep: letters, digits, `.`, `_`, `-`."},
      {"seed", {Integer(0)}, 20200330, "", "Splits, views, order of batches."},
      {"ingest.classes",
       {ListOf({Text()}, 2)},
       {},
       "",
       "Order of rows and columns of every confusion matrix."},
      {"ingest.image_size",
       {Words({"auto"}), Integer(32, 2048)},
       "auto",
       "pixels",
       "Side of the network's input; auto = each weights' own."},
      {"ingest.resize",
       {Words({"stretch", "crop", "pad"})},
       "stretch",
       "",
       "How an image becomes a square; crop = centre, as torchvision."},
      {"ingest.interpolation",
       {Words({"bilinear", "bicubic"})},
       "bilinear",
       "",
       "Antialiased."},
      {"ingest.bit_depth_range",
       {Words({"full", "percentile"})},
       "full",
       "",
       "How 16-bit images become 8-bit."},
      {"ingest.limit_per_class",
       {Integer(0)},
       0,
       "images",
       "At most so many a class, whole groups in seeded order; 0 = all."},
      {"ingest.duplicates",
       {Words({"group", "drop", "error"})},
       "group",
       "",
       "Equal images and near-duplicates: kept on one side, only one kept, or "
       "refused."},
      {"ingest.on_bad_image",
       {Words({"skip", "fail"})},
       "skip",
       "",
       "skip = recorded and reported."},
      {"ingest.sources",
       {ListOf({SectionForm()}, 1)},
       {},
       "",
       "Where images come from."},
  };
  Append(keys, SourceKeys("ingest.sources"));
  keys.push_back({"ingest.sources[].use",
                  {Words({"auto", "train", "validation", "test"})},
                  "auto",
                  "",
                  "Part that all its images belong to."});
  Append(keys, SplitKeys());
  Append(keys, AugmentKeys());
  return keys;
}

}  // namespace besom::sweeps
