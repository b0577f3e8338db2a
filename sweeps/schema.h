#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/json.h"

namespace besom::sweeps {

/// A word that a key may hold. Documented words that are not built yet are
/// refused by name, never ignored.
struct Word {
  std::string name;
  bool built = true;
};

/// One form that a key's value may take.
struct Form {
  enum class Kind {
    kBoolean,  ///< Canonical: a JSON boolean.
    kInteger,  ///< Canonical: a JSON integer.
    kNumber,   ///< Canonical: a JSON double, also for `0`.
    kWord,     ///< One of `words`.
    kText,     ///< Any text.
    kDotted,   ///< A name with a dot: letters, digits, '.', '_', '-'.
    kPath,     ///< A path; canonical: absolute, lexically normal.
    kPercent,  ///< "10%"; canonical: the text.
    kList,     ///< A list of `of`.
    kTable,    ///< A map from free names to `of`.
    kSection,  ///< A map whose keys are the schema's keys below this one.
  };
  Kind kind = Kind::kText;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;   ///< `min` itself is not allowed.
  bool below_max = false;   ///< `max` itself is not allowed.
  std::vector<Word> words;  ///< kWord.
  std::string suffix;       ///< kPath: how the file's name must end.
  std::vector<Form> of;     ///< kList, kTable: what an element may be.
  std::size_t least = 0;    ///< kList: fewest elements.
  std::size_t most = std::numeric_limits<std::size_t>::max();
  bool one_is_list = false;   ///< kList: a single element stands for a list.
  bool null_allowed = false;  ///< kTable: an element may be null.
};

/// One documented key of the YAML.
struct Key {
  /// Dotted; "[]" stands for an element of a list: "ingest.sources[].path".
  std::string path;
  std::vector<Form> forms;       ///< Tried in order.
  std::optional<Json> fallback;  ///< Canonical default; none = must be given.
  std::string unit;              ///< For people; may be empty.
  std::string doc;               ///< One line.
  /// Where the section has a key `format` or `type`: the words of it that this
  /// key belongs to; empty = all.
  std::vector<std::string> formats;

  /// The last word of `path`.
  std::string name() const;
};

/// The table of every documented key. Immutable; any thread.
class Schema {
 public:
  /// Keys in the order of the documentation.
  explicit Schema(std::vector<Key> keys);

  const std::vector<Key>& keys() const { return keys_; }
  /// Null when there is no such key.
  const Key* Find(const std::string& path) const;
  /// True for a path that has keys below it ("train", "ingest.sources[]").
  bool IsSection(const std::string& path) const;
  /// Names of keys and sections directly below `section` ("" = the top).
  std::vector<std::string> Children(const std::string& section) const;
  /// Full paths that `name` may stand for: the path itself if it is a key or
  /// section, else every key or section whose last word it is, without
  /// elements of lists, and those below a key only where there is no other.
  /// `resources.precision` stands for `model.precision`.
  std::vector<std::string> Resolve(const std::string& name) const;
  /// True when an axis may vary `path`: seed, and all of ingest, split,
  /// augment, model, train and evaluate outside lists.
  bool IsAxisPath(const std::string& path) const;

 private:
  std::vector<Key> keys_;
  std::vector<std::string> sections_;
};

/// The schema of sweep YAML, made once.
const Schema& SweepSchema();

/// What a form allows, for people: "a whole number >= 1", "true | false".
std::string DescribeForm(const Form& form);
std::string DescribeForms(const std::vector<Form>& forms);
/// The same without what is not built yet.
std::string DescribeBuilt(const std::vector<Form>& forms);

/// The settings table of SWEEP_YAML.md, in Markdown.
std::string SettingsTable(const Schema& schema);

// The parts of the table, one file each.
std::vector<Key> DataKeys();      ///< name, seed, ingest, split, augment.
std::vector<Key> ModelKeys();     ///< model, train, evaluate.
std::vector<Key> TrainKeys();     ///< train.
std::vector<Key> SearchKeys();    ///< method to slurm.
std::vector<Key> ExternalKeys();  ///< Elements of evaluate.external.

}  // namespace besom::sweeps
