#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"
#include "sweeps/axis.h"
#include "sweeps/diagnostics.h"
#include "sweeps/environment.h"

namespace besom::sweeps {

/// A condition that every trial must meet.
struct Constraint {
  std::string text;
  Place place;
};

/// A sweep as its YAML describes it, checked and with every default filled in.
///
/// `base` holds name, seed, ingest, split, augment, model, train, evaluate,
/// method, metric, run_cap, early_terminate, resources, limits and slurm with
/// canonical types: whole numbers are JSON integers, numbers JSON doubles,
/// `where` maps a column to a list of patterns, paths are absolute. A source
/// holds the keys of its format only. `model.weights` may still be a map; a
/// trial's config holds the one that its backbone takes.
struct SweepSpec {
  std::string name;
  std::uint64_t seed = 0;
  Json base;
  std::vector<Axis> axes;  ///< Grid and random, as written; last is fastest.
  /// Method `list`: one object (full path -> value) per trial.
  std::vector<Json> listed;
  std::vector<Constraint> constraints;
  std::string method;        ///< grid | list | random.
  std::int64_t run_cap = 0;  ///< Most trials; 0 = no cap.
  Path file;                 ///< Absolute.
  /// Where each key that was given stands, by its path with list elements as
  /// numbers ("ingest.sources.0.path").
  std::map<std::string, Place> places;

  /// All of it but `file` and `places` as one JSON value: equal specs have
  /// equal text. Holds absolute paths: for the record, never for a key.
  Json canonical() const;
  /// The place of `path` or of its nearest parent that was given.
  Place PlaceOf(std::string path) const;
};

/// Reads and checks a sweep's YAML file. `overrides` are `path=value` texts of
/// --set: the value is YAML, relative paths in it are relative to the file
/// like all others, the path is a full one, a last word where that is unique,
/// or one with a source's number or name in it ("ingest.sources.nih.path").
/// kNotFound when there is no such file; kInvalid with `file:line:column`,
/// cause and cure for everything that is wrong in it. Writes nothing.
Result<SweepSpec> LoadSweep(const Path& file,
                            const std::vector<std::string>& overrides,
                            const Environment& environment);

/// The same for YAML text that stands (or would stand) in `file`.
Result<SweepSpec> ParseSweep(std::string_view text, const Path& file,
                             const std::vector<std::string>& overrides,
                             const Environment& environment);

}  // namespace besom::sweeps
