// Large pieces of memory straight from the system, and a stock of them for the next use.
//
// A fresh page costs more than filling it: a fault and a cleared page for every 4 KiB is some 0.1 ns a
// byte in clearing alone and several times that in faults. So what will be filled lies on huge pages,
// where the system lends them (madvise), and is used again rather than given back.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

namespace varve::object_store {

/// Zeroed when new, resident only where touched.
class MappedMemory {
 public:
  MappedMemory() = default;
  /// Empty when the system has none.
  explicit MappedMemory(std::size_t bytes) noexcept;
  /// What it takes for so many bytes: whole pages.
  static std::size_t mapped_bytes(std::size_t bytes) noexcept;
  MappedMemory(MappedMemory&& other) noexcept;
  MappedMemory& operator=(MappedMemory&& other) noexcept;
  ~MappedMemory();

  explicit operator bool() const noexcept { return data_ != nullptr; }
  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  /// Bytes [`from`, `to`) will be filled if they are touched at all: huge pages, where whole ones lie
  /// within. Advice: without them it is slower, and as good.
  void advise_huge_pages(std::size_t from, std::size_t to) const noexcept;

  /// Keeps the first `bytes` (whole pages, fewer than there are), gives the rest.
  MappedMemory split_off(std::size_t bytes) noexcept;
  /// Takes in what begins where this ends.
  void join(MappedMemory next) noexcept;
  [[nodiscard]] bool ends_at(const std::byte* at) const noexcept { return data_ + bytes_ == at; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Memory for bodies that come and go. Large ones go into whole pieces of 2 MiB, which are kept, up to
/// a bound, for the next, whatever their sizes: neighbours are joined and split again. Thread-safe.
class BodyMemory : public std::enable_shared_from_this<BodyMemory> {
 public:
  /// Keeps at most `kept_bytes_max` that nobody uses.
  static std::shared_ptr<BodyMemory> create(std::size_t kept_bytes_max);

  /// Room for `bytes`, uninitialised, the caller's until the last copy goes; null when the system has
  /// none. It may outlive this.
  [[nodiscard]] std::shared_ptr<std::byte[]> take(std::size_t bytes);

  /// The same for what goes in about the order in which it came, as a log's objects do: smaller bodies lie
  /// one behind the other in a piece of 2 MiB, which is kept for the next when the last of them has gone.
  [[nodiscard]] std::shared_ptr<std::byte[]> take_in_line(std::size_t bytes);

 private:
  explicit BodyMemory(std::size_t kept_bytes_max) : kept_bytes_max_(kept_bytes_max) {}
  [[nodiscard]] MappedMemory take_kept(std::size_t mapped_bytes);
  void give_back(MappedMemory memory) noexcept;
  [[nodiscard]] bool keep_apart(MappedMemory memory) noexcept;  // with the mutex held

  const std::size_t kept_bytes_max_;
  std::mutex mutex_;
  std::size_t kept_bytes_ = 0;
  std::map<const std::byte*, MappedMemory> kept_;  // no two of them side by side

  std::mutex line_mutex_;
  std::weak_ptr<std::byte[]> line_;  // the piece that `take_in_line` fills; those who lie there own it
  std::size_t line_used_bytes_ = 0;
};

}  // namespace varve::object_store
