#include "sweeps/section_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "sweeps/scalar.h"

namespace besom::sweeps {
namespace {

using Kind = Form::Kind;

const Form* FindForm(const std::vector<Form>& forms, Kind kind) {
  for (const Form& form : forms)
    if (form.kind == kind) return &form;
  return nullptr;
}

/// "ingest.sources[]" reads as "ingest.sources" in a message.
std::string Shown(std::string path) {
  for (std::size_t at = path.find("[]"); at != std::string::npos;
       at = path.find("[]"))
    path.erase(at, 2);
  return path;
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool BelongsTo(const Key* key, const std::string& format) {
  return key == nullptr || key->formats.empty() || format.empty() ||
         Has(key->formats, format);
}

std::vector<std::string> BuiltWords(const std::vector<Form>& forms) {
  std::vector<std::string> words;
  for (const Form& form : forms)
    for (const Word& word : form.words)
      if (word.built) words.push_back(word.name);
  return words;
}

/// The `format` of a source, or the `type` of another section; empty when it
/// has none that is known.
std::string FormatOf(const Schema& schema, const std::string& section,
                     const YamlNode* node) {
  for (const char* name : {"format", "type"}) {
    const Key* key = schema.Find(section + "." + name);
    const YamlNode* value = node == nullptr ? nullptr : node->Find(name);
    if (key != nullptr && value != nullptr &&
        Has(WordsOf(key->forms), value->text))
      return value->text;
  }
  return "";
}

/// A map that says no more than its `type` as the word that stands for it, so
/// that both are one value.
Json Shortened(const Schema& schema, const std::string& section, Json map) {
  const auto type = map.find("type");
  if (type == map.end()) return map;
  for (const auto& [name, value] : map.items())
    if (name != "type" && value != schema.Find(section + "." + name)->fallback)
      return map;
  return *type;
}

}  // namespace

/// What is being read: a key, or an element of a key's list or table.
struct SectionReader::Slot {
  std::string path;  ///< Of the schema.
  std::string name;  ///< For messages.
  const std::vector<Form>& forms;
};

std::vector<std::string> WordsOf(const std::vector<Form>& forms) {
  std::vector<std::string> words;
  for (const Form& form : forms) {
    for (const Word& word : form.words) words.push_back(word.name);
    for (std::string& word : WordsOf(form.of)) words.push_back(std::move(word));
  }
  return words;
}

bool FitsKey(const Key& key, const Json& number) {
  for (const Form& form : key.forms) {
    if (form.kind == Kind::kInteger && number.is_number_integer())
      if (InRange(form, number.get<double>())) return true;
    if (form.kind == Kind::kNumber && number.is_number())
      if (InRange(form, number.get<double>())) return true;
  }
  return false;
}

Json SectionReader::ReadSection(const std::string& section,
                                const YamlNode* node, const Place& place) {
  Json result = Json::object();
  if (node != nullptr && !node->is_map() && !node->is_null()) {
    findings_.Add(node->place,
                  fmt::format("`{}` must be a map of keys, not {}",
                              Shown(section), node->Describe()),
                  "keys: " + JoinNames(schema_.Children(section)));
    return result;
  }
  const bool empty = node == nullptr || node->is_null();
  const Place& here = empty ? place : node->place;
  const std::string format = FormatOf(schema_, section, node);
  if (!empty) CheckNames(section, *node, format);
  for (const std::string& name : schema_.Children(section)) {
    const std::string path = section.empty() ? name : section + "." + name;
    if (!BelongsTo(schema_.Find(path), format)) continue;
    const YamlNode* value = empty ? nullptr : node->Find(name);
    if (value == nullptr) {
      Json fallback = Default(path, here);
      if (!fallback.is_null()) result[name] = std::move(fallback);
    } else if (auto read = ReadPath(path, *value); read.has_value()) {
      result[name] = *std::move(read);
    }
  }
  return result;
}

std::optional<Json> SectionReader::ReadPath(const std::string& path,
                                            const YamlNode& node) {
  const Key* key = schema_.Find(path);
  if (key == nullptr) return ReadSection(path, &node, node.place);
  return ReadForms({path, Shown(path), key->forms}, node);
}

Json SectionReader::Default(const std::string& path, const Place& place) {
  const Key* key = schema_.Find(path);
  if (key == nullptr) return ReadSection(path, nullptr, place);
  if (key->fallback.has_value()) return *key->fallback;
  findings_.Add(
      place, fmt::format("`{}` is missing", Shown(path)),
      fmt::format("give {}: {}", key->name(), DescribeForms(key->forms)));
  return nullptr;
}

void SectionReader::CheckNames(const std::string& section, const YamlNode& node,
                               const std::string& format) {
  const std::vector<std::string> names = schema_.Children(section);
  for (const auto& [key_node, value] : node.entries) {
    if (!Has(names, key_node.text)) {
      ReportUnknown(section, key_node);
      continue;
    }
    const Key* key = schema_.Find(section + "." + key_node.text);
    if (BelongsTo(key, format)) continue;
    findings_.Add(
        key_node.place,
        fmt::format("`{}` is no key of the {} {}", key_node.text,
                    node.Find("format") != nullptr ? "format" : "type", format),
        "it belongs to: " + JoinNames(key->formats));
  }
}

void SectionReader::ReportUnknown(const std::string& section,
                                  const YamlNode& key) {
  const std::vector<std::string> names = schema_.Children(section);
  const std::string cause =
      section.empty()
          ? fmt::format("`{}` is no key of a sweep", key.text)
          : fmt::format("`{}` is no key of `{}`", key.text, Shown(section));
  std::string cure = DidYouMean(key.text, names);
  const std::vector<std::string> elsewhere = schema_.Resolve(key.text);
  if (cure.empty() && !elsewhere.empty())
    cure = fmt::format("it stands at `{}`", JoinNames(elsewhere));
  if (!cure.empty()) cure += " ";
  findings_.Add(key.place, cause, cure + "keys: " + JoinNames(names));
}

std::optional<Json> SectionReader::ReadForms(const Slot& slot,
                                             const YamlNode& node) {
  const Form* list = FindForm(slot.forms, Kind::kList);
  const Form* table = FindForm(slot.forms, Kind::kTable);
  const Form* section = FindForm(slot.forms, Kind::kSection);
  if (node.is_list() && list != nullptr) return ReadList(slot, *list, node);
  if (node.is_map() && table != nullptr) return ReadTable(slot, *table, node);
  if (node.is_map() && section != nullptr)
    return Shortened(schema_, slot.path,
                     ReadSection(slot.path, &node, node.place));
  return ReadScalar(slot, node);
}

std::optional<Json> SectionReader::ReadScalar(const Slot& slot,
                                              const YamlNode& node) {
  if (node.is_scalar()) {
    for (const Form& form : slot.forms) {
      std::optional<Json> value = TryForm(form, node);
      if (value.has_value()) return value;
    }
    const Form* list = FindForm(slot.forms, Kind::kList);
    if (list != nullptr && list->one_is_list) {
      YamlNode one;
      one.kind = YamlNode::Kind::kList;
      one.place = node.place;
      one.items.push_back(node);
      return ReadList(slot, *list, one);
    }
  }
  ReportMisfit(slot, node);
  return std::nullopt;
}

std::optional<Json> SectionReader::TryForm(const Form& form,
                                           const YamlNode& node) const {
  if (form.kind != Kind::kPath) return ParseScalar(form, node);
  if (node.text.empty() || !node.text.ends_with(form.suffix))
    return std::nullopt;
  return Json((folder_ / node.text).lexically_normal().string());
}

void SectionReader::ReportMisfit(const Slot& slot, const YamlNode& node) {
  const std::string wanted = DescribeBuilt(slot.forms);
  if (node.is_null()) {
    findings_.Add(node.place, fmt::format("`{}` has no value", slot.name),
                  "give " + wanted);
    return;
  }
  if (IsForLater(slot.forms, node)) {
    findings_.Add(
        node.place,
        fmt::format("`{}: {}` is not built yet", slot.name, node.text),
        "give " + wanted);
    return;
  }
  std::string hint;
  if (node.is_scalar()) hint = DidYouMean(node.text, BuiltWords(slot.forms));
  const Form* list = FindForm(slot.forms, Kind::kList);
  const bool element =
      list != nullptr && node.is_scalar() &&
      std::any_of(list->of.begin(), list->of.end(), [&](const Form& form) {
        return TryForm(form, node).has_value();
      });
  if (element) hint = fmt::format("write [{}];", node.text);
  if (hint.empty() && node.quoted) hint = "without quotes?";
  if (!hint.empty()) hint += " ";
  findings_.Add(node.place,
                fmt::format("`{}` cannot be {}", slot.name, node.Describe()),
                hint + "give " + wanted);
}

/// True for a documented word that is not built.
bool SectionReader::IsForLater(const std::vector<Form>& forms,
                               const YamlNode& node) {
  if (!node.is_scalar()) return false;
  for (const Form& form : forms)
    for (const Word& word : form.words)
      if (word.name == node.text) return true;
  return false;
}

std::optional<Json> SectionReader::ReadList(const Slot& slot, const Form& form,
                                            const YamlNode& node) {
  if (node.items.size() < form.least || node.items.size() > form.most) {
    const std::string wanted = form.least == form.most
                                   ? fmt::format("{}", form.least)
                                   : fmt::format("at least {}", form.least);
    findings_.Add(node.place,
                  fmt::format("`{}` has {} elements, {} are wanted", slot.name,
                              node.items.size(), wanted),
                  "give " + DescribeForm(form));
    return std::nullopt;
  }
  Json list = Json::array();
  bool whole = true;
  for (const YamlNode& item : node.items) {
    auto value = ReadForms(
        {slot.path + "[]", "an element of " + slot.name, form.of}, item);
    whole = whole && value.has_value();
    if (value.has_value()) list.push_back(*std::move(value));
  }
  if (!whole) return std::nullopt;
  return list;
}

std::optional<Json> SectionReader::ReadTable(const Slot& slot, const Form& form,
                                             const YamlNode& node) {
  Json table = Json::object();
  bool whole = true;
  for (const auto& [key, item] : node.entries) {
    if (item.is_null() && form.null_allowed) {
      table[key.text] = nullptr;
      continue;
    }
    auto value =
        ReadForms({slot.path, slot.name + "." + key.text, form.of}, item);
    whole = whole && value.has_value();
    if (value.has_value()) table[key.text] = *std::move(value);
  }
  if (!whole) return std::nullopt;
  return table;
}

}  // namespace besom::sweeps
