#include "sweeps/expression.h"

#include <fmt/format.h>

#include <algorithm>

#include "sweeps/expression_program.h"

namespace besom::sweeps {
namespace {

using Node = ExpressionNode;
using Op = ExpressionNode::Op;
using Relation = ExpressionNode::Relation;

std::string KindOf(const Json& value) {
  if (value.is_string()) return fmt::format("the text `{}`", value.dump());
  if (value.is_number()) return fmt::format("the number {}", value.dump());
  if (value.is_boolean()) return value.dump();
  return value.is_array() ? "a list" : value.is_null() ? "null" : "a map";
}

/// Evaluates one program over one set of values.
class Evaluation {
 public:
  Evaluation(const Expression::Program& program,
             std::span<const Json* const> values)
      : program_(program), values_(values) {}

  Result<Json> Value(std::size_t index) const {
    const Node& node = program_.nodes[index];
    switch (node.op) {
      case Op::kConstant:
        return node.constant;
      case Op::kPath:
        return *values_[node.path];
      case Op::kList:
        return List(node);
      case Op::kOr:
      case Op::kAnd:
        return Join(node);
      case Op::kNot: {
        BESOM_ASSIGN_OR_RETURN(const bool value, Truth(node.children[0]));
        return Json(!value);
      }
      case Op::kCompare:
        return Compare(node);
      default:
        return Arithmetic(node);
    }
  }

  /// The value as a condition.
  Result<bool> Truth(std::size_t index) const {
    BESOM_ASSIGN_OR_RETURN(const Json value, Value(index));
    if (value.is_boolean()) return value.get<bool>();
    return ExpressionError(
        program_.nodes[index].position,
        fmt::format("{} is neither true nor false", KindOf(value)),
        "compare it with something");
  }

 private:
  Result<Json> List(const Node& node) const {
    Json list = Json::array();
    for (const std::size_t child : node.children) {
      BESOM_ASSIGN_OR_RETURN(Json value, Value(child));
      list.push_back(std::move(value));
    }
    return list;
  }

  Result<Json> Join(const Node& node) const {
    const bool decides = node.op == Op::kOr;
    for (const std::size_t child : node.children) {
      BESOM_ASSIGN_OR_RETURN(const bool value, Truth(child));
      if (value == decides) return Json(decides);
    }
    return Json(!decides);
  }

  Result<double> Number(std::size_t index) const {
    BESOM_ASSIGN_OR_RETURN(const Json value, Value(index));
    if (value.is_number()) return value.get<double>();
    return ExpressionError(program_.nodes[index].position,
                           fmt::format("{} is no number", KindOf(value)), "");
  }

  Result<Json> Arithmetic(const Node& node) const {
    BESOM_ASSIGN_OR_RETURN(const double a, Number(node.children[0]));
    if (node.op == Op::kNegate) return Json(-a);
    BESOM_ASSIGN_OR_RETURN(const double b, Number(node.children[1]));
    if (node.op == Op::kAdd) return Json(a + b);
    if (node.op == Op::kSubtract) return Json(a - b);
    if (node.op == Op::kMultiply) return Json(a * b);
    if (b == 0) return ExpressionError(node.position, "division by zero", "");
    return Json(a / b);
  }

  Result<Json> Compare(const Node& node) const {
    BESOM_ASSIGN_OR_RETURN(Json left, Value(node.children[0]));
    for (std::size_t i = 0; i < node.relations.size(); ++i) {
      BESOM_ASSIGN_OR_RETURN(Json right, Value(node.children[i + 1]));
      BESOM_ASSIGN_OR_RETURN(const bool holds,
                             Holds(node, left, node.relations[i], right));
      if (!holds) return Json(false);
      left = std::move(right);
    }
    return Json(true);
  }

  Result<bool> Holds(const Node& node, const Json& a, Relation relation,
                     const Json& b) const {
    switch (relation) {
      case Relation::kEqual:
        return a == b;
      case Relation::kNotEqual:
        return a != b;
      case Relation::kIn:
      case Relation::kNotIn: {
        if (!b.is_array())
          return ExpressionError(
              node.position,
              fmt::format("`in` wants a list, not {}", KindOf(b)),
              "write [a, b]");
        const bool found = std::find(b.begin(), b.end(), a) != b.end();
        return found == (relation == Relation::kIn);
      }
      default:
        return Ordered(node, a, relation, b);
    }
  }

  Result<bool> Ordered(const Node& node, const Json& a, Relation relation,
                       const Json& b) const {
    const bool numbers = a.is_number() && b.is_number();
    const bool texts = a.is_string() && b.is_string();
    if (!numbers && !texts)
      return ExpressionError(
          node.position,
          fmt::format("{} and {} have no order", KindOf(a), KindOf(b)),
          "use == or !=; a key of the sweep has a dot: model.dropout");
    if (relation == Relation::kLess) return a < b;
    if (relation == Relation::kLessEqual) return a <= b;
    return relation == Relation::kGreater ? a > b : a >= b;
  }

  const Expression::Program& program_;
  std::span<const Json* const> values_;
};

}  // namespace

Status ExpressionError(std::size_t position, const std::string& cause,
                       const std::string& cure) {
  return InvalidError("", fmt::format("at character {}: {}", position, cause),
                      cure);
}

Expression::Expression(std::shared_ptr<const Program> program)
    : program_(std::move(program)) {}

Result<Expression> Expression::Compile(std::string_view text,
                                       const Resolver& resolve) {
  BESOM_ASSIGN_OR_RETURN(Program program, ParseExpression(text, resolve));
  return Expression(std::make_shared<const Program>(std::move(program)));
}

const std::vector<std::string>& Expression::paths() const {
  return program_->paths;
}

Result<bool> Expression::Test(std::span<const Json* const> values) const {
  BESOM_CHECK(values.size() == program_->paths.size(), "one value a path");
  return Evaluation(*program_, values).Truth(program_->nodes.size() - 1);
}

Result<bool> Expression::Test(const Json& config) const {
  static const Json missing;
  std::vector<const Json*> values;
  for (const std::string& path : program_->paths) {
    const Json* value = FindPath(config, path);
    values.push_back(value == nullptr ? &missing : value);
  }
  return Test(values);
}

}  // namespace besom::sweeps
