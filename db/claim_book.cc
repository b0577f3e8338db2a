#include "db/claim_book.h"

#include <utility>

#include "db/connection.h"
#include "db/transaction.h"

namespace besom::db {
namespace {

constexpr auto kImmediate = Transaction::Kind::kImmediate;

}  // namespace

ClaimBook::ClaimBook(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}
ClaimBook::~ClaimBook() = default;

}  // namespace besom::db
