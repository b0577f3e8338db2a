#include "pipeline/cli/machine/starter_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

#include "pipeline/base/json.h"

namespace besom::cli {
namespace {

std::string YamlList(const std::vector<std::string>& texts) {
  std::vector<std::string> scalars;
  for (const std::string& text : texts) scalars.push_back(YamlText(text));
  return fmt::format("[{}]", fmt::join(scalars, ", "));
}

std::string PathFrom(const Path& path, const Path& yaml_folder) {
  std::error_code error;
  const Path absolute = std::filesystem::absolute(path, error);
  const Path relative = absolute.lexically_relative(yaml_folder);
  return YamlText((relative.empty() ? absolute : relative).string());
}

/// The lines that tell patients apart, as indented keys of a source.
std::string GroupLines(const FolderLayout& layout) {
  if (layout.group_pattern.empty())
    return "      # Several images of one patient must stay on one side of the "
           "split. If the\n"
           "      # file names tell the patient, say how:\n"
           "      # group_pattern: '^(\\d+)_'\n";
  return fmt::format(
      "      # The file names look as if they begin with the patient; the "
      "images of one\n"
      "      # patient stay on one side of the split.\n"
      "      group_pattern: '{}'\n"
      "      group_unmatched: {}\n",
      layout.group_pattern, layout.all_names_match ? "error" : "own");
}

/// The source `source` of one class folder of DICOM images.
std::string DicomClassSource(const ClassFolders& part, const std::string& cls,
                             const std::string& source, const std::string& name,
                             const Path& yaml_folder) {
  return fmt::format(
      "    - name: {}\n"
      "      format: dicom_folder  # {} images\n"
      "      path: {}\n"
      "      label: {}\n"
      "      patients: {}  # PatientID means the same in all of these\n",
      source, part.images.at(cls), PathFrom(part.path / cls, yaml_folder),
      YamlText(cls), name);
}

std::string DicomTagSource(const FolderLayout& layout, const std::string& name,
                           const Path& yaml_folder) {
  std::vector<std::string> counts;
  for (const auto& [label, count] : layout.dicom_labels.images)
    counts.push_back(fmt::format("{} {}", count, YamlText(label)));
  return fmt::format(
      "    - name: {}\n"
      "      format: dicom_folder\n"
      "      path: {}\n"
      "      # Its values look like classes: {}.\n"
      "      # Another tag, or a CSV file (table: and label_column:), may be "
      "what you want.\n"
      "      label_tag: {}\n"
      "      # Patients are told apart by PatientID, of which a digest is "
      "stored.\n",
      name, PathFrom(layout.path, yaml_folder), fmt::join(counts, ", "),
      layout.dicom_labels.tag);
}

/// One element of a list of sources.
std::string FolderSource(const FolderLayout& layout, const ClassFolders& part,
                         const std::string& name, const Path& yaml_folder) {
  std::vector<std::string> counts;
  for (const auto& [folder, count] : part.images)
    counts.push_back(fmt::format("{} {}", count, folder));
  const bool alone = layout.parts.size() == 1;
  std::string text = fmt::format(
      "    - name: {}\n"
      "      format: image_folder  # images: {}\n"
      "      path: {}\n",
      alone ? name : SweepName(name + "-" + part.path.filename().string()),
      fmt::join(counts, ", "), PathFrom(part.path, yaml_folder));
  // Equal patients in several sources are the same people.
  if (!alone) text += fmt::format("      patients: {}\n", name);
  return text + GroupLines(layout);
}

/// The sources of a part; `last` ends each of them.
std::string PartSources(const FolderLayout& layout, const ClassFolders& part,
                        const std::string& name, const Path& yaml_folder,
                        const std::string& last) {
  if (!layout.dicom)
    return FolderSource(layout, part, name, yaml_folder) + last;
  const std::string use = part.use == "auto" ? "" : part.use + "-";
  std::string text;
  std::set<std::string> taken;
  for (const auto& [cls, images] : part.images) {
    std::string source = SweepName(fmt::format("{}-{}{}", name, use, cls));
    // Of names in other scripts little is left.
    if (!taken.insert(source).second)
      source += fmt::format("-{}", taken.size() + 1);
    taken.insert(source);
    text += DicomClassSource(part, cls, source, name, yaml_folder) + last;
  }
  return text;
}

/// A test part that shares patients with training is a set of its own, less
/// the images of those patients.
bool IsExternal(const FolderLayout& layout, const ClassFolders& part) {
  return layout.test_shares_patients && part.use == "test";
}

std::string FolderSources(const FolderLayout& layout, const std::string& name,
                          const Path& yaml_folder) {
  std::string text;
  for (const ClassFolders& part : layout.parts) {
    if (IsExternal(layout, part)) continue;
    text += PartSources(
        layout, part, name, yaml_folder,
        part.use == "auto" ? "" : fmt::format("      use: {}\n", part.use));
  }
  return text;
}

std::string ExternalSets(const FolderLayout& layout, const std::string& name,
                         const Path& yaml_folder) {
  std::string text;
  for (const ClassFolders& part : layout.parts) {
    if (!IsExternal(layout, part)) continue;
    text +=
        "evaluate:\n"
        "  # Patients of this folder have images in the others, too; here they "
        "are left\n"
        "  # out. Its numbers stand beside those of the drawn test images.\n"
        "  external:\n" +
        PartSources(layout, part, name, yaml_folder,
                    "      overlap: exclude\n");
  }
  return text;
}

std::string TableSource(const ImageTableFile& table, const std::string& name,
                        const Path& yaml_folder) {
  std::string text = fmt::format(
      "    - name: {}\n"
      "      format: csv\n"
      "      path: {}\n"
      "      image_column: {}\n",
      name, PathFrom(table.path, yaml_folder), YamlText(table.image_column));
  if (!table.image_folder.empty())
    text +=
        fmt::format("      image_folder: {}\n", YamlText(table.image_folder));
  text += fmt::format("      label_column: {}\n", YamlText(table.label_column));
  if (table.group_column.empty())
    return text +
           "      # Several images of one patient must stay on one side of "
           "the split:\n"
           "      # group_column: patient\n";
  return text +
         fmt::format("      group_column: {}\n", YamlText(table.group_column));
}

std::string SourcesOf(const FolderLayout& layout, const std::string& name,
                      const Path& yaml_folder) {
  if (!layout.table.empty())
    return TableSource(layout.table[0], name, yaml_folder);
  return layout.parts.empty() ? DicomTagSource(layout, name, yaml_folder)
                              : FolderSources(layout, name, yaml_folder);
}

/// Shares that are to be drawn; parts that the data set ships are not.
std::string SplitLine(const FolderLayout& layout) {
  double test = 0.2;
  double validation = 0.2;
  for (const ClassFolders& part : layout.parts) {
    if (part.use == "test" && !IsExternal(layout, part)) test = 0;
    if (part.use == "validation") validation = 0;
  }
  return fmt::format("split: {{test: {}, validation: {}}}\n", test, validation);
}

}  // namespace

std::string YamlText(std::string_view text) {
  static const std::set<std::string> kWords = {
      "true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  const auto plain = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '-' ||
                        c == '.' || c == '/');
  };
  const bool starts_plain =
      !text.empty() &&
      (std::isalpha(static_cast<unsigned char>(text[0])) != 0 ||
       text.substr(0, 2) == "./" || text.substr(0, 3) == "../" ||
       text[0] == '/');
  if (starts_plain && kWords.count(lower) == 0 &&
      std::all_of(text.begin(), text.end(), plain))
    return std::string(text);
  // A JSON string is a YAML scalar, too; `$${` is the sweep file's `${`.
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "${") escaped += '$';
    escaped += text[i];
  }
  return Json(escaped).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string SweepName(const Path& folder) {
  std::string name;
  for (const char c : folder.filename().string()) {
    const auto letter = static_cast<unsigned char>(c);
    if (letter < 0x80 && std::isalnum(letter) != 0)
      name += static_cast<char>(std::tolower(letter));
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  if (name.empty() || std::isalpha(static_cast<unsigned char>(name[0])) == 0)
    name.insert(0, name.empty() ? "sweep" : "sweep-");
  return name;
}

std::string StarterYaml(const FolderLayout& layout, const Path& yaml_folder) {
  std::error_code error;
  Path folder = std::filesystem::weakly_canonical(layout.path, error);
  const std::string name = SweepName(folder);
  const std::string sources = SourcesOf(layout, name, yaml_folder);
  return fmt::format(
      "# A first sweep over {} images of {} classes. Relative paths start at "
      "this file.\n"
      "name: {}\n"
      "seed: 1\n"
      "ingest:\n"
      "  classes: {}  # order of all tables\n"
      "  sources:\n"
      "{}"
      "{}"
      "augment: {{views: 5, rotation: 10}}  # views: 0 = no augmentation\n"
      "model:\n"
      "  backbone: efficientnet_lite0  # see `besom weights list`\n"
      "  head: [64]                    # hidden widths; [] = a linear probe\n"
      "  dropout: 0.5\n"
      "train: {{epochs: 25, batch_size: 8, learning_rate: 1.0e-3}}\n"
      "{}"
      "method: grid\n"
      "metric: {{name: balanced_accuracy, split: validation, goal: maximize}}\n"
      "parameters:  # every combination is a trial\n"
      "  model.head: {{values: [[32], [64], [128]]}}\n"
      "  model.dropout: {{values: [0.3, 0.5]}}\n",
      layout.Images(), layout.Classes().size(), name,
      YamlList(layout.Classes()), sources, SplitLine(layout),
      ExternalSets(layout, name, yaml_folder));
}

}  // namespace besom::cli
