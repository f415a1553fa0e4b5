// What the machines of the chain ask of a store, and what they are told. They never see the store:
// whoever drives them carries requests out, in any order, and brings back one reply for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/header.h"
#include "varve/result.h"

namespace varve::protocol {

/// An object's name and size, from a listing.
struct ListedSeq {
  Seq seq = 0;
  std::uint64_t bytes = 0;
  std::optional<std::int64_t> stored_unix_ms = {};  ///< by the store's own clock, if it has one

  friend bool operator==(const ListedSeq&, const ListedSeq&) = default;
};

struct Request {
  enum class Kind : std::uint8_t {
    get_checkpoint,
    put_checkpoint,   ///< `body`
    list,             ///< objects from `seq` on, up to `limit`
    get_header,       ///< the first `format::header_bytes` of `seq`, or `limit` bytes if that is more
    get_object,       ///< all of `seq`
    put_object,       ///< create `seq` with `body` if absent
    remove,           ///< `seqs`
    get_promotion,    ///< whether `writer` put a seal for a promotion of this place: else `not_found`
    put_promotion,    ///< `writer` will
    list_promotions,  ///< whether anybody ever said so: else `not_found`
    put_claim,        ///< create claim `writer`: from then on no sweep deletes without a word to it
    get_revoked,      ///< whether claim `writer` was revoked: else `not_found`
    get_claim,        ///< whether claim `writer` is still there: else `not_found`
    list_claims,      ///< the claims behind `writer`, up to `limit` names
    revoke_claim,     ///< create the mark that claim `writer` is revoked
    remove_claim,     ///< claim `writer`, and the mark; nobody waits for the reply
  };
  Kind kind = Kind::get_checkpoint;
  Seq seq = 0;
  std::uint32_t limit = 0;  ///< of what is listed, in objects; of `get_header`, in bytes
  std::vector<std::byte> body;
  std::vector<Seq> seqs;
  format::Id writer;

  static Request make(Kind kind, Seq seq = 0, std::uint32_t limit = 0) {
    return {kind, seq, limit, {}, {}, {}};
  }
  static Request make(Kind kind, const format::Id& writer) { return {kind, 0, 0, {}, {}, writer}; }
};
using Requests = std::vector<Request>;

/// Whether the machine waits for the reply. If not, a driver may send the request once and forget it.
[[nodiscard]] inline bool is_waited_for(Request::Kind kind) { return kind != Request::Kind::remove_claim; }

/// So many requests of one machine are in flight at most: whoever drives it keeps the rest back.
inline constexpr std::size_t most_at_once = 64;
/// Maximum reads of an object that can't be decoded: a bit may have flipped on the way, and what is
/// unreadable is never taken for absent.
inline constexpr std::uint32_t reads_max = 3;
/// Maximum answers in a row that say "exists" where nothing is: a store may say so of a create that came to
/// nothing.
inline constexpr int false_alarms_max = 8;

/// The most keys that one listing or removal names (a limit of S3).
inline constexpr std::uint32_t page_limit = 1000;

struct Reply {
  Request::Kind kind = Request::Kind::get_checkpoint;  ///< of the request
  Seq seq = 0;                                         ///< of the request
  format::Id claim;                                    ///< get_claim: of the request
  std::optional<Error> error;                          ///< `not_found` and `already_exists` are told here too
  std::vector<std::byte> bytes;                        ///< get_*
  std::vector<ListedSeq> listed;                       ///< list: ascending
  /// list: names under the log's prefix that no log makes, passed over. None hides an object: with nothing
  /// listed there is none from `seq` on.
  std::vector<std::string> strangers;
  bool truncated = false;                ///< list: more may follow
  std::vector<Seq> not_removed;          ///< remove: those that failed
  std::vector<format::Id> claims;        ///< list_claims: not marked as revoked, as far as the listing shows
  std::vector<format::Id> ended_claims;  ///< list_claims: of these, only the mark is listed
  std::optional<format::Id> more_claims_behind;  ///< list_claims: more may follow

  [[nodiscard]] bool is(Code code) const { return error && error->code() == code; }
};

}  // namespace varve::protocol
