#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/result.h"
#include "sweeps/expression.h"

namespace besom::sweeps {

/// A node of an expression's tree; children are indices of the program's
/// nodes, always smaller than the node's own.
struct ExpressionNode {
  enum class Op {
    kConstant,  ///< `constant`.
    kPath,      ///< Value number `path`.
    kList,      ///< The children's values.
    kOr,
    kAnd,
    kNot,
    kNegate,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kCompare,  ///< children[0] ops[0] children[1] ops[1] ...
  };
  enum class Relation {
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kEqual,
    kNotEqual,
    kIn,
    kNotIn
  };
  Op op = Op::kConstant;
  std::size_t position = 0;  ///< Of its first character, from 1.
  Json constant;
  std::size_t path = 0;
  std::vector<std::size_t> children;
  std::vector<Relation> relations;
};

/// A compiled expression: the last node is the root.
struct Expression::Program {
  std::vector<ExpressionNode> nodes;
  std::vector<std::string> paths;
};

/// Parses `text`; errors as Expression::Compile.
Result<Expression::Program> ParseExpression(
    std::string_view text, const Expression::Resolver& resolve);

/// "at character N: cause".
Status ExpressionError(std::size_t position, const std::string& cause,
                       const std::string& cure);

}  // namespace besom::sweeps
