// Small objects for the tests of this folder, made as a writer makes them.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/blocks.h"
#include "format/checkpoint.h"
#include "format/cursor.h"
#include "format/header.h"
#include "format/records.h"
#include "format/seal.h"
#include "format/trailer.h"

namespace varve::format::samples {

using Bytes = std::vector<std::byte>;

[[nodiscard]] Bytes bytes_of(std::string_view text);

/// A record, and how much of what was claimed for it was left unused (padding behind it).
struct Claim {
  Bytes payload;
  std::size_t unused = 0;
};

/// DATA in the middle of a log: seq 200 of epoch 100, window 64, records from offset 5000 on.
[[nodiscard]] Header data_header();

/// A whole DATA object; sets what of `header` follows from the records.
Bytes data_object(Header& header, std::span<const Claim> claims);

/// The same, compressed: with records that compress, as each of these tests has them.
Bytes packed_object(Header& header, std::span<const Claim> claims, const Packing& packing);

/// What reading a whole DATA object gives, trailer included.
struct DataRead {
  Header header;
  std::vector<Bytes> payloads;
  std::vector<IndexEntry> index;
  std::vector<BlockEntry> blocks;
};
[[nodiscard]] Result<DataRead> read_data(std::span<const std::byte> object);

// The objects of the golden files.
[[nodiscard]] Header first_seal_header();
[[nodiscard]] SealBody first_seal_body();
[[nodiscard]] Header seal_header_with_history();
[[nodiscard]] SealBody seal_body_with_history();
[[nodiscard]] Header ahead_header();
[[nodiscard]] SealBody ahead_body();
[[nodiscard]] std::vector<Claim> small_claims();
[[nodiscard]] std::vector<Claim> wordy_claims();  ///< they compress
[[nodiscard]] Checkpoint checkpoint();
[[nodiscard]] Checkpoint mirror_checkpoint();
[[nodiscard]] CursorRevision cursor();
[[nodiscard]] CursorRevision bound_cursor();

/// Makes the envelope's checksum hold again after a change to a header (or a checkpoint, all of it).
void mend_checksum(std::span<std::byte> envelope);

}  // namespace varve::format::samples
