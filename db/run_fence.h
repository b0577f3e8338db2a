#pragma once

#include <string_view>

#include "db/connection.h"
#include "db/transaction.h"

namespace besom::db {

/// Begins a transaction that writes on behalf of `run`: kInterrupted once
/// another run has given that one an outcome, and so called it over. As long as
/// the transaction lasts, none can. "" is nobody's run, and is never refused.
Result<Transaction> BeginWritingAs(Connection& connection,
                                   std::string_view run);

}  // namespace besom::db
