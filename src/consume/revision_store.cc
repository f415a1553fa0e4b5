#include "consume/revision_store.h"

#include <fmt/format.h>

#include <memory>

#include "base/clock.h"
#include "format/key.h"
#include "log/request.h"
#include "log/system.h"

namespace varve::consume {

using protocol::CursorReply;
using protocol::CursorRequest;

void add_listed(Revisions& revisions, const Listing& page, std::string_view log_path) {
  for (const ListedObject& object : page.objects) {
    if (auto key = format::parse_cursor_key(log_path, object.key)) {
      revisions[std::move(key->name)].push_back(key->revision);
    }
  }
}

Result<Revisions> RevisionStore::list_all(Deadline deadline) const {
  return list(format::cursors_prefix(log_.path), deadline);
}

Result<Revisions> RevisionStore::list(const std::string& prefix, Deadline deadline) const {
  Revisions revisions;
  std::string after;
  while (true) {
    const auto page = log::ask<Listing>(
        [&](Store::Done<Listing> done) { log_.store->list(prefix, after, 1000, std::move(done)); }, deadline);
    if (!page) return page.error().with_context(prefix);
    add_listed(revisions, *page, log_.path);
    if (!page->truncated || page->objects.empty()) return revisions;
    after = page->objects.back().key;
  }
}

std::string RevisionStore::name_of(std::string_view name, std::uint64_t revision) const {
  return fmt::format("{}/{}", log_.store->describe(), format::cursor_key(log_.path, name, revision));
}

CursorRevision RevisionStore::draw(Offset offset, std::optional<std::uint64_t> history,
                                   std::uint64_t revision) const {
  return protocol::revision_of({.log_id = log_id_,
                                .mover_id = log::random_id(),
                                .offset = offset,
                                .history = history,
                                .now_unix_ms = base::unix_ms()},
                               revision);
}

CursorReply RevisionStore::carry_out(std::string_view name, const CursorRequest& request,
                                     Deadline deadline) const {
  const std::string key = format::cursor_key(log_.path, name, request.revision);
  CursorReply reply;
  const auto fail = [&](const Error& error) {
    reply.error = error.with_context(name_of(name, request.revision));
  };
  switch (request.kind) {
    case CursorRequest::Kind::list: {
      auto listed = list(format::cursor_prefix(log_.path, name), deadline);
      if (!listed) {
        reply.error = listed.error();
      } else if (!listed->empty()) {
        reply.revisions = std::move(listed->begin()->second);
      }
      break;
    }
    case CursorRequest::Kind::list_above: {
      const auto above = log::ask<Listing>(
          [&](Store::Done<Listing> done) {
            log_.store->list(format::cursor_prefix(log_.path, name), key, 1000, std::move(done));
          },
          deadline);
      if (!above) {
        fail(above.error());
        break;
      }
      Revisions revisions;
      add_listed(revisions, *above, log_.path);
      if (!revisions.empty()) reply.revisions = std::move(revisions.begin()->second);
      break;
    }
    case CursorRequest::Kind::get: {
      const auto bytes = log::ask<Bytes>(
          [&](Store::Done<Bytes> done) { log_.store->get(key, {}, std::move(done)); }, deadline);
      if (bytes) {
        reply.bytes.assign(bytes->data.begin(), bytes->data.end());
      } else {
        fail(bytes.error());
      }
      break;
    }
    case CursorRequest::Kind::create: {
      const auto owner = std::make_shared<const std::vector<std::byte>>(request.body);
      const auto created = log::ask<void>(
          [&](Store::Done<void> done) {
            log_.store->put_if_absent(key, {*owner, owner}, std::move(done));
          },
          deadline);
      if (!created) fail(created.error());
      break;
    }
  }
  return reply;
}

template <class Machine>
auto RevisionStore::run(std::string_view name, Machine& machine, Deadline deadline) const
    -> std::remove_cvref_t<decltype(machine.result())> {
  std::optional<CursorRequest> next = machine.start();
  while (next) next = machine.on(carry_out(name, *next, deadline));
  if (!machine.result()) return machine.result().error().with_context(fmt::format("cursor '{}'", name));
  return machine.result();
}

Result<std::optional<NewestRevision>> RevisionStore::newest(std::string_view name, Deadline deadline) const {
  return newest(name, {}, deadline);
}

Result<std::optional<NewestRevision>> RevisionStore::newest(std::string_view name,
                                                            std::vector<std::uint64_t> listed,
                                                            Deadline deadline) const {
  protocol::FindNewestRevision machine(log_id_, std::move(listed));
  return run(name, machine, deadline);
}

Result<bool> RevisionStore::make(std::string_view name, const CursorRevision& revision,
                                 Deadline deadline) const {
  protocol::MakeRevision machine(revision);
  return run(name, machine, deadline);
}

void RevisionStore::forget_one(std::string_view name, std::uint64_t newest) const {
  if (newest > kept_behind) forget(name, {newest - kept_behind - 1}, newest);
}

void RevisionStore::forget(std::string_view name, const std::vector<std::uint64_t>& revisions,
                           std::uint64_t newest) const {
  std::vector<std::string> keys;
  for (const std::uint64_t revision : revisions) {
    const bool obsolete = revision < newest && newest - revision > kept_behind;
    if (obsolete && keys.size() < 1000) keys.push_back(format::cursor_key(log_.path, name, revision));
  }
  if (!keys.empty()) log_.store->remove(std::move(keys), [](const Result<std::vector<RemoveFailure>>&) {});
}

Result<CursorRevision> RevisionStore::change(std::string_view name, protocol::ChangeCursor::Decide decide,
                                             Deadline deadline) const {
  protocol::ChangeCursor machine(log_id_, std::move(decide));
  const auto changed = run(name, machine, deadline);
  if (!changed) return changed.error();
  forget(name, changed->obsolete, changed->now.revision);
  return changed->now;
}

}  // namespace varve::consume
