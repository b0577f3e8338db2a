#include "sweeps/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

#include "pipeline/base/json.h"

namespace besom::sweeps {
namespace {

constexpr std::size_t kLongestShown = 60;
constexpr std::size_t kDeepest = 100;

/// Thrown by the handler below and caught in ReadYaml; never leaves this file.
struct Refused {
  Finding finding;
};

/// JSON's strict text encoder tells whether bytes are UTF-8.
bool IsUtf8(const std::string& text) {
  try {
    return !Json(text).dump().empty();
  } catch (const Json::exception&) {
    return false;
  }
}

std::size_t CountNodes(const YamlNode& node) {
  std::size_t count = 1;
  for (const YamlNode& item : node.items) count += CountNodes(item);
  for (const auto& [key, value] : node.entries) count += 1 + CountNodes(value);
  return count;
}

/// Builds a YamlNode from yaml-cpp's events.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& origin) : origin_(origin) {}

  YamlNode Take() { return std::move(root_); }
  /// Where the document begins.
  const Place& start() const { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = At(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Finish(Make(YamlNode::Kind::kNull, mark), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end())
      Refuse(mark, "an alias stands inside what it names", "write it out");
    CountIn(mark, CountNodes(it->second));
    Finish(it->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    YamlNode node = Make(YamlNode::Kind::kScalar, mark);
    node.text = value;
    // yaml-cpp marks plain scalars with the tag "?" and quoted ones with "!".
    node.quoted = tag != "?" && !tag.empty();
    if (!IsUtf8(value)) Refuse(mark, "this text is not UTF-8", "save as UTF-8");
    Finish(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override {
    MergeInto(open_.back());
    Close();
  }

 private:
  struct OpenNode {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    YamlNode key;
    std::map<std::string, int> lines;  ///< Of the keys so far.
    std::vector<YamlNode> merges;
  };

  Place At(const YAML::Mark& mark) const {
    return {origin_, mark.line + 1, mark.column + 1};
  }

  [[noreturn]] void Refuse(const YAML::Mark& mark, std::string cause,
                           std::string cure) const {
    throw Refused{{At(mark), std::move(cause), std::move(cure)}};
  }

  void CountIn(const YAML::Mark& mark, std::size_t nodes) {
    count_ += nodes;
    if (count_ > kMostYamlNodes)
      Refuse(mark, fmt::format("more than {} values", kMostYamlNodes),
             "split the sweep");
  }

  YamlNode Make(YamlNode::Kind kind, const YAML::Mark& mark) {
    CountIn(mark, 1);
    YamlNode node;
    node.kind = kind;
    node.place = At(mark);
    return node;
  }

  bool InKeyPosition() const {
    return !open_.empty() && open_.back().node.is_map() &&
           !open_.back().has_key;
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark,
            YAML::anchor_t anchor) {
    if (InKeyPosition())
      Refuse(mark, "a list or map cannot be a key", "give a word");
    if (open_.size() >= kDeepest)
      Refuse(mark, fmt::format("nested deeper than {} levels", kDeepest),
             "flatten it");
    OpenNode open;
    open.node = Make(kind, mark);
    open.anchor = anchor;
    open_.push_back(std::move(open));
  }

  void Close() {
    YamlNode node = std::move(open_.back().node);
    const YAML::anchor_t anchor = open_.back().anchor;
    open_.pop_back();
    Finish(std::move(node), anchor);
  }

  void Finish(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      TakeKey(parent, std::move(node));
    } else {
      parent.has_key = false;
      // What is missing has no place of its own.
      if (node.is_null()) node.place = parent.key.place;
      if (parent.key.text == "<<" && !parent.key.quoted)
        parent.merges.push_back(std::move(node));
      else
        parent.node.entries.push_back({std::move(parent.key), std::move(node)});
    }
  }

  void TakeKey(OpenNode& parent, YamlNode key) {
    const bool empty = key.text.empty() && !key.quoted;
    if (empty || key.is_list() || key.is_map())
      throw Refused{{key.place, "a key is missing here", "give a word"}};
    key.kind = YamlNode::Kind::kScalar;
    const auto [it, is_new] = parent.lines.emplace(key.text, key.place.line);
    if (!is_new)
      throw Refused{{key.place,
                     fmt::format("the key `{}` stands twice (first in line {})",
                                 key.text, it->second),
                     "keep one of them"}};
    parent.key = std::move(key);
    parent.has_key = true;
  }

  /// YAML 1.1 merge keys: what the map itself says goes first.
  void MergeInto(OpenNode& open) {
    const auto merge = [&](const YamlNode& map) {
      if (!map.is_map())
        throw Refused{{map.place, "`<<` wants a map", "name an anchored map"}};
      for (const auto& [key, value] : map.entries)
        if (open.lines.emplace(key.text, key.place.line).second)
          open.node.entries.push_back({key, value});
    };
    for (const YamlNode& source : open.merges) {
      if (!source.is_list()) merge(source);
      for (const YamlNode& item : source.items) merge(item);
    }
  }

  std::string origin_;
  Place start_{origin_};
  YamlNode root_;
  std::vector<OpenNode> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::size_t count_ = 0;
};

/// Throws what yaml-cpp and TreeBuilder throw.
YamlNode ParseOne(std::string_view text, const std::string& origin) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  TreeBuilder builder(origin);
  parser.HandleNextDocument(builder);
  YamlNode root = builder.Take();
  TreeBuilder rest(origin);
  if (!parser.HandleNextDocument(rest)) return root;
  throw Refused{{rest.start(), "a second document begins here",
                 "one sweep is one document: remove the `---`, or what stands "
                 "here alone"}};
}

/// Looks at nothing: for the parser's own errors.
class SyntaxCheck : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

Status SyntaxError(const YAML::Exception& error, const std::string& origin) {
  const Place place{origin, error.mark.line + 1, error.mark.column + 1};
  return InvalidError(place.ToString(),
                      fmt::format("not valid YAML: {}", error.msg),
                      "indent with spaces; quote texts with `: `, `#`, `{` or "
                      "`}`");
}

/// A broken document may look refused before the parser sees that it is
/// broken (an open bracket looks like a key): its own error says more.
Status RefusalOf(std::string_view text, const std::string& origin,
                 const Finding& refused) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    SyntaxCheck check;
    parser.HandleNextDocument(check);
  } catch (const YAML::Exception& error) {
    return SyntaxError(error, origin);
  }
  return InvalidError(refused.place.ToString(), refused.cause, refused.cure);
}

void ForgetLines(YamlNode& node) {
  node.place.line = 0;
  for (YamlNode& item : node.items) ForgetLines(item);
  for (auto& [key, value] : node.entries) {
    ForgetLines(key);
    ForgetLines(value);
  }
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name.text == key) return &value;
  return nullptr;
}

YamlNode* YamlNode::Find(std::string_view key) {
  for (auto& [name, value] : entries)
    if (name.text == key) return &value;
  return nullptr;
}

std::string YamlNode::Describe() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return items.empty() ? "an empty list" : "a list";
    case Kind::kMap:
      return "a map";
    case Kind::kScalar:
      break;
  }
  const bool is_long = text.size() > kLongestShown;
  const std::string shown =
      is_long ? text.substr(0, kLongestShown) + "..." : text;
  return fmt::format("{}`{}`", quoted ? "the text " : "", shown);
}

Result<YamlNode> ReadYaml(std::string_view text, const std::string& origin) {
  if (text.size() > kLargestYaml)
    return InvalidError(
        origin, fmt::format("{} bytes are too many for a sweep", text.size()),
        fmt::format("at most {} bytes", kLargestYaml));
  // yaml-cpp overlooks that a quote is not closed when the file ends in a line
  // break.
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  text = text.substr(0, last == std::string_view::npos ? 0 : last + 1);
  try {
    return ParseOne(text, origin);
  } catch (const Refused& refused) {
    return RefusalOf(text, origin, refused.finding);
  } catch (const YAML::Exception& error) {
    return SyntaxError(error, origin);
  } catch (const std::exception& error) {
    return InvalidError(origin, fmt::format("not valid YAML: {}", error.what()),
                        "");
  }
}

Result<YamlNode> ReadYamlValue(std::string_view text,
                               const std::string& origin) {
  BESOM_ASSIGN_OR_RETURN(YamlNode node, ReadYaml(text, origin));
  ForgetLines(node);
  return node;
}

}  // namespace besom::sweeps
