#include "stages/data/phantom_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "stages/data/phantom.h"

namespace besom::stages {
namespace {

const Json* Member(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

Result<int> IntegerIn(const Json& object, const char* key, int low, int high) {
  const Json* value = Member(object, key);
  if (value == nullptr || !value->is_number_integer() || *value < low ||
      *value > high)
    return InvalidError(fmt::format("generator of a phantom, '{}'", key),
                        fmt::format("not an integer from {} to {}", low, high));
  return value->get<int>();
}

Result<PhantomKind> KindOf(const Json& generator) {
  const Json* value = Member(generator, "kind");
  const auto* const end = std::end(kPhantomKinds);
  const auto* const found =
      value != nullptr && value->is_string()
          ? std::find(std::begin(kPhantomKinds), end,
                      value->get_ref<const std::string&>())
          : end;
  if (found == end)
    return InvalidError("generator of a phantom, 'kind'",
                        "not one of clear, consolidation, hazy");
  return static_cast<PhantomKind>(found - std::begin(kPhantomKinds));
}

}  // namespace

Json GeneratorOf(const PhantomSpec& spec) {
  Json generator = {{"phantom", kPhantomVersion},
                    {"seed", spec.seed},
                    {"kind", kPhantomKinds[static_cast<int>(spec.kind)]},
                    {"patient", spec.patient},
                    {"view", spec.view},
                    {"size", spec.size},
                    {"difficulty", spec.difficulty}};
  if (spec.planted) generator["planted"] = true;
  return generator;
}

Result<PhantomSpec> PhantomSpecOf(const Json& generator) {
  if (!generator.is_object())
    return InvalidError("generator of a phantom", "not an object");
  const Json* version = Member(generator, "phantom");
  if (version == nullptr || *version != kPhantomVersion)
    return Status(
        StatusCode::kUnavailable, "generator of a phantom",
        fmt::format("this besom draws version {} only", kPhantomVersion));
  PhantomSpec spec;
  BESOM_ASSIGN_OR_RETURN(spec.kind, KindOf(generator));
  BESOM_ASSIGN_OR_RETURN(spec.patient,
                         IntegerIn(generator, "patient", 0, 1'000'000'000));
  BESOM_ASSIGN_OR_RETURN(spec.view,
                         IntegerIn(generator, "view", 0, 1'000'000'000));
  BESOM_ASSIGN_OR_RETURN(
      spec.size,
      IntegerIn(generator, "size", kSmallestPhantom, kLargestPhantom));
  const Json* seed = Member(generator, "seed");
  if (seed == nullptr || !seed->is_number_integer())
    return InvalidError("generator of a phantom, 'seed'", "not an integer");
  spec.seed = seed->get<std::uint64_t>();
  const Json* difficulty = Member(generator, "difficulty");
  if (difficulty == nullptr || !difficulty->is_number() || *difficulty < 0 ||
      *difficulty > 1)
    return InvalidError("generator of a phantom, 'difficulty'",
                        "not a number from 0 to 1");
  spec.difficulty = difficulty->get<double>();
  if (const Json* planted = Member(generator, "planted")) {
    if (!planted->is_boolean())
      return InvalidError("generator of a phantom, 'planted'",
                          "neither true nor false");
    spec.planted = planted->get<bool>();
  }
  return spec;
}

}  // namespace besom::stages
