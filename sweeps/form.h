#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "sweeps/schema.h"

namespace besom::sweeps {

// Short makers of Forms: the schema's tables read as tables.

Form Boolean();
/// A whole number in [min, max].
Form Integer(double min, double max = std::numeric_limits<double>::infinity());
/// A number in [min, max].
Form Number(double min = -std::numeric_limits<double>::infinity(),
            double max = std::numeric_limits<double>::infinity());
/// A number in (min, max].
Form NumberAboveTo(double min, double max);
/// A number in (min, max).
Form NumberBetween(double min, double max);
/// A number above `min`.
Form NumberAbove(double min);
/// A number in [min, max).
Form NumberBelow(double min, double max);
/// One of `built`, or of `later`: documented, not built yet.
Form Words(std::initializer_list<const char*> built,
           std::initializer_list<const char*> later = {});
Form Text();
/// A name of letters, digits, '_', '-' with a dot inside: "vgg16.keras".
Form DottedName();
/// A path whose name ends with `suffix`.
Form PathEnding(std::string suffix);
Form Percent();
Form ListOf(std::vector<Form> of, std::size_t least = 0);
/// A list that a single element may stand for.
Form OneOrMore(std::vector<Form> of);
Form TableOf(std::vector<Form> of);
Form SectionForm();

}  // namespace besom::sweeps
