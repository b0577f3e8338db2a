#include "pipeline/store/task_notes.h"

#include <fmt/format.h>

#include <utility>

namespace besom {
namespace {

std::string TextOf(const TaskNote& note) {
  Json json = {{"run", note.run}, {"holder", note.holder}};
  if (note.outcome) json["outcome"] = *note.outcome;
  return CanonicalText(json);
}

TaskNote NoteOf(int number, const std::string& text) {
  TaskNote note;
  note.number = number;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return note;
  const auto word = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string();
  };
  note.run = word("run");
  note.holder = word("holder");
  if (const auto found = json.find("outcome"); found != json.end())
    note.outcome = *found;
  return note;
}

}  // namespace

Path TaskNotes::FileOf(const Digest& key, int number) const {
  return folder_ / fmt::format("{}.{}", key.Hex(), number);
}

Result<TaskNote> TaskNotes::Last(const Digest& key) {
  int& seen = seen_[key.Hex()];
  while (StatFile(FileOf(key, seen + 1)).ok()) ++seen;
  if (seen == 0) return TaskNote{};
  BESOM_ASSIGN_OR_RETURN(const std::string text, ReadFile(FileOf(key, seen)));
  return NoteOf(seen, text);
}

Result<bool> TaskNotes::Add(const Digest& key, int after,
                            const TaskNote& note) {
  return MakeFileOnce(FileOf(key, after + 1), TextOf(note));
}

Status TaskNotes::Replace(const Digest& key, const TaskNote& note) {
  return WriteFileAtomic(FileOf(key, note.number), TextOf(note));
}

}  // namespace besom
