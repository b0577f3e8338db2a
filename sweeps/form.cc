#include "sweeps/form.h"

#include <fmt/format.h>

#include <cmath>

namespace besom::sweeps {
namespace {

std::string DescribeRange(const Form& form, const std::string& what) {
  const bool has_min = std::isfinite(form.min);
  const bool has_max = std::isfinite(form.max);
  if (has_min && has_max)
    return fmt::format("{} {}{}..{}{}", what, form.above_min ? "above " : "",
                       form.min, form.max, form.below_max ? " (excluded)" : "");
  if (has_min)
    return fmt::format("{} {} {}", what, form.above_min ? ">" : ">=", form.min);
  return what;
}

std::string DescribeWords(const Form& form) {
  std::string built;
  std::string later;
  for (const Word& word : form.words) {
    std::string& text = word.built ? built : later;
    if (!text.empty()) text += " | ";
    text += word.name;
  }
  if (later.empty()) return built;
  if (built.empty()) return later + " (not built yet)";
  return fmt::format("{} (not built yet: {})", built, later);
}

}  // namespace

std::string DescribeForm(const Form& form) {
  switch (form.kind) {
    case Form::Kind::kBoolean:
      return "true | false";
    case Form::Kind::kInteger:
      return DescribeRange(form, "a whole number");
    case Form::Kind::kNumber:
      return DescribeRange(form, "a number");
    case Form::Kind::kWord:
      return DescribeWords(form);
    case Form::Kind::kText:
      return "a text";
    case Form::Kind::kDotted:
      return "a name like vgg16.keras";
    case Form::Kind::kPath:
      return form.suffix.empty() ? "a path" : "a file *" + form.suffix;
    case Form::Kind::kPercent:
      return "a share like 10%";
    case Form::Kind::kList:
      return "a list of: " + DescribeForms(form.of);
    case Form::Kind::kTable:
      return fmt::format("a map from names to: {}{}", DescribeForms(form.of),
                         form.null_allowed ? " | null" : "");
    case Form::Kind::kSection:
      return "a map of its keys";
  }
  return "";
}

std::string DescribeForms(const std::vector<Form>& forms) {
  std::string text;
  for (const Form& form : forms) {
    if (!text.empty()) text += " | ";
    text += DescribeForm(form);
  }
  return text;
}

std::string DescribeBuilt(const std::vector<Form>& forms) {
  std::vector<Form> built;
  for (Form form : forms) {
    std::erase_if(form.words, [](const Word& word) { return !word.built; });
    const bool wordless = form.kind == Form::Kind::kWord && form.words.empty();
    if (!wordless) built.push_back(std::move(form));
  }
  return DescribeForms(built);
}

Form Boolean() { return {.kind = Form::Kind::kBoolean}; }

Form Integer(double min, double max) {
  return {.kind = Form::Kind::kInteger, .min = min, .max = max};
}

Form Number(double min, double max) {
  return {.kind = Form::Kind::kNumber, .min = min, .max = max};
}

Form NumberAbove(double min) {
  return {.kind = Form::Kind::kNumber, .min = min, .above_min = true};
}

Form NumberAboveTo(double min, double max) {
  return {
      .kind = Form::Kind::kNumber, .min = min, .max = max, .above_min = true};
}

Form NumberBetween(double min, double max) {
  return {.kind = Form::Kind::kNumber,
          .min = min,
          .max = max,
          .above_min = true,
          .below_max = true};
}

Form NumberBelow(double min, double max) {
  return {
      .kind = Form::Kind::kNumber, .min = min, .max = max, .below_max = true};
}

Form Words(std::initializer_list<const char*> built,
           std::initializer_list<const char*> later) {
  Form form{.kind = Form::Kind::kWord};
  for (const char* word : built) form.words.push_back({word, true});
  for (const char* word : later) form.words.push_back({word, false});
  return form;
}

Form Text() { return {.kind = Form::Kind::kText}; }

Form DottedName() { return {.kind = Form::Kind::kDotted}; }

Form PathEnding(std::string suffix) {
  return {.kind = Form::Kind::kPath, .suffix = std::move(suffix)};
}

Form Percent() { return {.kind = Form::Kind::kPercent}; }

Form ListOf(std::vector<Form> of, std::size_t least) {
  return {.kind = Form::Kind::kList, .of = std::move(of), .least = least};
}

Form OneOrMore(std::vector<Form> of) {
  Form form = ListOf(std::move(of), 1);
  form.one_is_list = true;
  return form;
}

Form TableOf(std::vector<Form> of) {
  return {.kind = Form::Kind::kTable, .of = std::move(of)};
}

Form SectionForm() { return {.kind = Form::Kind::kSection}; }

}  // namespace besom::sweeps
