#pragma once

#include <optional>
#include <string_view>

#include "pipeline/base/json.h"
#include "sweeps/schema.h"
#include "sweeps/yaml_reader.h"

namespace besom::sweeps {

/// Reads a scalar as one form; none when it does not fit (or for kPath, kList,
/// kTable and kSection, which need more than the text). A quoted scalar is a
/// text and never a number or a boolean. A word that is not built is none.
std::optional<Json> ParseScalar(const Form& form, const YamlNode& node);

/// A number as YAML 1.2 and people write it (`1e-3`, `.5`, `+2`); none for
/// anything else, for infinities and NaN.
std::optional<double> ParseNumber(std::string_view text);

/// A whole number without leading zeros (they would mean octal in YAML 1.1);
/// `1e3` and `8.0` are whole numbers too.
std::optional<std::int64_t> ParseInteger(std::string_view text);

/// True when `value` is within the form's range.
bool InRange(const Form& form, double value);

}  // namespace besom::sweeps
