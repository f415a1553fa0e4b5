#include "maintain/retention/decision.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"

namespace varve {

std::string_view to_string(RetentionRule rule) noexcept {
  switch (rule) {
    case RetentionRule::none:
      return "none";
    case RetentionRule::cursors:
      return "cursors";
    case RetentionRule::age:
      return "age";
    case RetentionRule::size:
      return "size";
  }
  return "unknown_rule";
}

bool RetentionPlan::empty() const noexcept {
  return trim_before <= records.begin && !(remove_idle && !idle.empty());
}

namespace maintain {

namespace {

// Thirty thousand years: no sum with a present time overflows.
constexpr std::uint64_t longest_ms = 1'000'000'000'000'000;

bool is_idle(const Cursor& cursor, const RetentionPolicy& policy, std::int64_t now_unix_ms) {
  if (policy.idle_cursors == IdleCursors::hold) return false;
  if (policy.idle_after_ms == 0) return true;
  if (!cursor.readable) return false;  // nobody knows when it was moved
  if (cursor.moved_unix_ms >= now_unix_ms) return false;
  // The difference of any two numbers of 64 bits has room here.
  const auto stood =
      static_cast<std::uint64_t>(now_unix_ms) - static_cast<std::uint64_t>(cursor.moved_unix_ms);
  return stood > policy.idle_after_ms;
}

}  // namespace

Result<void> check(const RetentionPolicy& policy) {
  const auto refuse = [](std::string_view why) {
    return Error(Code::invalid_argument, fmt::format("this retention policy cannot be: {}", why));
  };
  if (!policy.to_cursors && !policy.max_age_ms && !policy.max_bytes) {
    return refuse("it lets nothing go; set cursors, an age or a size");
  }
  if (policy.max_age_ms == 0) return refuse("an age of 0 keeps nothing");
  if (policy.max_bytes == 0) return refuse("a size of 0 keeps nothing");
  if (policy.max_age_ms > longest_ms || policy.idle_after_ms > longest_ms) {
    return refuse("such a time never passes");
  }
  return {};
}

RetentionPlan decide(const RetentionPolicy& policy, const Facts& facts) {
  const auto [begin, end] = facts.records;
  RetentionPlan plan;
  plan.records = facts.records;
  plan.by_age = facts.by_age;
  plan.by_size = facts.by_size;
  plan.remove_idle = policy.idle_cursors == IdleCursors::remove;
  for (const Cursor& cursor : facts.cursors) {
    if (is_idle(cursor, policy, facts.now_unix_ms)) {
      plan.idle.push_back(cursor);
    } else if (cursor.problem && !mutated(Mutant::untrusted_not_heard)) {
      plan.untrusted.push_back(cursor);
    } else if (!plan.lowest_cursor || cursor.offset < plan.lowest_cursor->offset) {
      plan.lowest_cursor = cursor;
    }
  }

  const bool limited = facts.by_age || facts.by_size;
  const Offset by_age = facts.by_age.value_or(0);
  const Offset by_size = facts.by_size.value_or(0);
  Offset below = begin;  // without a cursor nobody has said that anything is done with
  if (limited) {
    below = std::max({begin, by_age, by_size});
    plan.decided_by = by_size > by_age ? RetentionRule::size : RetentionRule::age;
  } else if (plan.lowest_cursor) {
    below = end;
    plan.decided_by = RetentionRule::cursors;
  }
  if (below == begin) plan.decided_by = RetentionRule::none;
  const bool heard = !limited || !mutated(Mutant::cursor_not_heard);
  if (heard && plan.lowest_cursor && plan.lowest_cursor->offset < below) {
    below = plan.lowest_cursor->offset;
    plan.decided_by = RetentionRule::cursors;
    plan.held_back = limited;
  }
  if (!plan.untrusted.empty() && (below > begin || policy.to_cursors)) {
    below = begin;
    plan.decided_by = RetentionRule::cursors;
    plan.held_back = true;
  }
  plan.let_go_below = std::clamp(below, begin, end);
  plan.trim_before = plan.let_go_below;
  return plan;
}

}  // namespace maintain
}  // namespace varve
