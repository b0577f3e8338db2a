#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sweeps/diagnostics.h"
#include "sweeps/expression_program.h"
#include "sweeps/scalar.h"
#include "sweeps/schema.h"

namespace besom::sweeps {
namespace {

using Node = ExpressionNode;
using Op = ExpressionNode::Op;
using Relation = ExpressionNode::Relation;

constexpr std::size_t kLongest = 10'000;
constexpr int kDeepest = 100;

struct Token {
  enum class Kind { kEnd, kNumber, kText, kWord, kSign };
  Kind kind = Kind::kEnd;
  std::string text;
  std::size_t position = 0;
};

bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c) || c == '.'; }

/// Cuts the text into tokens.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Result<Token> Next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' ||
                                  text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
    if (at_ == text_.size()) return Make(Token::Kind::kEnd, 0);
    const char c = text_[at_];
    if (IsWordStart(c)) return Make(Token::Kind::kWord, WordLength());
    const bool fraction =
        c == '.' && at_ + 1 < text_.size() && IsDigit(text_[at_ + 1]);
    if (IsDigit(c) || fraction)
      return Make(Token::Kind::kNumber, NumberLength());
    if (c == '"' || c == '\'') return Quoted(c);
    for (const std::string_view sign : {"==", "!=", "<=", ">="})
      if (text_.substr(at_).starts_with(sign))
        return Make(Token::Kind::kSign, 2);
    if (std::string_view("<>+-*/()[],").find(c) != std::string_view::npos)
      return Make(Token::Kind::kSign, 1);
    return ExpressionError(at_ + 1, fmt::format("`{}` has no meaning here", c),
                           c == '=' ? "write == to compare" : "");
  }

 private:
  Token Make(Token::Kind kind, std::size_t length) {
    Token token{kind, std::string(text_.substr(at_, length)), at_ + 1};
    at_ += length;
    return token;
  }

  std::size_t WordLength() const {
    std::size_t end = at_;
    while (end < text_.size() && IsWordPart(text_[end])) ++end;
    return end - at_;
  }

  std::size_t NumberLength() const {
    std::size_t end = at_;
    while (end < text_.size()) {
      const bool sign = (text_[end] == '-' || text_[end] == '+') &&
                        (text_[end - 1] == 'e' || text_[end - 1] == 'E');
      if (!IsWordPart(text_[end]) && !(end > at_ && sign)) break;
      ++end;
    }
    return end - at_;
  }

  Result<Token> Quoted(char quote) {
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos)
      return ExpressionError(at_ + 1, "a text without an end",
                             fmt::format("close it with {}", quote));
    Token token{Token::Kind::kText,
                std::string(text_.substr(at_ + 1, end - at_ - 1)), at_ + 1};
    at_ = end + 1;
    return token;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Recursive descent over the grammar of expression.h.
class Parser {
 public:
  Parser(std::string_view text, const Expression::Resolver& resolve)
      : scanner_(text), resolve_(resolve) {}

  Result<Expression::Program> Run() {
    BESOM_RETURN_IF_ERROR(Advance());
    BESOM_ASSIGN_OR_RETURN(const std::size_t root, Or());
    if (token_.kind != Token::Kind::kEnd)
      return Unexpected("and, or, or the end");
    BESOM_CHECK(root + 1 == program_.nodes.size(), "the root comes last");
    return std::move(program_);
  }

 private:
  using Index = Result<std::size_t>;

  Status Advance() {
    BESOM_ASSIGN_OR_RETURN(token_, scanner_.Next());
    return Status::Ok();
  }

  bool AtWord(std::string_view word) const {
    return token_.kind == Token::Kind::kWord && token_.text == word;
  }
  bool AtSign(std::string_view sign) const {
    return token_.kind == Token::Kind::kSign && token_.text == sign;
  }

  Status Unexpected(std::string_view wanted) const {
    const std::string found = token_.kind == Token::Kind::kEnd
                                  ? "the end"
                                  : fmt::format("`{}`", token_.text);
    return ExpressionError(
        token_.position, fmt::format("{} where {} should stand", found, wanted),
        "");
  }

  std::size_t Push(Node node) {
    program_.nodes.push_back(std::move(node));
    return program_.nodes.size() - 1;
  }

  std::size_t Constant(Json value, std::size_t position) {
    Node node{.op = Op::kConstant, .position = position};
    node.constant = std::move(value);
    return Push(std::move(node));
  }

  /// child (word child)*; one node for all of them.
  template <typename Child>
  Index Chain(std::string_view word, Op op, Child child) {
    Node node{.op = op, .position = token_.position};
    while (true) {
      BESOM_ASSIGN_OR_RETURN(const std::size_t index, (this->*child)());
      node.children.push_back(index);
      if (!AtWord(word)) break;
      BESOM_RETURN_IF_ERROR(Advance());
    }
    return node.children.size() == 1 ? node.children[0] : Push(std::move(node));
  }

  Index Or() {
    if (++depth_ > kDeepest)
      return ExpressionError(token_.position, "nested too deeply", "");
    BESOM_ASSIGN_OR_RETURN(const std::size_t index,
                           Chain("or", Op::kOr, &Parser::And));
    --depth_;
    return index;
  }

  Index And() { return Chain("and", Op::kAnd, &Parser::Not); }

  Index Not() {
    const std::size_t position = token_.position;
    bool negated = false;
    bool any = false;
    while (AtWord("not")) {
      negated = !negated;
      any = true;
      BESOM_RETURN_IF_ERROR(Advance());
    }
    BESOM_ASSIGN_OR_RETURN(const std::size_t child, Comparison());
    if (!any) return child;
    Node node{.op = Op::kNot, .position = position, .children = {child}};
    const std::size_t once = Push(std::move(node));
    if (negated) return once;
    return Push({.op = Op::kNot, .position = position, .children = {once}});
  }

  Result<std::optional<Relation>> TakeRelation() {
    static constexpr std::pair<std::string_view, Relation> kSigns[] = {
        {"<", Relation::kLess},    {"<=", Relation::kLessEqual},
        {">", Relation::kGreater}, {">=", Relation::kGreaterEqual},
        {"==", Relation::kEqual},  {"!=", Relation::kNotEqual}};
    std::optional<Relation> relation;
    for (const auto& [sign, meaning] : kSigns)
      if (AtSign(sign)) relation = meaning;
    if (AtWord("in")) relation = Relation::kIn;
    if (AtWord("not")) {
      BESOM_RETURN_IF_ERROR(Advance());
      if (!AtWord("in")) return Unexpected("`in`");
      relation = Relation::kNotIn;
    }
    if (relation.has_value()) BESOM_RETURN_IF_ERROR(Advance());
    return relation;
  }

  Index Comparison() {
    Node node{.op = Op::kCompare, .position = token_.position};
    const std::size_t paths_before = paths_read_;
    first_ = true;
    BESOM_ASSIGN_OR_RETURN(const std::size_t left, Sum());
    node.children.push_back(left);
    while (true) {
      first_ = false;
      BESOM_ASSIGN_OR_RETURN(const auto relation, TakeRelation());
      if (!relation.has_value()) break;
      node.relations.push_back(*relation);
      BESOM_ASSIGN_OR_RETURN(const std::size_t right, Sum());
      node.children.push_back(right);
    }
    if (node.relations.empty()) return left;
    if (paths_read_ == paths_before) return NoKey(node);
    return Push(std::move(node));
  }

  /// A comparison of constants is a typing mistake in a key's name.
  Status NoKey(const Node& comparison) const {
    std::vector<std::string> names;
    for (const Key& key : SweepSchema().keys())
      if (SweepSchema().IsAxisPath(key.path)) names.push_back(key.path);
    std::string cure;
    const Node& left = program_.nodes[comparison.children[0]];
    if (left.op == Op::kConstant && left.constant.is_string()) {
      const std::string word = left.constant.get<std::string>();
      for (const std::string& name : names) {
        const std::string last = name.substr(name.rfind('.') + 1);
        if (cure.empty() && !NearestName(word, {last}).empty())
          cure = fmt::format("did you mean `{}`?", name);
      }
    }
    return ExpressionError(comparison.position,
                           "this comparison holds no key of the sweep",
                           cure.empty() ? "write a key with a dot, such as "
                                          "model.backbone"
                                        : cure);
  }

  /// child (sign child)*, left to right.
  template <typename Child>
  Index Binary(std::string_view first_sign, Op first_op,
               std::string_view second_sign, Op second_op, Child child) {
    BESOM_ASSIGN_OR_RETURN(std::size_t left, (this->*child)());
    while (AtSign(first_sign) || AtSign(second_sign)) {
      Node node{.op = AtSign(first_sign) ? first_op : second_op,
                .position = token_.position};
      BESOM_RETURN_IF_ERROR(Advance());
      BESOM_ASSIGN_OR_RETURN(const std::size_t right, (this->*child)());
      node.children = {left, right};
      left = Push(std::move(node));
    }
    return left;
  }

  Index Sum() {
    return Binary("+", Op::kAdd, "-", Op::kSubtract, &Parser::Product);
  }
  Index Product() {
    return Binary("*", Op::kMultiply, "/", Op::kDivide, &Parser::Unary);
  }

  Index Unary() {
    const std::size_t position = token_.position;
    if (!AtSign("-")) return Primary();
    BESOM_RETURN_IF_ERROR(Advance());
    if (AtSign("-")) return Unexpected("a number");
    BESOM_ASSIGN_OR_RETURN(const std::size_t child, Primary());
    return Push({.op = Op::kNegate, .position = position, .children = {child}});
  }

  Index Primary() {
    const Token token = token_;
    if (AtSign("(")) return Parenthesis();
    if (AtSign("[")) return List();
    if (token.kind == Token::Kind::kWord) return WordOrPath();
    if (token.kind == Token::Kind::kText) {
      BESOM_RETURN_IF_ERROR(Advance());
      return Constant(token.text, token.position);
    }
    if (token.kind != Token::Kind::kNumber) return Unexpected("a value");
    const auto whole = ParseInteger(token.text);
    const auto number = ParseNumber(token.text);
    if (!number.has_value())
      return ExpressionError(token.position,
                             fmt::format("`{}` is no number", token.text), "");
    BESOM_RETURN_IF_ERROR(Advance());
    return Constant(whole.has_value() ? Json(*whole) : Json(*number),
                    token.position);
  }

  Index Parenthesis() {
    BESOM_RETURN_IF_ERROR(Advance());
    const bool first = first_;
    BESOM_ASSIGN_OR_RETURN(const std::size_t inside, Or());
    first_ = first;
    if (!AtSign(")")) return Unexpected("`)`");
    BESOM_RETURN_IF_ERROR(Advance());
    return inside;
  }

  Index List() {
    Node node{.op = Op::kList, .position = token_.position};
    const bool first = first_;
    first_ = false;
    if (++depth_ > kDeepest)
      return ExpressionError(token_.position, "nested too deeply", "");
    BESOM_RETURN_IF_ERROR(Advance());
    while (!AtSign("]")) {
      BESOM_ASSIGN_OR_RETURN(const std::size_t element, Sum());
      node.children.push_back(element);
      if (!AtSign(",")) break;
      BESOM_RETURN_IF_ERROR(Advance());
    }
    if (!AtSign("]")) return Unexpected("`,` or `]`");
    BESOM_RETURN_IF_ERROR(Advance());
    --depth_;
    first_ = first;
    return Push(std::move(node));
  }

  Index WordOrPath() {
    const Token token = token_;
    for (const char* word : {"and", "or", "not", "in"})
      if (token.text == word) return Unexpected("a value");
    BESOM_RETURN_IF_ERROR(Advance());
    if (token.text == "true") return Constant(true, token.position);
    if (token.text == "false") return Constant(false, token.position);
    if (token.text == "null") return Constant(nullptr, token.position);
    const bool dotted = token.text.find('.') != std::string::npos;
    if (!dotted && !first_) return Constant(token.text, token.position);
    const std::vector<std::string> candidates = resolve_(token.text);
    if (candidates.size() == 1) return PathNode(candidates[0], token.position);
    if (!dotted && candidates.empty())
      return Constant(token.text, token.position);
    return UnknownPath(token, candidates);
  }

  std::size_t PathNode(const std::string& path, std::size_t position) {
    ++paths_read_;
    std::vector<std::string>& paths = program_.paths;
    const auto it = std::find(paths.begin(), paths.end(), path);
    Node node{.op = Op::kPath, .position = position};
    node.path = static_cast<std::size_t>(it - paths.begin());
    if (it == paths.end()) paths.push_back(path);
    return Push(std::move(node));
  }

  static Status UnknownPath(const Token& token,
                            const std::vector<std::string>& candidates) {
    if (!candidates.empty())
      return ExpressionError(
          token.position,
          fmt::format("`{}` may stand for several keys", token.text),
          "write one of: " + JoinNames(candidates));
    std::vector<std::string> names;
    for (const Key& key : SweepSchema().keys())
      if (SweepSchema().IsAxisPath(key.path)) names.push_back(key.path);
    const std::string hint = DidYouMean(token.text, names);
    return ExpressionError(token.position,
                           fmt::format("`{}` is no key of a sweep", token.text),
                           hint.empty() ? "quote it if it is a text" : hint);
  }

  Scanner scanner_;
  const Expression::Resolver& resolve_;
  Token token_;
  Expression::Program program_;
  std::size_t paths_read_ = 0;
  bool first_ = true;  ///< A bare word here may be a key.
  int depth_ = 0;
};

}  // namespace

Result<Expression::Program> ParseExpression(
    std::string_view text, const Expression::Resolver& resolve) {
  if (text.size() > kLongest)
    return ExpressionError(kLongest, "the expression is too long", "");
  return Parser(text, resolve).Run();
}

}  // namespace besom::sweeps
