#include "pipeline/store/lock_holder.h"

#include <fmt/format.h>

#include <charconv>

namespace besom {
namespace {

/// Takes the part up to the next ", " off the front of `text`.
std::string_view TakePart(std::string_view& text) {
  const std::size_t end = text.find(", ");
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return part;
}

/// What follows `name` in `part`; false when it does not begin with it.
bool Follows(std::string_view part, std::string_view name,
             std::string_view& value) {
  if (!part.starts_with(name)) return false;
  value = part.substr(name.size());
  return true;
}

template <typename Number>
void ReadNumber(std::string_view text, Number& number) {
  Number read = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, read);
  if (error == std::errc() && stop == end) number = read;
}

}  // namespace

std::string LockHolder::ToText() const {
  std::string text = fmt::format("host {}, pid {}", host, pid);
  if (job.empty()) return text;
  text += ", Slurm job " + job;
  if (!cluster.empty()) text += " of " + cluster;
  if (restarts > 0) text += fmt::format(", restart {}", restarts);
  return text;
}

LockHolder LockHolder::Parse(std::string_view text) {
  LockHolder holder;
  while (!text.empty()) {
    const std::string_view part = TakePart(text);
    std::string_view value;
    if (Follows(part, "host ", value)) {
      holder.host = value;
    } else if (Follows(part, "pid ", value)) {
      ReadNumber(value, holder.pid);
    } else if (Follows(part, "Slurm job ", value)) {
      const std::size_t of = value.find(" of ");
      holder.job = value.substr(0, of);
      if (of != std::string_view::npos) holder.cluster = value.substr(of + 4);
    } else if (Follows(part, "restart ", value)) {
      ReadNumber(value, holder.restarts);
    }
  }
  return holder;
}

}  // namespace besom
