#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "sweeps/parameters.h"
#include "sweeps/scalar.h"

namespace besom::sweeps {
namespace {

/// What `distribution` accepts beside the kinds of Axis.
const std::vector<std::string> kNames = {"constant",
                                         "categorical",
                                         "int_uniform",
                                         "uniform",
                                         "q_uniform",
                                         "log_uniform_values",
                                         "q_log_uniform_values",
                                         "inv_log_uniform_values",
                                         "normal",
                                         "q_normal",
                                         "log_normal",
                                         "q_log_normal"};

const std::vector<std::string> kKeys = {
    "values", "value", "distribution", "probabilities", "min",
    "max",    "q",     "mu",           "sigma",         "when"};

bool IsWholeKey(const Key& key) {
  for (const Form& form : key.forms)
    if (form.kind == Form::Kind::kNumber) return false;
  return true;
}

bool IsNumericKey(const Key* key) {
  if (key == nullptr) return false;
  for (const Form& form : key->forms)
    if (form.kind == Form::Kind::kNumber || form.kind == Form::Kind::kInteger)
      return true;
  return false;
}

/// Reads one axis.
class AxisReader {
 public:
  AxisReader(const YamlNode& node, const Key* key, SectionReader& reader,
             Axis& axis, Findings& findings)
      : node_(node),
        key_(key),
        reader_(reader),
        axis_(axis),
        findings_(findings),
        before_(findings.all().size()) {}

  bool Run() {
    if (node_.is_list())
      ReadValues(node_);
    else if (node_.is_map())
      ReadMap();
    else
      ReadConstant(node_);
    return findings_.all().size() == before_;
  }

 private:
  void Refuse(const YamlNode& at, std::string cause, std::string cure = "") {
    findings_.Add(at.place, std::move(cause), std::move(cure));
  }

  void ReadConstant(const YamlNode& value) {
    auto read = reader_.ReadPath(axis_.path, value);
    if (read.has_value()) axis_.values.push_back(*std::move(read));
  }

  void ReadValues(const YamlNode& list) {
    if (!list.is_list() || list.items.empty())
      return Refuse(list,
                    fmt::format("`values` of {} must be a list, not {}",
                                axis_.path, list.Describe()),
                    "values: [a, b]");
    for (const YamlNode& item : list.items) ReadConstant(item);
  }

  void ReadMap() {
    for (const auto& [name, value] : node_.entries) {
      if (std::find(kKeys.begin(), kKeys.end(), name.text) != kKeys.end())
        continue;
      std::string cure = DidYouMean(name.text, kKeys);
      if (!cure.empty()) cure += " ";
      Refuse(name, fmt::format("`{}` is no key of an axis", name.text),
             cure + "keys: " + JoinNames(kKeys) +
                 "; a map as a value: {value: {...}}");
    }
    if (const YamlNode* when = node_.Find("when")) {
      axis_.when = when->text;
      axis_.when_place = when->place;
      if (!when->is_scalar())
        Refuse(*when, "`when` must be an expression",
               "when: 'model.backbone in [vgg16]'");
    }
    const YamlNode* values = node_.Find("values");
    const YamlNode* value = node_.Find("value");
    if (values != nullptr && value != nullptr)
      return Refuse(*value, "`value` and `values` exclude each other",
                    "keep one of them");
    const std::string name = NameOfDistribution(values, value);
    if (name.empty()) return;
    if (name == "values" || name == "categorical" || name == "constant")
      return ReadFinite(name, values, value);
    if (values != nullptr || value != nullptr)
      return Refuse(node_, fmt::format("{} has no `values`", name),
                    "it has min and max, or mu and sigma");
    ReadNumbers(name);
  }

  std::string NameOfDistribution(const YamlNode* values,
                                 const YamlNode* value) {
    const YamlNode* name = node_.Find("distribution");
    if (name != nullptr) return CheckedName(*name);
    if (values != nullptr || value != nullptr) return "values";
    const YamlNode* min = node_.Find("min");
    const YamlNode* max = node_.Find("max");
    if (min == nullptr || max == nullptr) {
      Refuse(node_, fmt::format("the axis {} has no values", axis_.path),
             "values: [a, b], or {min: 0, max: 1}, or {distribution: ...}");
      return "";
    }
    const bool whole = LooksWhole(*min) && LooksWhole(*max);
    return whole ? "int_uniform" : "uniform";
  }

  /// `1` is a whole number here, `1.0` is not: that is how W&B tells.
  static bool LooksWhole(const YamlNode& node) {
    return ParseInteger(node.text).has_value() &&
           node.text.find_first_of(".eE") == std::string::npos;
  }

  std::string CheckedName(const YamlNode& name) {
    const bool bare = name.text == "log_uniform" ||
                      name.text == "q_log_uniform" ||
                      name.text == "inv_log_uniform";
    if (bare) {
      Refuse(name,
             fmt::format("`{}` takes exponents as min and max, which is easily "
                         "mistaken",
                         name.text),
             fmt::format("use `{}_values`: min and max are values", name.text));
      return "";
    }
    if (std::find(kNames.begin(), kNames.end(), name.text) != kNames.end())
      return name.text;
    std::string cure = DidYouMean(name.text, kNames);
    if (!cure.empty()) cure += " ";
    Refuse(name, fmt::format("there is no distribution {}", name.Describe()),
           cure + "distributions: " + JoinNames(kNames));
    return "";
  }

  void ReadFinite(const std::string& name, const YamlNode* values,
                  const YamlNode* value) {
    for (const char* other : {"min", "max", "q", "mu", "sigma"})
      if (const YamlNode* at = node_.Find(other))
        Refuse(*at, fmt::format("`{}` does not go with values", other),
               "remove it");
    const bool constant = name == "constant";
    if ((constant ? value : values) == nullptr && value == nullptr)
      return Refuse(node_, constant ? "constant wants `value`"
                                    : "categorical wants `values`");
    if (value != nullptr)
      ReadConstant(*value);
    else
      ReadValues(*values);
    if (const YamlNode* list = node_.Find("probabilities"))
      ReadProbabilities(*list);
  }

  void ReadProbabilities(const YamlNode& list) {
    for (const YamlNode& item : list.items) {
      const auto share = ParseNumber(item.text);
      if (!share.has_value() || *share < 0)
        return Refuse(item,
                      fmt::format("a probability is a number >= 0, not {}",
                                  item.Describe()));
      axis_.probabilities.push_back(*share);
    }
    const std::size_t wanted = node_.Find("values") == nullptr
                                   ? 1
                                   : node_.Find("values")->items.size();
    const double sum = std::accumulate(axis_.probabilities.begin(),
                                       axis_.probabilities.end(), 0.0);
    if (axis_.probabilities.size() != wanted || std::abs(sum - 1) > 1e-6)
      return Refuse(list,
                    fmt::format("`probabilities` must be {} numbers whose "
                                "sum is 1",
                                wanted));
    axis_.distribution = Distribution::kCategorical;
  }

  double ReadNumber(const char* name, std::optional<double> missing) {
    const YamlNode* node = node_.Find(name);
    if (node == nullptr && missing.has_value()) return *missing;
    if (node == nullptr) {
      Refuse(node_, fmt::format("`{}` is missing", name));
      return 0;
    }
    const auto number = node->quoted ? std::nullopt : ParseNumber(node->text);
    if (number.has_value()) return *number;
    Refuse(*node, fmt::format("`{}` must be a number, not {}", name,
                              node->Describe()));
    return 0;
  }

  void ReadNumbers(const std::string& name) {
    if (!IsNumericKey(key_))
      return Refuse(node_,
                    fmt::format("`{}` is no number to be drawn", axis_.path),
                    "list its `values`");
    for (const Distribution kind :
         {Distribution::kIntUniform, Distribution::kUniform,
          Distribution::kQUniform, Distribution::kLogUniformValues,
          Distribution::kQLogUniformValues, Distribution::kInvLogUniformValues,
          Distribution::kNormal, Distribution::kQNormal,
          Distribution::kLogNormal, Distribution::kQLogNormal})
      if (DistributionName(kind) == name) axis_.distribution = kind;
    axis_.integer = IsWholeKey(*key_);
    const bool normal = name.find("normal") != std::string::npos;
    const bool rounded = name.starts_with("q_");
    RefuseStrangers(normal, rounded);
    if (rounded) axis_.q = ReadNumber("q", 1.0);
    if (normal) {
      axis_.mu = ReadNumber("mu", 0.0);
      axis_.sigma = ReadNumber("sigma", 1.0);
    } else {
      axis_.min = ReadNumber("min", std::nullopt);
      axis_.max = ReadNumber("max", std::nullopt);
    }
    if (findings_.all().size() == before_) CheckNumbers(name, normal, rounded);
  }

  /// Keys that this distribution would ignore.
  void RefuseStrangers(bool normal, bool rounded) {
    std::vector<const char*> strangers = {"probabilities"};
    if (!rounded) strangers.push_back("q");
    for (const char* key : {"min", "max"})
      if (normal) strangers.push_back(key);
    for (const char* key : {"mu", "sigma"})
      if (!normal) strangers.push_back(key);
    for (const char* name : strangers)
      if (const YamlNode* at = node_.Find(name))
        Refuse(*at,
               fmt::format("`{}` does not go with {}", name,
                           DistributionName(axis_.distribution)),
               "remove it");
  }

  void CheckNumbers(const std::string& name, bool normal, bool rounded) {
    const bool whole = axis_.distribution == Distribution::kIntUniform;
    if (axis_.integer && !whole && !(rounded && axis_.q == std::floor(axis_.q)))
      return Refuse(node_,
                    fmt::format("`{}` is a whole number; {} draws fractions",
                                axis_.path, name),
                    "use int_uniform, or q_uniform with a whole q");
    if (rounded && !(axis_.q > 0)) return Refuse(node_, "`q` must be above 0");
    if (normal) {
      if (!(axis_.sigma > 0)) Refuse(node_, "`sigma` must be above 0");
      return;
    }
    const bool logarithmic = name.find("log") != std::string::npos;
    if (!(axis_.min < axis_.max))
      return Refuse(node_, "`min` must be below `max`");
    if (logarithmic && !(axis_.min > 0))
      return Refuse(node_, "`min` must be above 0: logarithms are drawn");
    for (const double end : {axis_.min, axis_.max})
      if (std::abs(end / (rounded ? axis_.q : 1)) > kLargestExact)
        return Refuse(node_, "the range is too wide to be drawn exactly",
                      "give a smaller range, or a larger `q`");
    if (whole && (axis_.min != std::floor(axis_.min) ||
                  axis_.max != std::floor(axis_.max)))
      return Refuse(node_, "int_uniform wants whole numbers",
                    "use uniform, or whole min and max");
    for (const double end : {axis_.min, axis_.max}) CheckEnd(end, rounded);
  }

  void CheckEnd(double end, bool rounded) {
    const bool whole = axis_.distribution == Distribution::kIntUniform;
    double value = rounded ? RoundTo(end, axis_.q) : end;
    // [min, max) may end where the key's own range ends.
    if (!rounded && !whole && end == axis_.max)
      value = std::nextafter(end, axis_.min);
    if (FitsKey(*key_, AxisNumber(value, axis_.integer))) return;
    const bool shorthand = whole && !axis_.integer;
    Refuse(node_, fmt::format("{} is out of range for `{}`", end, axis_.path),
           "it must be " + DescribeBuilt(key_->forms) +
               (shorthand ? "; write 1.0 instead of 1 to draw fractions" : ""));
  }

  const YamlNode& node_;
  const Key* key_;
  SectionReader& reader_;
  Axis& axis_;
  Findings& findings_;
  const std::size_t before_;
};

}  // namespace

bool ReadAxis(const YamlNode& node, const Key* key, SectionReader& reader,
              Axis& axis, Findings& findings) {
  return AxisReader(node, key, reader, axis, findings).Run();
}

}  // namespace besom::sweeps
