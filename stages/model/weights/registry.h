#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/files.h"
#include "pipeline/base/json.h"
#include "pipeline/base/result.h"

namespace besom::stages {

/// What a publisher says of the bytes of a file.
struct PublishedDigest {
  enum class Kind {
    kSha256,        ///< All 64 digits.
    kSha256Prefix,  ///< Its first digits, at least 8.
    kMd5,           ///< 32 digits; tells damage, not malice.
  };
  Kind kind = Kind::kSha256;
  std::string hex;  ///< Lower case.

  /// "sha256:0a1b...", a prefix ending in "...", or "md5:0a1b".
  std::string ToText() const;
};

/// Pretrained weights that somebody publishes.
struct PretrainedWeights {
  std::string name;       ///< As `model.weights` takes it: "vgg16.keras".
  std::string backbone;   ///< As `model.backbone` takes it.
  bool imagenet = false;  ///< `imagenet` means these for their backbone.
  std::string publisher;
  /// Where the file is. Empty when it comes in a package that the set-up
  /// installs.
  std::string url;
  std::string package;     ///< That package; empty when there is a `url`.
  PublishedDigest digest;  ///< Of the published file.
  double mebibytes = 0;    ///< Of the published file; 0 = not published.
  Json preprocessing;      ///< As Preprocessing::FromJson reads it.
  int input_size = 0;      ///< Pixels that they were trained or tested at.
  std::string license;
  std::string citation;

  /// What a converted file names as its source: the URL or the package.
  const std::string& source() const { return url.empty() ? package : url; }
};

/// The pretrained weights that besom knows, as data: registry.json in this
/// folder is compiled in. Immutable; any thread.
class WeightsRegistry {
 public:
  /// The built-in one, or the file that $BESOM_WEIGHTS_REGISTRY names (a
  /// mirror's addresses; tests). kInvalid says what is wrong with that file.
  static Result<WeightsRegistry> Load();
  /// Reads a list of entries; `place` names the text in errors. Holds it to:
  /// names are unique and begin with "BACKBONE.", one `imagenet` at most for
  /// each backbone, exactly one source and one digest each.
  static Result<WeightsRegistry> Parse(std::string_view text,
                                       std::string_view place);
  static std::string_view BuiltInText();

  /// In the order of the file: by backbone.
  const std::vector<PretrainedWeights>& entries() const { return entries_; }
  /// Null when there is no such entry.
  const PretrainedWeights* Find(std::string_view name) const;
  /// What `imagenet` means for `backbone`; null when nothing does.
  const PretrainedWeights* Imagenet(std::string_view backbone) const;
  /// The entry that a converted file's `source` names; null for others.
  const PretrainedWeights* OfSource(std::string_view backbone,
                                    std::string_view source) const;
  /// Names of the entries of `backbone`, separated by ", ".
  std::string NamesOf(std::string_view backbone) const;

 private:
  std::vector<PretrainedWeights> entries_;
};

}  // namespace besom::stages
